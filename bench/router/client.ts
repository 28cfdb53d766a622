/**
 * The bench's side of a connection: one kept-alive connection, one request at a time, first byte and end timed.
 */
import { Agent, request } from "node:http";

/** Where requests go. */
export type Place = { socketPath: string; proxy?: boolean } | { host: string; port: number };

/** Sends bodies to one place, one after the other. */
export class Caller {
  readonly #place: Place;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(place: Place, key: string) {
    this.#place = place;
    this.#key = key;
  }

  /** Milliseconds to the first token's bytes and to the end. */
  call(body: Buffer): Promise<{ first: number; total: number }> {
    return new Promise((resolve, reject) => {
      const at = performance.now();
      let first = 0;
      const req = this.#request(body);
      req.on("response", (res) => {
        res.on("data", () => {
          first ||= performance.now() - at;
        });
        res.on("end", () =>
          res.statusCode === 200
            ? resolve({ first, total: performance.now() - at })
            : reject(new Error(`status ${res.statusCode}`)),
        );
      });
      req.on("error", reject);
      req.end(body);
    });
  }

  /** Starts a call and hangs up when `when` says so. */
  cancel(body: Buffer, when: "waiting" | "streaming"): Promise<void> {
    return new Promise((resolve) => {
      const req = this.#request(body, new Agent());
      req.on("error", () => resolve());
      req.on("close", () => resolve());
      if (when === "streaming") req.on("response", (res) => res.once("data", () => req.destroy()));
      else setTimeout(() => req.destroy(), 30);
      req.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(body: Buffer, agent = this.#agent) {
    // A proxy is told the whole URL.
    const base = "proxy" in this.#place ? "http://inference.local" : "";
    return request({
      ...this.#place,
      agent,
      method: "POST",
      path: `${base}/v1/chat/completions`,
      headers: {
        host: "socketPath" in this.#place ? "inference.local" : `${this.#place.host}:${this.#place.port}`,
        "content-type": "application/json",
        "content-length": body.length,
        authorization: `Bearer ${this.#key}`,
      },
    });
  }
}

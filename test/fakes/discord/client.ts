/** A bare client of the fake for its own tests: requests as they are, and a gateway socket that records. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { type FakeDiscord, type FakeOptions, startFakeDiscord } from "./server.ts";

/** A well-behaved message body. */
export const body = (content: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  content,
  flags: 4,
  allowed_mentions: { parse: [] },
  ...more,
});

/** What came back. */
export interface Answer {
  status: number;
  json: Record<string, unknown>;
  headers: Headers;
}

/** The fake and a client. */
export interface Bench {
  fake: FakeDiscord;
  rest(
    method: string,
    path: string,
    json?: unknown,
    more?: { auth?: string; form?: FormData },
  ): Promise<Answer>;
  connect(query?: string): Promise<Peer>;
  close(): Promise<void>;
}

/** A socket that remembers what it got. */
export interface Peer {
  got: { op: number; t?: string; d: Record<string, unknown>; s?: number }[];
  closed: Promise<number>;
  send(op: number, d: unknown): void;
  raw(text: string): void;
  /** Waits for a payload that is not yet taken. */
  next(op: number, event?: string): Promise<Record<string, unknown>>;
  terminate(): void;
}

/** Starts both. */
export async function bench(options: FakeOptions = { limits: "off" }): Promise<Bench> {
  const fake = await startFakeDiscord({ ...options, gateway: { identifyMs: 0, ...options.gateway } });
  const peers: Peer[] = [];
  return {
    fake,
    async rest(method, path, json, { auth = `Bot ${fake.token}`, form } = {}) {
      const response = await fetch(`${fake.url}/v10${path}`, {
        method,
        headers: {
          ...(auth === "" ? {} : { authorization: auth }),
          ...(form || json === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(form ? { body: form } : json === undefined ? {} : { body: JSON.stringify(json) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        json: text === "" ? {} : JSON.parse(text),
        headers: response.headers,
      };
    },
    async connect(query = "?v=10&encoding=json") {
      const peer = await open(`${fake.url.replace("http", "ws")}/${query}`);
      peers.push(peer);
      return peer;
    },
    async close() {
      for (const peer of peers) peer.terminate();
      await fake.close();
    },
  };
}

async function open(url: string): Promise<Peer> {
  const socket = new WebSocket(url);
  const got: Peer["got"] = [];
  const waiting: (() => void)[] = [];
  socket.on("message", (bytes) => {
    got.push(JSON.parse(String(bytes)));
    for (const wake of waiting.splice(0)) wake();
  });
  const closed = once(socket, "close").then(([code]) => code as number);
  await once(socket, "open");
  return {
    got,
    closed,
    send: (op, d) => socket.send(JSON.stringify({ op, d })),
    raw: (text) => socket.send(text),
    terminate: () => socket.terminate(),
    async next(op, event) {
      const end = Date.now() + 3_000;
      for (;;) {
        const at = got.findIndex((one) => one.op === op && (event === undefined || one.t === event));
        if (at >= 0) return got.splice(at, 1)[0]!.d;
        if (Date.now() > end) throw new Error(`no op ${op} ${event ?? ""}; got ${JSON.stringify(got)}`);
        await Promise.race([
          new Promise<void>((resolve) => waiting.push(resolve)),
          new Promise((resolve) => setTimeout(resolve, 100)),
        ]);
      }
    },
  };
}

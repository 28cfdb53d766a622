/**
 * A strict fake of a model vendor: OpenAI chat completions and transcriptions, Anthropic messages, JSON and event streams,
 * with faults on demand. Records what it was sent and when its clients went away. Tests read its state, never the router's word.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Rendered, renderAnthropic, renderOpenAI } from "./answers.ts";
import type { Behaviour } from "./behaviour.ts";
import { checkAnthropic, checkOpenAI } from "./strict.ts";
import { type Form, readForm } from "./transcription.ts";

export type { Behaviour } from "./behaviour.ts";

/** A request that arrived. */
export interface Seen {
  path: string;
  headers: Record<string, string | string[] | undefined>;
  raw: Buffer;
  body: Record<string, unknown>;
  /** Of a transcription. */
  file?: Form["file"];
  arrivedAt: number;
  /** Bytes of the answer that the socket took. */
  sent: number;
  /** performance.now() when the client went away before the answer was complete. */
  abortedAt: number | undefined;
  completed: boolean;
}

/** A running fake. */
export interface FakeVendor {
  /** Base URL with /v1. */
  url: string;
  seen: Seen[];
  /** The next requests do these, in order; then `otherwise`, which may look at the request. */
  queue: Behaviour[];
  otherwise: Behaviour | ((body: Record<string, unknown>) => Behaviour);
  close(): Promise<void>;
}

/** Starts one on a free port of loopback. */
export async function startFakeVendor(
  options: { key?: string; models?: string[]; lax?: boolean; record?: boolean } = {},
): Promise<FakeVendor> {
  const key = options.key ?? "sk-fake-vendor-key-0123456789";
  const models = new Set(options.models ?? ["fake-1", "fake-2"]);
  const vendor: FakeVendor = { url: "", seen: [], queue: [], otherwise: {}, close: async () => {} };

  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => void serve(req, res, Buffer.concat(chunks)).catch(() => res.destroy()));
    req.on("error", () => res.destroy());
  });

  async function serve(req: IncomingMessage, res: ServerResponse, raw: Buffer): Promise<void> {
    const path = req.url ?? "";
    const seen: Seen = {
      path,
      headers: req.headers,
      raw: options.record === false ? Buffer.alloc(0) : raw,
      body: {},
      arrivedAt: performance.now(),
      sent: 0,
      abortedAt: undefined,
      completed: false,
    };
    vendor.seen.push(seen);
    res.on("close", () => {
      seen.completed = res.writableFinished;
      if (!res.writableFinished) seen.abortedAt = performance.now();
    });
    if (req.method === "GET" && path === "/v1/models") {
      const said = req.headers["x-api-key"] ?? req.headers.authorization?.replace(/^Bearer /, "");
      if (said !== key) return fail(res, 401, "Incorrect API key provided.");
      res.writeHead(200, { "content-type": "application/json" });
      return void res.end(
        JSON.stringify({ object: "list", data: [...models].map((id) => ({ id, object: "model" })) }),
      );
    }
    if (req.method === "POST" && path === "/v1/audio/transcriptions")
      return await transcribe(req, res, raw, seen);
    const anthropic = path === "/v1/messages";
    if (req.method !== "POST" || !(anthropic || path === "/v1/chat/completions"))
      return fail(res, 404, "Not found");
    try {
      seen.body = options.lax ? laxBody(raw) : (JSON.parse(raw.toString("utf8")) as Record<string, unknown>);
    } catch {
      return fail(res, 400, "We could not parse the JSON body of your request.");
    }
    const behaviour =
      vendor.queue.shift() ??
      (typeof vendor.otherwise === "function" ? vendor.otherwise(seen.body) : vendor.otherwise);
    const check = anthropic ? checkAnthropic : checkOpenAI;
    const complaint = options.lax ? undefined : check(seen.body, req.headers, key, models);
    if (complaint) return fail(res, complaint.status, complaint.message);
    if (behaviour.delayMs) await sleep(behaviour.delayMs);
    if (behaviour.reset === "before") return void res.socket?.resetAndDestroy();
    if (behaviour.hang === "before") return;
    if (behaviour.status) {
      const message = behaviour.message ?? `internal trace: worker-17.internal refused ${key} at 10.1.2.3`;
      return fail(res, behaviour.status, message, behaviour.headers);
    }
    const render = anthropic ? renderAnthropic : renderOpenAI;
    const rendered = render(
      withKey(behaviour, key),
      String(seen.body["model"] ?? "fake-1"),
      Math.ceil(raw.length / 5),
    );
    const type = seen.body["stream"] === true ? "text/event-stream" : "application/json";
    const headers = {
      "content-type": behaviour.contentType ?? type,
      "x-request-id": "vendor-request",
      "set-cookie": "vendor=1",
      "openai-organization": "internal-org",
      ...behaviour.headers,
    };
    res.writeHead(200, headers);
    if (behaviour.reset === "headers" || behaviour.hang === "headers") {
      res.flushHeaders();
      if (behaviour.reset) setTimeout(() => res.socket?.resetAndDestroy(), 5);
      return;
    }
    if (seen.body["stream"] !== true) return void res.end(rendered.whole);
    await stream(res, rendered, behaviour, seen, anthropic);
  }

  async function transcribe(
    req: IncomingMessage,
    res: ServerResponse,
    raw: Buffer,
    seen: Seen,
  ): Promise<void> {
    const read = readForm(raw, req.headers, key);
    if ("complaint" in read) return fail(res, read.complaint.status, read.complaint.message);
    const { fields, file } = read.form;
    seen.body = { ...fields };
    seen.file = file;
    const behaviour =
      vendor.queue.shift() ??
      (typeof vendor.otherwise === "function" ? vendor.otherwise(seen.body) : vendor.otherwise);
    if (behaviour.delayMs) await sleep(behaviour.delayMs);
    if (behaviour.reset === "before") return void res.socket?.resetAndDestroy();
    if (behaviour.hang === "before") return;
    if (behaviour.status)
      return fail(res, behaviour.status, behaviour.message ?? `refused ${key}`, behaviour.headers);
    const { text = "this was said" } = withKey(behaviour, key);
    const usage =
      fields["model"] === "fake-whisper"
        ? { type: "duration", seconds: 3 }
        : { type: "tokens", input_tokens: 30, output_tokens: 5, total_tokens: 35 };
    res.writeHead(200, {
      "content-type": behaviour.contentType ?? "application/json",
      "x-request-id": "vendor-request",
    });
    res.end(JSON.stringify({ text, ...(behaviour.omit?.includes("usage") ? {} : { usage }) }));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vendor.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  vendor.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return vendor;
}

async function stream(
  res: ServerResponse,
  rendered: Rendered,
  behaviour: Behaviour,
  seen: Seen,
  anthropic: boolean,
): Promise<void> {
  const write = async (text: string): Promise<void> => {
    seen.sent += Buffer.byteLength(text);
    if (res.write(text) || res.destroyed) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        res.off("drain", done).off("close", done);
        resolve();
      };
      res.on("drain", done).on("close", done);
    });
  };
  let sent = 0;
  for (const chunk of rendered.chunks) {
    if (res.destroyed) return;
    if (behaviour.reset === sent) return void res.socket?.resetAndDestroy();
    if (behaviour.hang === sent) return;
    if (behaviour.errorEvent === sent) {
      const error = { message: "internal: engine node-9 crashed", type: "server_error" };
      await write(
        `${anthropic ? "event: error\n" : ""}data: ${JSON.stringify(anthropic ? { type: "error", error } : { error })}\n\n`,
      );
      return void res.end();
    }
    if (behaviour.echoKey === "split") {
      await write(chunk.slice(0, chunk.length - 60));
      await sleep(10);
      await write(chunk.slice(chunk.length - 60));
    } else await write(chunk);
    sent++;
    if (behaviour.chunkMs) await sleep(behaviour.chunkMs);
  }
  if (behaviour.flood) {
    const filler = rendered.chunks.at(-1) ?? "";
    while (seen.sent < behaviour.flood && !res.destroyed) await write(filler);
  }
  res.end(rendered.ending.join(""));
}

/** For benches: the vendor's own parsing must not be what is measured. */
function laxBody(raw: Buffer): Record<string, unknown> {
  return { stream: raw.includes('"stream":true'), model: "fake-1" };
}

function withKey(behaviour: Behaviour, key: string): Behaviour {
  if (!behaviour.echoKey) return behaviour;
  const shown = behaviour.echoKey === "base64" ? Buffer.from(`Bearer ${key}`).toString("base64") : key;
  return { ...behaviour, text: `your-key-is-${shown}-thanks` };
}

function fail(
  res: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, { "content-type": "application/json", ...headers });
  res.end(JSON.stringify({ error: { message, type: "vendor_error", code: null, param: null } }));
}

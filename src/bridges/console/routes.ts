/**
 * The console's HTTP interface, the same over the unix socket and over TCP.
 * Must never trust a request's size or shape: bodies are bounded and parsed with zod; who may ask was decided before.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { CommandRequest, SendRequest, type SendResponse, TapRequest, type TapResponse } from "./events.ts";
import { SECURITY_HEADERS } from "./guard.ts";
import type { Asset } from "./page.ts";
import type { EventStreams } from "./stream.ts";

/** What requests lead to. */
export interface ConsoleActions {
  send(request: { text: string; id: string; chat: string }): Promise<SendResponse>;
  command(name: "stop" | "new", request: { id: string; chat: string }): Promise<SendResponse>;
  /** A button was pressed. */
  tap(request: TapRequest): Promise<TapResponse>;
  /** Somebody opened the chat or types. */
  attention(): void;
}

/** What the routes need. */
export interface RouteDeps {
  actions: ConsoleActions;
  streams: EventStreams;
  assets: ReadonlyMap<string, Asset>;
  logger: Logger;
}

const MAX_BODY = 512 * 1024;

/** Answers one request that may be answered. */
export async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  deps: RouteDeps,
): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  try {
    await route(request, response, deps);
  } catch (error) {
    failure(response, error, deps.logger);
  }
}

async function route(request: IncomingMessage, response: ServerResponse, deps: RouteDeps): Promise<void> {
  const url = new URL(request.url ?? "/", "http://console");
  const { actions, streams, assets } = deps;
  switch (`${request.method} ${url.pathname}`) {
    case "GET /api/events":
      actions.attention();
      return streams.open(response, url.searchParams.get("chat") ?? undefined, position(request, url));
    case "POST /api/messages":
      return json(response, 200, await actions.send(parse(SendRequest, await body(request))));
    case "POST /api/stop":
      return json(response, 200, await actions.command("stop", parse(CommandRequest, await body(request))));
    case "POST /api/new":
      return json(response, 200, await actions.command("new", parse(CommandRequest, await body(request))));
    case "POST /api/tap":
      return json(response, 200, await actions.tap(parse(TapRequest, await body(request))));
    case "POST /api/typing":
      actions.attention();
      return json(response, 200, {});
  }
  const asset = request.method === "GET" ? assets.get(url.pathname) : undefined;
  if (!asset) throw new Fault({ code: "not-found", message: `no ${request.method} ${url.pathname}` });
  response.writeHead(200, { "content-type": asset.type }).end(asset.bytes);
}

/** `Last-Event-ID` (a browser's or ours on reconnect) goes before `?after=`. */
function position(request: IncomingMessage, url: URL): number | "end" | undefined {
  const given = request.headers["last-event-id"] ?? url.searchParams.get("after") ?? "";
  if (given === "end") return "end";
  return /^[0-9]{1,15}$/.test(String(given)) ? Number(given) : undefined;
}

async function body(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Fault({ code: "too-large", message: `body over ${MAX_BODY} bytes` });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new Fault({ code: "bad-request", message: "body is no JSON", cause });
  }
}

function parse<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T; error?: Error } },
  value: unknown,
): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new Fault({ code: "bad-request", message: result.error?.message ?? "invalid" });
  return result.data as T;
}

const STATUS: Readonly<Record<string, number>> = { "bad-request": 400, "not-found": 404, "too-large": 413 };

function failure(response: ServerResponse, error: unknown, logger: Logger): void {
  const fault =
    error instanceof Fault ? error : new Fault({ code: "internal", message: String(error), cause: error });
  const status = STATUS[fault.code] ?? 503;
  if (status === 503) logger.warn({ err: error }, "console request failed");
  if (response.headersSent) return void response.destroy();
  if (fault.code === "too-large") response.setHeader("connection", "close");
  // A client's own mistake is told in full; our troubles are only named.
  const message = status === 503 ? fault.userMessage : fault.message;
  json(response, status, { error: { code: fault.code, message, retryable: fault.retryable } });
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, value: unknown): void {
  response
    .writeHead(status, { "content-type": "application/json; charset=utf-8" })
    .end(JSON.stringify(value));
}

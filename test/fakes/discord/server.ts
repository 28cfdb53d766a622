/**
 * The fake's wire: REST below `/v10/`, the gateway's websocket at `/`, files below `/attachments/`, `/control/<action>`.
 * Carries out ordered troubles at the right instant: before the effect or after it, never half.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { breakAnswer } from "../common/faults.ts";
import { FakeBot } from "./bot.ts";
import { ApiError, tooMany, unauthorized, unknownRoute } from "./errors.ts";
import type { Fault } from "./faults.ts";
import { type GatewayOptions, INTENTS } from "./gateway.ts";
import { type LimitOptions, REAL_LIMITS } from "./limits.ts";
import { type Body, readBody, readBytes } from "./request.ts";
import { ROUTES, type Route } from "./routes.ts";

/** How to start a fake. */
export interface FakeOptions {
  port?: number;
  token?: string;
  /** Other numbers than the real ones; `off` for load tests. */
  limits?: Partial<LimitOptions> | "off";
  gateway?: Partial<GatewayOptions>;
  nonceMs?: number;
}

/** A running fake: the bot's controls plus where it listens. */
export interface FakeDiscord {
  bot: FakeBot;
  /** For `DISCORD_API_ROOT`. */
  url: string;
  token: string;
  close(): Promise<void>;
}

/** A token of the real shape: the bot's id in base64, a time, a signature. */
export function tokenFor(id: string): string {
  return `${Buffer.from(id).toString("base64url")}.GfAkeT.fake-token-for-tests-0123456789abcdefgh`;
}

/** What `/control/<action>` may call; arguments are a JSON array. */
export const CONTROLS = [
  "addUser",
  "addGuild",
  "addChannel",
  "addThread",
  "archive",
  "dm",
  "close",
  "say",
  "tell",
  "sayBefore",
  "edit",
  "remove",
  "command",
  "press",
  "age",
  "fromBot",
  "messages",
  "thinking",
  "interaction",
  "typingCount",
  "commandsOf",
  "callsOf",
  "breaches",
  "fault",
  "clearFaults",
  "drop",
  "askReconnect",
  "invalidate",
  "setGateway",
  "sessions",
  "raw",
] as const satisfies readonly (keyof FakeBot)[];

/** Starts a fake Discord on 127.0.0.1. */
export async function startFakeDiscord(options: FakeOptions = {}): Promise<FakeDiscord> {
  const token = options.token ?? tokenFor("900000000000000001");
  let base = "";
  const gateway: GatewayOptions = {
    heartbeatMs: 41_250,
    privileged: INTENTS.messageContent,
    shards: 1,
    leastShards: 1,
    maxConcurrency: 1,
    identifyMs: 5_000,
    sessionStartsLeft: 1_000,
    sessionLifeMs: 60_000,
    muted: false,
    ...options.gateway,
  };
  const limits = options.limits === "off" ? undefined : { ...REAL_LIMITS, ...options.limits };
  const bot = new FakeBot({ token, base: () => base, limits, gateway, nonceMs: options.nonceMs ?? 180_000 });
  const server = createServer((request, response) => {
    void serve(bot, request, response).catch((error: unknown) => {
      if (!response.headersSent) reply(response, 500, { message: String(error), code: 0 });
    });
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    const { searchParams } = new URL(request.url ?? "/", "http://fake");
    sockets.handleUpgrade(request, socket, head, (peer) => bot.gateway.accept(peer, searchParams.get("v")));
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { bot, url: base, token, close: () => stop(server, sockets) };
}

async function stop(server: Server, sockets: WebSocketServer): Promise<void> {
  for (const peer of sockets.clients) peer.terminate();
  sockets.close();
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

async function serve(bot: FakeBot, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  const bytes = await readBytes(request);
  if (url.pathname.startsWith("/control/")) return control(bot, url.pathname.slice(9), bytes, response);
  if (url.pathname.startsWith("/attachments/")) return download(bot, url.pathname, response);
  const version = /^(?:\/api)?\/v(\d+)(\/.*)$/.exec(url.pathname);
  if (version?.[1] !== "10") return reply(response, 404, { message: "404: Not Found", code: 0 });
  await call(bot, { path: decodeURIComponent(version[2]!), url, request, bytes, response });
}

function control(bot: FakeBot, action: string, body: Buffer, response: ServerResponse): void {
  const name = CONTROLS.find((known) => known === action);
  if (!name) {
    reply(response, 404, { error: `no control ${action}` });
    return;
  }
  try {
    const args = body.length === 0 ? [] : (JSON.parse(body.toString("utf8")) as unknown[]);
    const result = (bot[name] as (...args: unknown[]) => unknown).apply(bot, args);
    reply(response, 200, { result: result ?? null });
  } catch (error) {
    reply(response, 400, { error: String(error) });
  }
}

function download(bot: FakeBot, path: string, response: ServerResponse): void {
  const file = bot.state.files.get(path);
  if (!file) reply(response, 404, { message: "404: Not Found", code: 0 });
  else response.writeHead(200, { "content-type": "application/octet-stream" }).end(file.bytes);
}

interface Incoming {
  path: string;
  url: URL;
  request: IncomingMessage;
  bytes: Buffer;
  response: ServerResponse;
}

async function call(bot: FakeBot, { path, url, request, bytes, response }: Incoming): Promise<void> {
  const at = Date.now();
  const found = ROUTES.find((one) => one.method === request.method && one.path.test(path));
  let body: Body = { json: {}, files: new Map() };
  let headers: Record<string, string> = {};
  let fault: Fault | undefined;
  const name = found?.name ?? "unknown";
  const log = (outcome: string) =>
    bot.calls.push({
      route: name,
      path: path + url.search,
      body: body.json,
      at,
      outcome,
      fault: fault?.kind ?? "",
    });
  try {
    if (!found) throw unknownRoute();
    authorize(bot, found, request);
    body = readBody(request.headers["content-type"] ?? "", bytes);
    fault = bot.faults.take(name, { path, body: body.json });
    if (fault) await before(fault, request);
    if (fault?.kind === "reset-before-apply") return void log("reset");
    const ids = found.path.exec(path)!.slice(1);
    headers = bot.limits.take(name, ids[0] ?? "");
    const result = found.handle(bot, { ids, query: url.searchParams, body });
    log("ok");
    if (fault && breakAnswer(fault, request, response)) return;
    if (result === undefined) response.writeHead(204, headers).end();
    else reply(response, 200, result, headers);
  } catch (error) {
    const refusal = error instanceof ApiError ? error : new ApiError(500, 0, `500: ${String(error)}`);
    if (refusal.message.startsWith("FAKE: ")) bot.violations.push(`${name}: ${refusal.message}`);
    log(`${refusal.status} ${refusal.code} ${refusal.message}`);
    if (fault && breakAnswer(fault, request, response)) return;
    const { status, code, message, extra } = refusal;
    reply(response, status, { message, code, ...extra }, { ...headers, ...refusal.headers });
  }
}

function authorize(bot: FakeBot, found: Route, request: IncomingMessage): void {
  if (found.auth && request.headers.authorization !== `Bot ${bot.token}`) throw unauthorized();
}

async function before(fault: Fault, request: IncomingMessage): Promise<void> {
  if (fault.kind === "delay") await sleep(fault.ms ?? 30_000);
  if (fault.kind === "429") throw tooMany(fault.retryAfter ?? 1, fault.global ?? false, "shared");
  if (fault.kind === "error")
    throw new ApiError(fault.status ?? 400, fault.code ?? 0, fault.description ?? "Bad Request");
  if (fault.kind === "reset-before-apply") request.socket.resetAndDestroy();
}

function reply(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

/**
 * The fake's HTTP side: `/bot<token>/<method>`, `/file/bot<token>/<path>` and `/control/<action>`.
 * Carries out ordered troubles at the right instant: before the effect or after it, never half.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { breakAnswer } from "../common/faults.ts";
import { FakeBot } from "./bot.ts";
import { ApiError, badRequest, tooMany } from "./errors.ts";
import type { Fault } from "./faults.ts";
import { type LimitOptions, REAL_LIMITS } from "./limits.ts";
import { METHODS } from "./methods.ts";
import { checkParams, type Params } from "./params.ts";
import { readBody, readParams } from "./request.ts";

/** How to start a fake. */
export interface FakeOptions {
  port?: number;
  token?: string;
  username?: string;
  /** Other numbers than the real ones; `off` for load tests. */
  limits?: Partial<LimitOptions> | "off";
}

/** A running fake: the bot's controls plus where it listens. */
export interface FakeTelegram {
  bot: FakeBot;
  /** For `TELEGRAM_API_ROOT`. */
  url: string;
  token: string;
  close(): Promise<void>;
}

/** A token of the real shape. */
export const DEFAULT_TOKEN = "7000000001:fake-token-for-tests-0123456789ab";

/** What `/control/<action>` may call; arguments are a JSON array. */
export const CONTROLS = [
  "addUser",
  "addGroup",
  "say",
  "sayFile",
  "sayAlbum",
  "editOwn",
  "press",
  "callbackAnswer",
  "callbackDelay",
  "forward",
  "pressStop",
  "block",
  "deleteForBoth",
  "messages",
  "fromBot",
  "draft",
  "draftsOf",
  "typingCount",
  "fault",
  "clearFaults",
  "callsOf",
  "commandsOf",
  "unconfirmed",
] as const satisfies readonly (keyof FakeBot)[];

const OFF: Partial<LimitOptions> = {
  overallPerSecond: 1e9,
  chatPerSecond: 1e9,
  chatBurst: 1e9,
  groupPerMinute: 1e9,
};

/** Starts a fake Telegram on 127.0.0.1. */
export async function startFakeTelegram(options: FakeOptions = {}): Promise<FakeTelegram> {
  const token = options.token ?? DEFAULT_TOKEN;
  const username = options.username ?? "fake_claw_bot";
  const me = { id: Number(token.split(":")[0]), is_bot: true, first_name: "Claw", username };
  const limits = { ...REAL_LIMITS, ...(options.limits === "off" ? OFF : options.limits) };
  const bot = new FakeBot(token, me, limits);
  const server = createServer((request, response) => {
    void serve(bot, request, response).catch((error: unknown) => {
      if (!response.headersSent)
        reply(response, 500, { ok: false, error_code: 500, description: String(error) });
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { bot, url: `http://127.0.0.1:${port}`, token, close: () => stop(bot, server) };
}

async function stop(bot: FakeBot, server: Server): Promise<void> {
  bot.updates.close();
  bot.updates.webhook = undefined;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

async function serve(bot: FakeBot, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  const body = await readBody(request);
  const [, area = "", ...rest] = url.pathname.split("/");
  if (area === "control") return control(bot, rest[0] ?? "", body, response);
  if (area === "file") return download(bot, rest, response);
  if (area.startsWith("bot")) {
    await call(bot, area.slice(3), rest[0] ?? "", url, request, body, response);
    return;
  }
  reply(response, 404, { ok: false, error_code: 404, description: "Not Found" });
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

function download(bot: FakeBot, [owner = "", ...path]: string[], response: ServerResponse): void {
  const file = [...bot.state.files.values()].find((known) => known.path === path.join("/"));
  if (owner !== `bot${bot.token}` || !file)
    reply(response, 404, { ok: false, error_code: 404, description: "Not Found" });
  else response.writeHead(200, { "content-type": "application/octet-stream" }).end(file.bytes);
}

async function call(
  bot: FakeBot,
  token: string,
  method: string,
  url: URL,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const at = Date.now();
  let params: Params = {};
  let fault: Fault | undefined;
  const log = (outcome: string) => bot.calls.push({ method, params, at, outcome, fault: fault?.kind ?? "" });
  try {
    if (token !== bot.token)
      throw new ApiError(
        /^\d+:[\w-]{20,}$/.test(token) ? 401 : 404,
        /^\d+:[\w-]{20,}$/.test(token) ? "Unauthorized" : "Not Found",
      );
    params = checkParams(method, readParams(url, request.headers["content-type"] ?? "", body));
    fault = bot.faults.take(method, params);
    if (fault) await before(fault, request, bot);
    if (fault?.kind === "reset-before-apply") {
      log("reset");
      return;
    }
    const result = await apply(bot, method, params, response);
    log("ok");
    if (fault && breakAnswer(fault, request, response)) return;
    reply(response, 200, { ok: true, result });
  } catch (error) {
    const refusal =
      error instanceof ApiError ? error : new ApiError(500, `Internal Server Error: ${String(error)}`);
    log(refusal.message);
    if (fault && breakAnswer(fault, request, response)) return;
    const { code, message, parameters } = refusal;
    reply(response, code, {
      ok: false,
      error_code: code,
      description: message,
      ...(parameters ? { parameters } : {}),
    });
  }
}

async function before(fault: Fault, request: IncomingMessage, bot: FakeBot): Promise<void> {
  if (fault.kind === "delay") await sleep(fault.ms ?? 30_000);
  if (fault.kind === "429") throw tooMany(fault.retryAfter ?? 1);
  if (fault.kind === "error") throw new ApiError(fault.code ?? 400, fault.description ?? "Bad Request: FAKE");
  if (fault.kind === "duplicate-delivery") bot.updates.repeatConfirmed();
  if (fault.kind === "reset-before-apply") request.socket.resetAndDestroy();
}

function apply(bot: FakeBot, method: string, params: Params, response: ServerResponse): unknown {
  const { updates } = bot;
  switch (method) {
    case "getUpdates":
      return updates.get(params, (cancel) => response.on("close", cancel));
    case "setWebhook": {
      if (params["url"] === "") {
        updates.webhook = undefined;
        return true;
      }
      const secret = params["secret_token"] ?? "";
      if (secret !== "" && !/^[A-Za-z0-9_-]{1,256}$/.test(secret))
        throw badRequest("secret token contains unallowed characters");
      updates.close();
      const connections = params["max_connections"] ?? 40;
      if (connections < 1 || connections > 100) throw badRequest("max_connections is out of range");
      if (params["drop_pending_updates"]) updates.drop();
      updates.ask(params["allowed_updates"]);
      updates.webhook = { url: params["url"], secret, connections };
      updates.start();
      return true;
    }
    case "deleteWebhook":
      if (params["drop_pending_updates"]) updates.drop();
      updates.webhook = undefined;
      return true;
    case "getWebhookInfo": {
      const { webhook } = updates;
      const error = webhook?.lastError ? { last_error_message: webhook.lastError } : {};
      return {
        url: webhook?.url ?? "",
        has_custom_certificate: false,
        pending_update_count: updates.pending.length,
        ...error,
      };
    }
    default:
      return METHODS[method]!(bot, params);
  }
}

function reply(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

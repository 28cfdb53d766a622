/**
 * Updates that Telegram posts to us, instead of polling: one small HTTP server behind the operator's HTTPS proxy.
 * An update is answered with 200 when it is durably stored, with 503 while it can't be: then Telegram sends it again.
 * Must believe nobody who doesn't know the secret, and must never answer with anything but a status.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Api } from "grammy";
import type { Update } from "grammy/types";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { backoffMs, pause } from "../core/index.ts";
import { ALLOWED_UPDATES } from "./inbound.ts";
import { Intake, type IntakeDeps } from "./intake.ts";
import { networkCode } from "./outcome.ts";
import type { UpdateSource } from "./source.ts";

/** How Telegram reaches us. */
export interface WebhookOptions {
  /** What Telegram is told: HTTPS, as the world sees the operator's proxy. */
  url: string;
  /** Where we listen. */
  host: string;
  port: number;
  path: string;
  /** Bot API "secret_token": 1-256 of A-Z a-z 0-9 _ -. */
  secret: string;
  /** Requests that Telegram makes at once. With more than one, messages of the same instant may change places. */
  connections: number;
}

/** What receiving needs. */
export interface WebhookDeps extends IntakeDeps {
  api: Api;
  logger: Logger;
  options: WebhookOptions;
  /** Whether updates may be taken now: the lease is held, and Redis has room. */
  mayTake(): boolean;
}

/** Telegram's updates are far smaller: 4096 units of text and what is around it. Bytes. */
const MOST_BYTES = 1_000_000;
const SECRET_HEADER = "x-telegram-bot-api-secret-token";
/** Only what the rest relies on; everything else is read with care where it is used. */
const AnyUpdate = z.looseObject({ update_id: z.number().int() });

/** See the module's header. */
export class WebhookReceiver implements UpdateSource {
  private readonly deps: WebhookDeps;
  private readonly server: Server;
  private readonly stopping = new AbortController();
  private readonly intake: Intake;
  private registering: Promise<void> = Promise.resolve();
  private recalled: Promise<void> = Promise.resolve();
  /** When Telegram last posted an update (ms since the epoch), 0 before. */
  lastAnswerAt = 0;

  constructor(deps: WebhookDeps) {
    this.deps = deps;
    this.intake = new Intake(deps, this.stopping.signal);
    this.server = createServer((request, response) => {
      this.serve(request, response).catch((err: unknown) => {
        deps.logger.warn({ err }, "webhook request failed");
        if (!response.headersSent) answer(response, 503);
      });
    });
    this.server.requestTimeout = 30_000;
    this.server.headersTimeout = 10_000;
  }

  /** The port that is really listened on. */
  get port(): number {
    return (this.server.address() as AddressInfo | null)?.port ?? 0;
  }

  async start(): Promise<void> {
    const { host, port } = this.deps.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", (error: NodeJS.ErrnoException) =>
        reject(
          new Fault({
            code: "webhook-listen",
            message: `the webhook can't listen on ${host}:${port} (${error.code})`,
            hint: "choose another telegram.webhook.port in config.yaml",
          }),
        ),
      );
      this.server.listen(port, host, resolve);
    });
  }

  /** The lease is ours: Telegram is told where to post to, until it has understood. */
  held(): void {
    this.recalled = this.intake.recall();
    const register = async () => {
      for (let failures = 0; this.deps.mayTake() && !this.stopping.signal.aborted; failures++) {
        if (await this.register()) return;
        await pause(backoffMs(failures), this.stopping.signal);
      }
    };
    this.registering = this.registering.then(register);
  }

  interrupt(): void {}

  async close(): Promise<void> {
    this.stopping.abort();
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeIdleConnections();
    await Promise.race([closed, pause(2_000)]);
    this.server.closeAllConnections();
    await this.registering;
    await this.intake.close();
  }

  private async register(): Promise<boolean> {
    const { api, logger, options } = this.deps;
    const { url, secret, connections } = options;
    try {
      await api.setWebhook(
        url,
        { secret_token: secret, max_connections: connections, allowed_updates: ALLOWED_UPDATES },
        AbortSignal.timeout(10_000) as never,
      );
      logger.info({ port: this.port }, "webhook set");
      return true;
    } catch (error) {
      logger.warn({ code: networkCode(error) }, "webhook not set; trying again");
      return false;
    }
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { options, mayTake } = this.deps;
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "POST" || path !== options.path) return answer(response, 404);
    if (!sameSecret(request.headers[SECRET_HEADER], options.secret)) return answer(response, 401);
    if (!mayTake()) return answer(response, 503);
    const body = await bodyOf(request);
    if (body === undefined) return answer(response, 413);
    const update = updateOf(body);
    // Asking for it again would change nothing.
    if (!update) return answer(response, 400);
    this.lastAnswerAt = Date.now();
    await this.recalled;
    const [stored] = await Promise.all(this.intake.take([update]));
    answer(response, stored ? 200 : 503);
  }
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, status === 503 ? { "retry-after": "1" } : {}).end();
}

/** Compared as digests: neither length nor content shows in the time it takes. */
function sameSecret(given: string | string[] | undefined, secret: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return typeof given === "string" && timingSafeEqual(digest(given), digest(secret));
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MOST_BYTES) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function updateOf(body: string): Update | undefined {
  try {
    return AnyUpdate.parse(JSON.parse(body)) as unknown as Update;
  } catch {
    return undefined;
  }
}

/**
 * One shard's socket, through discord.js's gateway client: events come as they are, reconnecting and RESUME are its.
 * Raw events are taken, not discord.js's objects: what it can't build must not end the process.
 */
import { CloseCodes, type SessionInfo, WebSocketManager, WebSocketShardEvents } from "@discordjs/ws";
import { GatewayIntentBits, type REST } from "discord.js";
import type { Logger } from "../../lib/logging.ts";
import { backoffMs, pause } from "../core/index.ts";
import { networkCode } from "./outcome.ts";

/** What is asked of Discord; MessageContent is privileged: it has to be switched on for the bot. */
const INTENTS =
  GatewayIntentBits.Guilds |
  GatewayIntentBits.GuildMessages |
  GatewayIntentBits.DirectMessages |
  GatewayIntentBits.MessageContent;

/** Close codes after which trying again changes nothing. @see Discord, "Gateway Close Event Codes" */
const FINAL_CODES: Record<number, "token" | "intents" | "shards"> = {
  4004: "token",
  4010: "shards",
  4011: "shards",
  4013: "intents",
  4014: "intents",
};

/** What a shard needs. */
export interface ShardDeps {
  rest: REST;
  token: string;
  shard: number;
  shardCount: number;
  /** Waits until this process may identify. */
  mayIdentify(signal: AbortSignal): Promise<void>;
  onEvent(name: string, data: unknown): void;
  /** The socket can't come back: for want of a right, or of shards. */
  onRefused(why: "token" | "intents" | "shards", code: number): void;
  logger: Logger;
}

/** A running shard. */
export class Shard {
  private readonly deps: ShardDeps;
  private readonly manager: WebSocketManager;
  private readonly closing = new AbortController();
  private session: SessionInfo | null = null;
  /** The socket is opened anew by ourselves: the session goes on. */
  private reopening = false;
  /** Whether Discord sends events now, as far as the socket knows. */
  ready = false;

  constructor(deps: ShardDeps) {
    this.deps = deps;
    const { rest, token, shard, shardCount } = deps;
    this.manager = new WebSocketManager({
      token,
      rest,
      intents: INTENTS,
      shardIds: [shard],
      shardCount,
      compression: null,
      retrieveSessionInfo: () => this.session,
      updateSessionInfo: (_, session) => {
        if (session !== null || !this.reopening) this.session = session;
      },
      buildIdentifyThrottler: () => ({
        waitForIdentify: (_: number, signal: AbortSignal) => deps.mayIdentify(signal),
      }),
    });
    this.manager.on(WebSocketShardEvents.Dispatch, ({ data }) => {
      if (this.closing.signal.aborted) return;
      if (data.t === "READY" || data.t === "RESUMED") this.ready = true;
      deps.onEvent(data.t, data.d);
    });
    this.manager.on(WebSocketShardEvents.Closed, ({ code }) => this.closed(code));
    this.manager.on(WebSocketShardEvents.Error, ({ error }) =>
      deps.logger.warn({ shard, code: networkCode(error) }, "socket error"),
    );
  }

  /** Connects, and tries until it stands. */
  start(): void {
    void this.connect();
  }

  /** Drops the socket and resumes: it says nothing although something was said. */
  reconnect(): void {
    if (!this.ready || this.reopening) return;
    this.ready = false;
    this.reopening = true;
    void this.reopen().finally(() => {
      this.reopening = false;
    });
  }

  /** Ends the socket. */
  async close(): Promise<void> {
    this.closing.abort();
    this.ready = false;
    await this.end(CloseCodes.Normal);
  }

  private async reopen(): Promise<void> {
    await this.end(CloseCodes.Resuming);
    await this.connect();
  }

  private async end(code: number): Promise<void> {
    await Promise.race([Promise.resolve(this.manager.destroy({ code })).catch(() => {}), pause(2_000)]);
  }

  private async connect(): Promise<void> {
    for (let failures = 0; !this.closing.signal.aborted; failures++) {
      try {
        await this.manager.connect();
        return;
      } catch (error) {
        const ms = backoffMs(failures);
        const code = networkCode(error);
        this.deps.logger.warn(
          { shard: this.deps.shard, code, retryInMs: ms },
          "socket can't be opened; trying again",
        );
        await pause(ms, this.closing.signal);
      }
    }
  }

  private closed(code: number): void {
    this.ready = false;
    if (this.closing.signal.aborted) return;
    const { shard, logger } = this.deps;
    const why = FINAL_CODES[code];
    if (why) this.deps.onRefused(why, code);
    else logger.info({ shard, closeCode: code }, "socket closed; reconnecting");
  }
}

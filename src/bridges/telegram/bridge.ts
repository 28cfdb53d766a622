/**
 * The Telegram bridge: grammY's Api, our polling loop, the core's lease, previews and outbox.
 * Holds the bot token and must never let it into a log line, an error or a file.
 */
import { Api, GrammyError } from "grammy";
import type { Update, UserFromGetMe } from "grammy/types";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import {
  type Admit,
  type AllowList,
  BridgeCore,
  type BridgePlatform,
  type BridgeStore,
  backoffMs,
  bridgeStoreOf,
  type CoreFiles,
  commandOfData,
  handleEdit,
  handleInbound,
  handleStopPress,
  type InboundDeps,
  type InboundMessage,
  type Offers,
  pause,
  type StoreForBridges,
  wordsOf,
} from "../core/index.ts";
import { handleTap, type TapAnswer } from "./callbacks.ts";
import { registerCommands } from "./commands.ts";
import type { Expected } from "./expected.ts";
import { followMoves } from "./groups.ts";
import { bridgeIdOf, draftIdOf, readUpdate, type Stopped, type Tap } from "./inbound.ts";
import { telegramPlatform } from "./outbound.ts";
import { outcomeOf } from "./outcome.ts";
import { Poller } from "./poller.ts";
import type { UpdateSource } from "./source.ts";
import { type WebhookOptions, WebhookReceiver } from "./webhook.ts";

/** What the bridge needs. */
export interface TelegramOptions {
  token: string;
  /** `TELEGRAM_API_ROOT`; Telegram's own by default. */
  apiRoot?: string;
  /** Numeric ids that config.yaml lets in; `parseAllowList` reads the setting. */
  allowedUsers: AllowList;
  /** What commands may choose from. */
  offers?: Offers;
  /** Who is let in, and whose agent they talk to; default: by the access component's book. */
  admit?: Admit;
  store: StoreForBridges;
  /** Unique per process life, for the poller lease. */
  owner: string;
  /** Whether the bearer of such a name certainly no longer runs; its lease is then taken over at once. */
  isDead?: (owner: string) => boolean;
  logger: Logger;
  /** Where files of chats lie on their way; absent: there are none. */
  files?: CoreFiles;
  /** Telegram posts updates to us instead of being polled. */
  webhook?: WebhookOptions;
  /** For tests: shorter times. */
  pollSeconds?: number;
  leaseTtlMs?: number;
  requestTimeoutMs?: number;
}

/** A running bridge. */
export interface TelegramBridge {
  /** Resolves when getMe answered and the lease's state is known; rejects with a Fault when the token is refused. */
  ready: Promise<void>;
  status(): TelegramStatus;
  close(flushMs?: number): Promise<void>;
}

/** What `nemoclaw status` shows. */
export interface TelegramStatus {
  state: "starting" | "polling" | "standby" | "failed" | "closed";
  bot: string;
  /** When Telegram last answered a poll (ms since the epoch), 0 before. */
  lastPollAt: number;
  counters: Record<string, number>;
}

const LEASE_TTL_MS = 6_000;
const POLL_SECONDS = 25;
const REQUEST_TIMEOUT_MS = 15_000;
/** After a 409 the other poller gets this long. */
const CONFLICT_PAUSE_MS = 10_000;
/** A press is answered within this, whatever becomes of it: people take a longer spinner for a dead button. */
const TAP_ANSWER_MS = 800;

/** The bot's id: the part of the token before the colon. Throws Fault `telegram-token-invalid` for another shape. */
export function botIdOf(token: string): number {
  const match = /^([0-9]{3,16}):[A-Za-z0-9_-]{20,}$/.exec(token);
  if (!match) throw invalidToken("TELEGRAM_BOT_TOKEN does not look like a bot token");
  return Number(match[1]);
}

/** Starts the bridge and returns at once; see `ready`. */
export function runTelegramBridge(options: TelegramOptions): TelegramBridge {
  const bridge = new Bridge(options);
  const ready = bridge.start();
  // A caller that never looks at `ready` still sees the failure in the log and in `status`.
  ready.catch(() => {});
  return { ready, status: () => bridge.status(), close: (flushMs) => bridge.close(flushMs) };
}

class Bridge {
  private readonly options: TelegramOptions;
  private readonly botId: number;
  private readonly store: BridgeStore;
  private readonly api: Api;
  private readonly platform: BridgePlatform;
  private readonly core: BridgeCore;
  private readonly source: UpdateSource;
  private readonly admit: Admit;
  private me: UserFromGetMe | undefined;
  private failed = false;
  private readonly closing = new AbortController();

  constructor(options: TelegramOptions) {
    this.options = options;
    this.botId = botIdOf(options.token);
    this.store = bridgeStoreOf(options.store, bridgeIdOf(this.botId));
    const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    const pollSeconds = options.pollSeconds ?? POLL_SECONDS;
    const apiRoot = options.apiRoot?.replace(/\/+$/, "");
    this.api = new Api(options.token, {
      ...(apiRoot ? { apiRoot } : {}),
      // Longer than any signal that we pass.
      timeoutSeconds: Math.ceil(timeoutMs / 1_000) + pollSeconds + 60,
      sensitiveLogs: false,
    });
    followMoves(this.api);
    const place = { root: apiRoot ?? "https://api.telegram.org", token: options.token };
    this.platform = telegramPlatform(this.api, timeoutMs, place);
    this.core = new BridgeCore({
      platform: this.platform,
      store: this.store,
      owner: options.owner,
      isDead: options.isDead,
      leaseTtlMs: options.leaseTtlMs ?? LEASE_TTL_MS,
      logger: options.logger,
      files: options.files,
      door: { bridge: bridgeIdOf(this.botId), standing: options.allowedUsers },
      onLease: (held) => {
        if (held) this.source.held();
        else this.source.interrupt();
      },
      onFull: () => this.source.interrupt(),
    });
    this.admit = options.admit ?? this.core.door!.admit;
    const shared = {
      api: this.api,
      logger: options.logger,
      backlog: this.store.bridge,
      handle: (update: Update, more: Expected) => this.handle(update, more),
    };
    const mayTake = () => this.core.lease.held && this.core.pressure.roomy;
    this.source = options.webhook
      ? new WebhookReceiver({ ...shared, options: options.webhook, mayTake })
      : new Poller({
          ...{ ...shared, pollSeconds, mayPoll: mayTake },
          onConflict: () => this.core.lease.yieldFor(CONFLICT_PAUSE_MS),
        });
  }

  async start(): Promise<void> {
    try {
      this.me = await this.identify();
    } catch (error) {
      this.failed = true;
      this.options.logger.error({ err: error }, "telegram bridge can't start");
      throw error;
    }
    if (this.closing.signal.aborted) return;
    await this.listen();
    await this.core.start();
    void registerCommands(this.api).catch(() => this.options.logger.warn("command menu not registered"));
    this.options.logger.info({ bot: this.me.username, held: this.core.lease.held }, "telegram bridge ready");
  }

  private async listen(): Promise<void> {
    try {
      await this.source.start();
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }

  status(): TelegramStatus {
    return {
      state: this.state(),
      bot: this.me?.username ?? String(this.botId),
      lastPollAt: this.source.lastAnswerAt,
      counters: this.core.counters.all(),
    };
  }

  async close(flushMs?: number): Promise<void> {
    this.closing.abort();
    await this.source.close();
    await this.core.close(flushMs);
  }

  private state(): TelegramStatus["state"] {
    if (this.closing.signal.aborted) return "closed";
    if (this.failed) return "failed";
    if (!this.me) return "starting";
    return this.core.lease.held ? "polling" : "standby";
  }

  /** Asks who we are until Telegram answers; a refused token is final. */
  private async identify(): Promise<UserFromGetMe> {
    for (let failures = 0; ; failures++) {
      try {
        return await this.api.getMe(
          AbortSignal.any([this.closing.signal, AbortSignal.timeout(10_000)]) as never,
        );
      } catch (error) {
        if (this.closing.signal.aborted)
          throw new Fault({ code: "closed", message: "closed while starting" });
        if (error instanceof GrammyError && (error.error_code === 401 || error.error_code === 404)) {
          throw invalidToken(`Telegram refused the bot token (${error.error_code})`);
        }
        const outcome = await outcomeOf(Promise.reject(error));
        const ms = backoffMs(failures);
        const code = outcome.kind === "ok" ? "" : outcome.code;
        this.options.logger.warn({ code, retryInMs: ms }, "Telegram not reachable; trying again");
        await pause(ms, this.closing.signal);
      }
    }
  }

  private async handle(update: Update, more: Expected): Promise<void> {
    const inbound = readUpdate(update, this.botId, this.me?.username);
    const { logger } = this.options;
    switch (inbound.kind) {
      case "ignore":
        logger.debug({ updateKey: String(update.update_id), reason: inbound.reason }, "update ignored");
        return;
      case "added":
        return await this.core.door?.added(inbound.news);
      case "moved":
        return await this.core.door?.moved(inbound.from, inbound.to, inbound.updateKey);
      case "tap":
        return await this.handleTap(inbound.tap);
      case "stopped":
        return await this.handleStop(update.update_id, inbound.stop);
      case "edit":
        await handleEdit(inbound.message, this.inboundDeps());
        return;
      case "message":
        return await this.handleMessage({ ...inbound.message, ...more });
    }
  }

  private async handleMessage(message: InboundMessage): Promise<void> {
    const { logger } = this.options;
    try {
      await handleInbound(message, this.inboundDeps());
    } catch (error) {
      // What can't be stored now is tried again. What can't be stored ever is told to its sender.
      if (error instanceof Fault && error.retryable) throw error;
      logger.error({ updateKey: message.updateKey, err: error }, "update can't be accepted");
      await this.core.reply(message.deliver, "not-accepted");
    }
  }

  private async handleStop(updateId: number, { draftId, chat, ...stop }: Stopped): Promise<void> {
    const bridge = bridgeIdOf(this.botId);
    const isTurn = (turnId: string) => draftIdOf(turnId) === draftId;
    const press = { ...stop, bridge, updateKey: String(updateId), deliver: { chat }, isTurn };
    await handleStopPress(press, this.inboundDeps());
  }

  /** Answered at once: what became of it is said in the chat. Rejects only when the store does. */
  private async handleCommandTap(tap: Tap, text: string): Promise<void> {
    await outcomeOf(this.api.answerCallbackQuery(tap.id, {}, AbortSignal.timeout(5_000) as never));
    await handleInbound(commandMessage(tap, text, this.botId), this.inboundDeps());
  }

  private inboundDeps(): InboundDeps {
    const { offers } = this.options;
    return this.core.inboundDeps({ admit: this.admit, botName: this.me?.username ?? "", offers });
  }

  private async handleTap(tap: Tap): Promise<void> {
    const command = commandOfData(tap.data);
    if (command !== undefined) return await this.handleCommandTap(tap, command);
    const { logger } = this.options;
    const say = wordsOf(tap.language);
    const { store, platform, core, botId, admit } = this;
    const { ingress, turns, cards } = store;
    const handled = handleTap(tap, {
      ...{ admit, botId, ingress, turns, cards, board: core.cards, door: core.door, logger },
      supportsButtons: platform.capabilities.supportsButtons,
    }).catch((error: unknown): TapAnswer => {
      // Tried again while that may help; else the presser must not be left with a spinner.
      if (error instanceof Fault && error.retryable) throw error;
      logger.error({ conversation: tap.conversation, err: error }, "button could not be handled");
      return { text: say.phrase("not-accepted") };
    });
    const late = pause(TAP_ANSWER_MS).then((): TapAnswer => ({ text: say.phrase("tap.busy") }));
    const { text } = await Promise.race([handled, late]);
    // The spinner on the button; too late or twice is harmless.
    await outcomeOf(this.api.answerCallbackQuery(tap.id, { text }, AbortSignal.timeout(5_000) as never));
    const { accepted, list } = await handled;
    logger.info({ conversation: tap.conversation, accepted: accepted !== undefined }, "button pressed");
    if (!list) return;
    const context = { conversation: tap.conversation, turnId: "", answerId: "" };
    await platform.editMessage({ chat: tap.chat }, tap.messageId, list, "rich", context);
  }
}

/** A button that does what a command does: the same as if its presser had written the command there. */
function commandMessage(tap: Tap, text: string, botId: number): InboundMessage {
  const { conversation, sender, place, language } = tap;
  return {
    ...{ conversation, bridge: bridgeIdOf(botId), updateKey: `cb.${tap.id}`, sender, place, text },
    deliver: { chat: tap.chat, ...(tap.thread === undefined ? {} : { thread: tap.thread }) },
    ...(language === undefined ? {} : { language }),
  };
}

function invalidToken(message: string): Fault {
  return new Fault({
    code: "telegram-token-invalid",
    message,
    hint: "get the token from @BotFather and set TELEGRAM_BOT_TOKEN; without Telegram: remove secrets/telegram-bridge/bot-token from the home",
  });
}

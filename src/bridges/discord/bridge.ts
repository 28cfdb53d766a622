/**
 * The Discord bridge: discord.js's REST and gateway clients, lanes per channel, the core's lease, previews and outbox.
 * Every process of the bot listens to its share of shards; the one with the lease delivers.
 * Holds the bot token and must never let it into a log line, an error or a file.
 */
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { SocketPort, Store } from "../../store/index.ts";
import {
  type Admit,
  type AllowList,
  BridgeCore,
  type BridgePlatform,
  type BridgeStore,
  backoffMs,
  bridgeStoreOf,
  type CoreFiles,
  handleEdit,
  handleInbound,
  type InboundDeps,
  type InboundMessage,
  type InboundOutcome,
  type Offers,
  parseMarkdown,
  pause,
  type StoreForBridges,
  wordsOf,
} from "../core/index.ts";
import { DiscordApi } from "./api.ts";
import { Bursts } from "./bursts.ts";
import { Channels, type Done } from "./channels.ts";
import { registerCommands } from "./commands.ts";
import { bridgeIdOf, type Inbound, type Interaction, readMessage, type Self } from "./inbound.ts";
import { discordPlatform } from "./outbound.ts";
import { failureOutcome, outcomeOf } from "./outcome.ts";
import { PendingInteractions } from "./pending.ts";
import { handleButton } from "./presses.ts";
import { renderMarkdown } from "./render.ts";
import { Shards } from "./shards.ts";
import { SocketSide } from "./socket-side.ts";
import { gatewayPlan, hasMessageContent, intentMissing, invalidToken, userIdOf } from "./token.ts";

/** What the bridge needs. */
export interface DiscordOptions {
  token: string;
  /** `discord.apiRoot`; Discord's own by default. */
  apiRoot?: string;
  /** Ids that config.yaml lets in; `parseAllowList` reads the setting. */
  allowedUsers: AllowList;
  /** What commands may choose from. */
  offers?: Offers;
  /** Who is let in, and whose agent they talk to. */
  admit?: Admit;
  store: StoreForBridges & Pick<Store, "sockets">;
  /** Where files of chats lie on their way; absent: there are none. */
  files?: CoreFiles;
  /** Unique per process life, for the leases. */
  owner: string;
  /** Whether the bearer of such a name certainly no longer runs; its leases are then taken over at once. */
  isDead?: (owner: string) => boolean;
  logger: Logger;
  /** For tests: shorter times. */
  leaseTtlMs?: number;
  requestTimeoutMs?: number;
  silenceMs?: number;
  identifyMs?: number;
  /** How many shards, where not Discord is to say. */
  shards?: number;
}

/** A running bridge. */
export interface DiscordBridge {
  /** Resolves when it can receive, or stands by; rejects with a Fault when token or intents are refused. */
  ready: Promise<void>;
  /** Resolves with the reason when Discord refuses the bot later: nothing is heard any more. */
  refused: Promise<Fault>;
  status(): DiscordStatus;
  close(flushMs?: number): Promise<void>;
}

/** What `nemoclaw status` shows. */
export interface DiscordStatus {
  /** `deaf`: sockets are being opened, nothing can be heard. */
  state: "starting" | "listening" | "deaf" | "standby" | "failed" | "closed";
  bot: string;
  /** The application's id, empty before Discord told it: what an invitation names. */
  application: string;
  /** Numbers of the shards that are listened to here, of how many. */
  shards: { held: number[]; total: number };
  /** When Discord last told anything (ms since the epoch), 0 before. */
  lastEventAt: number;
  /** What the operator has to put right; empty when all is well. */
  problem: string;
  counters: Record<string, number>;
}

const API_ROOT = "https://discord.com/api";
const LEASE_TTL_MS = 6_000;
const REQUEST_TIMEOUT_MS = 15_000;
const SILENCE_MS = 60_000;
const IDENTIFY_MS = 5_000;
const FOLLOW_EACH_MS = 200;
/** People whose DM is opened at start, at most. */
const MOST_FOLLOWED = 100;

/** Starts the bridge and returns at once; see `ready`. */
export function runDiscordBridge(options: DiscordOptions): DiscordBridge {
  const bridge = new Bridge(options);
  const ready = bridge.start();
  // A caller that never looks at `ready` still sees the failure in the log and in `status`.
  ready.catch(() => {});
  const refused = bridge.refused.promise;
  return { ready, refused, status: () => bridge.status(), close: (flushMs) => bridge.close(flushMs) };
}

/** What is known only after Discord told who the bot is. */
interface Parts {
  self: Self;
  name: string;
  store: BridgeStore;
  sockets: SocketPort;
  platform: BridgePlatform;
  core: BridgeCore;
  pending: PendingInteractions;
  channels: Channels;
  side: SocketSide;
}

class Bridge {
  readonly refused = Promise.withResolvers<Fault>();
  private readonly options: DiscordOptions;
  private readonly api: DiscordApi;
  private parts: Parts | undefined;
  private shards: Shards | undefined;
  private problem: Fault | undefined;
  private readonly heard = Promise.withResolvers<void>();
  private readonly closing = new AbortController();
  private readonly bursts = new Bursts();

  constructor(options: DiscordOptions) {
    this.options = options;
    userIdOf(options.token);
    this.api = new DiscordApi({
      token: options.token,
      apiRoot: (options.apiRoot ?? API_ROOT).replace(/\/+$/, ""),
      timeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    });
  }

  async start(): Promise<void> {
    const { logger, owner, store } = this.options;
    try {
      const [me, application] = await this.patiently(() =>
        Promise.all([this.api.me(), this.api.application()]),
      );
      if (!hasMessageContent(application.flags)) throw intentMissing();
      const self = { user: me.id, application: application.id };
      this.parts = this.assemble(self, me.username, bridgeStoreOf(store, bridgeIdOf(self.application)));
    } catch (error) {
      this.problem = error instanceof Fault ? error : undefined;
      logger.error({ err: error }, "discord bridge can't start");
      throw error;
    }
    const { core, channels, sockets, side, self } = this.parts;
    await core.start();
    await channels.load();
    void this.followAllowed(channels);
    const plan = await this.patiently(() => gatewayPlan(this.api));
    if (this.closing.signal.aborted) return;
    const wanted = this.options.shards ?? plan.total;
    this.shards = new Shards({
      ...{ logger, owner, store: sockets, rest: this.api.rest, token: this.options.token },
      isDead: this.options.isDead,
      leaseTtlMs: this.options.leaseTtlMs ?? LEASE_TTL_MS,
      identifyMs: this.options.identifyMs ?? IDENTIFY_MS,
      plan: { ...plan, total: wanted },
      onEvent: (_, name, data) => {
        side.event(name, data);
        if (this.shards?.ready) this.heard.resolve();
      },
      onRefused: (why, code) => this.refuse(why, code),
    });
    await this.shards.start();
    void registerCommands(this.api, self.application).then(
      (wrote) => logger.info({ wrote }, "slash commands are registered"),
      (error: unknown) => logger.warn({ code: codeOf(error) }, "slash commands not registered"),
    );
    if (this.shards.held.length > 0)
      await Promise.race([this.heard.promise, this.refused.promise.then((fault) => Promise.reject(fault))]);
    logger.info(
      { bot: this.parts.name, shards: this.shards.held, delivers: core.lease.held },
      "discord bridge ready",
    );
  }

  status(): DiscordStatus {
    return {
      state: this.state(),
      bot: this.parts?.name ?? userIdOf(this.options.token),
      application: this.parts?.self.application ?? "",
      shards: { held: this.shards?.held ?? [], total: this.shards?.total ?? 0 },
      lastEventAt: this.parts?.side.lastEventAt ?? 0,
      problem: this.problem?.message ?? "",
      counters: {
        ...this.parts?.core.counters.all(),
        discord_caught_up_total: this.parts?.channels.caught ?? 0,
      },
    };
  }

  async close(flushMs?: number): Promise<void> {
    this.closing.abort();
    await this.shards?.close();
    await this.parts?.side.close(1_000);
    await this.parts?.channels.close(2_000);
    await this.parts?.core.close(flushMs);
  }

  private state(): DiscordStatus["state"] {
    if (this.closing.signal.aborted) return "closed";
    if (this.problem) return "failed";
    if (!this.shards) return "starting";
    if (this.shards.held.length === 0) return "standby";
    return this.shards.ready ? "listening" : "deaf";
  }

  private assemble(self: Self, name: string, store: BridgeStore): Parts {
    const { options, api } = this;
    const { logger } = options;
    const pending = new PendingInteractions(api, () => self.application);
    const platform = discordPlatform({
      api,
      pending,
      self: () => self.user,
      apiRoot: options.apiRoot ?? API_ROOT,
    });
    const core = new BridgeCore({
      ...{ platform, store, logger, owner: options.owner, isDead: options.isDead },
      leaseTtlMs: options.leaseTtlMs ?? LEASE_TTL_MS,
      files: options.files,
      door: { bridge: bridgeIdOf(self.application), standing: options.allowedUsers },
    });
    const sockets = options.store.sockets(bridgeIdOf(self.application));
    const channels = new Channels({
      ...{ api, logger, store: sockets },
      roomy: () => core.pressure.roomy,
      handle: (payload, guild) => this.message(payload, guild),
      edit: (payload, guild) => this.edit(payload, guild),
    });
    const side = new SocketSide({
      ...{ self, api, pending, channels, logger },
      shards: () => this.shards,
      command: (message) => this.command(message),
      press: (interaction) => this.press(interaction),
      say: (interaction, code) => this.say(interaction, code),
      showPress: (interaction, outcome) => this.showPress(interaction, outcome),
      delivers: () => core.lease.held,
      silenceMs: options.silenceMs ?? SILENCE_MS,
    });
    return { self, name, store, sockets, platform, core, pending, channels, side };
  }

  /** Tries until Discord answers; a refused token is final. */
  private async patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await ask();
      } catch (error) {
        if (this.closing.signal.aborted)
          throw new Fault({ code: "closed", message: "closed while starting" });
        const outcome = failureOutcome(error);
        if (outcome.kind === "refused" || codeOf(error).startsWith("discord-401"))
          throw invalidToken(codeOf(error));
        const asked = outcome.kind === "not-applied" ? outcome.retryAfterMs : 0;
        const ms = Math.max(asked, backoffMs(failures));
        this.options.logger.warn(
          { code: codeOf(error), retryInMs: ms },
          "Discord not reachable; trying again",
        );
        await pause(ms, this.closing.signal);
      }
    }
  }

  /** Nobody lists a bot's DMs: those of the people who are let in are opened, so that their history can be read. */
  private async followAllowed(channels: Channels): Promise<void> {
    const { allowedUsers, store, logger } = this.options;
    const unheard = await store.access.unheard("discord", MOST_FOLLOWED).catch((err: unknown) => {
      logger.warn({ err }, "who was let in is not readable; DMs of people who never wrote aren't looked at");
      return [];
    });
    const people = new Set([...allowedUsers, ...unheard.map((identity) => identity.split(":")[1]!)]);
    for (const user of [...people].slice(0, MOST_FOLLOWED)) {
      const outcome = await outcomeOf(this.api.openDm(user));
      if (outcome.kind === "ok") channels.follow(outcome.value);
      // Nothing hurries, and every request counts against what answers may use.
      const asked = outcome.kind === "not-applied" ? Math.min(outcome.retryAfterMs, 5_000) : 0;
      await pause(Math.max(FOLLOW_EACH_MS, asked), this.closing.signal);
      if (this.closing.signal.aborted) return;
    }
  }

  private refuse(why: "token" | "intents" | "shards", code: number): void {
    const fault =
      why === "intents"
        ? intentMissing()
        : why === "token"
          ? invalidToken(`close code ${code}`)
          : new Fault({
              code: "discord-shards",
              message: `Discord wants other shards (close code ${code})`,
              retryable: true,
            });
    this.problem = fault;
    this.options.logger.error({ err: fault }, "Discord refuses the connection: nothing is heard any more");
    this.refused.resolve(fault);
  }

  private async message(payload: unknown, guild: string): Promise<Done> {
    const { core } = this.parts!;
    const { logger } = this.options;
    const inbound = this.read(payload, guild);
    if (inbound.kind === "ignore") return "ignored";
    try {
      const { message } = inbound;
      const outcome = await this.command({ ...message, ...this.bursts.judge(message) });
      if (outcome.kind === "ignored") return "ignored";
      return outcome.kind === "accepted" ? "stored" : "answered";
    } catch (error) {
      // What can't be stored now is tried again. What can't be stored ever is told to its sender.
      if (error instanceof Fault && error.retryable) throw error;
      logger.error({ updateKey: inbound.message.updateKey, err: error }, "message can't be accepted");
      await core.reply(inbound.message.deliver, "not-accepted");
      return "answered";
    }
  }

  private async edit(payload: unknown, guild: string): Promise<void> {
    const inbound = this.read(payload, guild);
    if (inbound.kind === "message") await handleEdit(inbound.message, this.inboundDeps());
  }

  private read(payload: unknown, guild: string): Inbound {
    const { self, side } = this.parts!;
    const channel = String((payload as { channel_id?: unknown }).channel_id ?? "");
    return readMessage(payload, self, side.nameOf(channel), guild === "" ? undefined : guild);
  }

  private get admit(): Admit {
    return this.options.admit ?? this.parts!.core.door!.admit;
  }

  private inboundDeps(): InboundDeps {
    const { core, name } = this.parts!;
    return core.inboundDeps({ admit: this.admit, botName: name, offers: this.options.offers });
  }

  private async command(message: InboundMessage): Promise<InboundOutcome> {
    return await handleInbound(message, this.inboundDeps());
  }

  private async press(interaction: Interaction) {
    const { core, store, platform } = this.parts!;
    const { ingress, turns, cards } = store;
    return await handleButton(interaction, interaction.press!, {
      ...{ admit: this.admit, ingress, turns, cards, board: core.cards, logger: this.options.logger },
      door: core.door,
      supportsButtons: platform.capabilities.supportsButtons,
    });
  }

  private async say(interaction: Interaction, code: string): Promise<void> {
    await this.tell(interaction, wordsOf(interaction.message.language).sentence(code));
  }

  private async showPress(
    interaction: Interaction,
    outcome: Awaited<ReturnType<Bridge["press"]>>,
  ): Promise<void> {
    const { platform } = this.parts!;
    const { conversation, deliver } = interaction.message;
    const context = { conversation, turnId: "", answerId: "" };
    if (outcome.list)
      await platform.editMessage(deliver, interaction.press!.messageId, outcome.list, "rich", context);
    if (outcome.text !== "") await this.tell(interaction, outcome.text);
  }

  /** Only its maker sees it; a press must not overwrite the message that was pressed. */
  private async tell(interaction: Interaction, markdown: string): Promise<void> {
    const { pending, platform } = this.parts!;
    const content = { kind: "notice" as const, blocks: parseMarkdown(markdown), source: markdown };
    if (interaction.press) await pending.whisper(interaction.id, { content: renderMarkdown(content.blocks) });
    else await platform.sendNotice(interaction.message.deliver, content);
  }
}

function codeOf(error: unknown): string {
  const outcome = failureOutcome(error);
  return outcome.kind === "ok" ? "" : outcome.code;
}

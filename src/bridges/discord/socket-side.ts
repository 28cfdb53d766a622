/**
 * What the sockets tell: messages go into their channels' lanes, interactions are deferred at once and stored beside that
 * (RELIABILITY §1). What a gap may have hidden is read from history. Must never let an event that can't be understood end
 * the process, nor let an interaction wait for the store.
 */
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import {
  commandOfData,
  type InboundMessage,
  type InboundOutcome,
  type Outcome,
  pause,
} from "../core/index.ts";
import type { DiscordApi } from "./api.ts";
import type { Channels } from "./channels.ts";
import { type Interaction, readInteraction, type Self } from "./inbound.ts";
import { stoppedTurn } from "./outbound.ts";
import { outcomeOf } from "./outcome.ts";
import { GuildFacts } from "./payloads.ts";
import type { PendingInteractions } from "./pending.ts";
import type { PressOutcome } from "./presses.ts";
import type { Shards } from "./shards.ts";

/** What is needed. */
export interface SocketSideDeps {
  self: Self;
  api: DiscordApi;
  pending: PendingInteractions;
  channels: Channels;
  shards(): Shards | undefined;
  /** Hands a command to the core. Rejects only when the store does. */
  command(message: InboundMessage): Promise<InboundOutcome>;
  /** Handles a press of a button. Rejects only when the store does. */
  press(interaction: Interaction): Promise<PressOutcome>;
  /** Says a sentence of the catalogue to whoever made the interaction. */
  say(interaction: Interaction, code: string): Promise<void>;
  /** Shows what became of a press. */
  showPress(interaction: Interaction, outcome: PressOutcome): Promise<void>;
  /** Whether this process delivers answers. */
  delivers(): boolean;
  silenceMs: number;
  logger: Logger;
}

/** Commands whose answer belongs to everybody in the channel: it is the conversation's own. */
const PUBLIC = new Set(["new", "stop"]);
/** Channels that are looked at after a silence. */
const MOST_LOOKED_AT = 50;

/** See the module's header. */
export class SocketSide {
  private readonly deps: SocketSideDeps;
  private timer: NodeJS.Timeout | undefined;
  private readonly names = new Map<string, string>();
  private readonly open = new Set<Promise<void>>();
  /** When Discord last told anything (ms since the epoch), 0 before. */
  lastEventAt = 0;

  constructor(deps: SocketSideDeps) {
    this.deps = deps;
  }

  /** How a channel is called, as far as anybody told. */
  nameOf(channel: string): string {
    return this.names.get(channel) ?? "";
  }

  /** An event of the gateway. */
  event(name: string, data: unknown): void {
    this.lastEventAt = Date.now();
    this.watchSilence();
    const { channels } = this.deps;
    switch (name) {
      case "READY":
      case "RESUMED":
        // Guilds tell after READY what is new in them; of DMs, and after RESUMED, nobody tells.
        channels.catchUpAll((place) => (place === "" || name === "RESUMED") && this.hears(place));
        return;
      case "GUILD_CREATE":
        this.guild(data);
        return;
      case "MESSAGE_CREATE":
        channels.heard(data);
        return;
      case "MESSAGE_UPDATE":
        channels.edited(data);
        return;
      case "INTERACTION_CREATE":
        this.interaction(data);
    }
  }

  /** Looks for what was missed now. */
  lookBack(): void {
    this.deps.channels.catchUpRecent(MOST_LOOKED_AT, (place) => this.hears(place));
  }

  /** Waits for interactions that are being handled, at most `ms`. */
  async close(ms: number): Promise<void> {
    clearTimeout(this.timer);
    await Promise.race([Promise.all(this.open), pause(ms)]);
  }

  private hears(place: string): boolean {
    return this.deps.shards()?.hears(place) ?? false;
  }

  /** Nothing for a while: either nobody speaks, or the socket is dead and doesn't know it. */
  private watchSilence(): void {
    clearTimeout(this.timer);
    const { silenceMs, channels, shards, logger } = this.deps;
    this.timer = setTimeout(() => {
      const before = channels.caught;
      this.lookBack();
      // Given time to read: what it finds, the socket should have told.
      setTimeout(
        () => {
          const missed = channels.caught - before;
          if (missed === 0 || this.lastEventAt > Date.now() - silenceMs) return;
          logger.warn({ missed }, "the socket missed messages: opening it anew");
          shards()?.reconnect();
        },
        Math.min(5_000, silenceMs),
      ).unref();
      this.watchSilence();
    }, silenceMs);
    this.timer.unref();
  }

  private guild(data: unknown): void {
    const guild = GuildFacts.safeParse(data).data;
    if (!guild) return;
    const known = [...guild.channels, ...guild.threads].flatMap((one) => (one ? [one] : []));
    for (const { id, name } of known) this.names.set(id, name ?? "");
    this.deps.channels.guild(
      guild.id,
      known.map(({ id, last_message_id: last }) => ({ id, last: last ?? undefined })),
    );
  }

  private interaction(data: unknown): void {
    const { self, api, pending, logger } = this.deps;
    const interaction = readInteraction(data, self);
    if (!interaction) {
      logger.debug("interaction not understood");
      return;
    }
    if (pending.has(interaction.id)) return;
    const hidden = this.isHidden(interaction);
    // A press is answered without "is thinking": its message stays as it is.
    const how = interaction.press ? "update" : hidden ? "private-reply" : "reply";
    const deferred = outcomeOf(api.defer(interaction, how, AbortSignal.timeout(TIMEOUTS.interaction)));
    pending.add(interaction.id, interaction.token, hidden, deferred);
    const work = this.answer(interaction, deferred).finally(() => this.open.delete(work));
    this.open.add(work);
  }

  private isHidden({ press, message }: Interaction): boolean {
    if (press) return true;
    const name = /^\/([\w-]+)/.exec(message.text ?? "")?.[1] ?? "";
    return message.place.kind === "group" && !PUBLIC.has(name);
  }

  /** Stored while it is deferred; shown as accepted only when it is stored. */
  private async answer(interaction: Interaction, deferred: Promise<Outcome<void>>): Promise<void> {
    const { logger } = this.deps;
    const { id } = interaction;
    const handled = this.patiently(interaction).catch((error: unknown) => error);
    const outcome = await deferred;
    if (outcome.kind !== "ok")
      logger.warn({ interaction: id, code: outcome.code }, "interaction not deferred: it shows as failed");
    const failure = await handled;
    if (failure === undefined) return;
    logger.error({ interaction: id, err: failure }, "interaction can't be accepted");
    await this.deps.say(interaction, "not-accepted");
  }

  /** Tried while somebody waits for it: nothing is stored long after its user was told that it wasn't. */
  private async patiently(interaction: Interaction): Promise<void> {
    const until = Date.now() + TIMEOUTS.interaction;
    for (;;) {
      try {
        return await this.handle(interaction);
      } catch (error) {
        if (!(error instanceof Fault && error.retryable) || Date.now() > until) throw error;
        await pause(200);
      }
    }
  }

  private async handle(interaction: Interaction): Promise<void> {
    const { press, message } = interaction;
    const text = press && (stoppedTurn(press.data) === undefined ? commandOfData(press.data) : "/stop");
    if (press && text === undefined)
      return await this.deps.showPress(interaction, await this.deps.press(interaction));
    // A button that does what a command does: as if its presser had written the command.
    await this.settle(
      interaction,
      await this.deps.command(text === undefined ? message : { ...message, text }),
    );
  }

  /** "Is thinking" must not stay: it becomes the answer, a sentence, or goes away. */
  private async settle(interaction: Interaction, outcome: InboundOutcome): Promise<void> {
    const { pending, delivers, say } = this.deps;
    const { id, press } = interaction;
    if (outcome.kind === "ignored" || (outcome.kind === "stranger" && (press || pending.isSilent(id))))
      return await say(interaction, "not-here");
    // The outbox answers: in the interaction's own message, if it is everybody's and this process delivers.
    if (outcome.kind === "accepted" && !press && (pending.isHidden(id) || !delivers()))
      await pending.hush(id);
  }
}

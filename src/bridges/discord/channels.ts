/**
 * What is said in channels, in order: one serial lane per channel, many channels at once. A message is done when it is
 * stored or needs no storing; the watermark is the id below which all are done, and what a socket missed is read from
 * the channel's history above it (RELIABILITY §1). Must never skip a message that isn't done.
 */
import type { Logger } from "../../lib/logging.ts";
import type { SocketPort, Watermark } from "../../store/index.ts";
import { backoffMs, pause } from "../core/index.ts";
import type { DiscordApi } from "./api.ts";
import { snowflakeAt } from "./outbound.ts";
import { failureOutcome } from "./outcome.ts";
import { MessageFacts } from "./payloads.ts";

/** What was done with a message. `ignored`: it is none of ours. */
export type Done = "stored" | "answered" | "ignored";

/** What lanes need. */
export interface ChannelsDeps {
  api: DiscordApi;
  store: SocketPort;
  /** Handles one message; rejects to have it tried again. `guild`: where it was said, empty for a DM. */
  handle(payload: unknown, guild: string): Promise<Done>;
  /** Handles a corrected message; rejects to have it tried again. */
  edit(payload: unknown, guild: string): Promise<void>;
  /** Whether something more may be taken in now. */
  roomy(): boolean;
  logger: Logger;
}

/** History is read at most this far back. */
const MOST_BACK_MS = 24 * 3_600_000;
/** Watermarks are written together this often: each message is known to the mailbox anyway. */
const FLUSH_MS = 500;
/** Stands for a channel: when this bot was served for the first time. What is said after that is owed an answer. */
const BEGINNING = "0";
/** Messages that wait in one lane; beyond that they are left to the history. */
const MOST_WAITING = 500;
/** Ids that a lane remembers, so that what comes twice is done once. */
const REMEMBERED = 300;
/** Channels whose history is read at once. */
const READERS = 4;

interface Lane {
  queue: (() => Promise<void>)[];
  running: boolean;
  recent: Set<string>;
  /** A message was left to the history, or the history is about to be read. */
  catching: boolean;
}

/** All channels of a bot. */
export class Channels {
  private readonly deps: ChannelsDeps;
  private readonly lanes = new Map<string, Lane>();
  private marks = new Map<string, Watermark>();
  private readonly dirty = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();
  private readonly closing = new AbortController();
  private readers = 0;
  private readonly waitingReaders: (() => void)[] = [];
  /** Messages that only history told of. */
  caught = 0;

  constructor(deps: ChannelsDeps) {
    this.deps = deps;
  }

  /** Learns how far everything was read; tried until the store answers. */
  async load(): Promise<void> {
    for (let failures = 0; !this.closing.signal.aborted; failures++) {
      try {
        this.marks = await this.deps.store.watermarks();
        if (this.marks.has(BEGINNING)) return;
        this.advance(BEGINNING, snowflakeAt(Date.now()), "");
        await this.flushNow();
        if (this.dirty.size === 0) return;
      } catch (err) {
        this.deps.logger.warn({ err }, "watermarks not readable yet");
        await pause(Math.min(3_000, backoffMs(failures)), this.closing.signal);
      }
    }
  }

  /** A socket told of a message. */
  heard(payload: unknown): void {
    const facts = MessageFacts.safeParse(payload).data;
    if (!facts) return;
    const { channel_id: channel, guild_id: guild } = facts;
    const lane = this.lane(channel);
    if (lane.queue.length >= MOST_WAITING) {
      if (!lane.catching) this.catchUp(channel);
      return;
    }
    this.enqueue(channel, () => this.work(channel, payload, facts.id, guild ?? ""));
  }

  /** A socket told of a correction: it comes after the message itself. One that is missed stays missed. */
  edited(payload: unknown): void {
    const facts = MessageFacts.safeParse(payload).data;
    // Discord changes messages too, to show what their links lead to; and our own are edited all the time.
    if (!facts?.edited_timestamp || facts.author.bot) return;
    const { channel_id: channel, guild_id: guild, id } = facts;
    if (this.lane(channel).queue.length >= MOST_WAITING) return;
    this.enqueue(channel, () => this.patiently(channel, id, () => this.deps.edit(payload, guild ?? "")));
  }

  /** A DM that somebody may write in, though nobody was heard there yet: nothing must be missed since the beginning. */
  follow(channel: string): void {
    if (this.marks.has(channel)) return;
    this.advance(channel, this.marks.get(BEGINNING)?.id ?? snowflakeAt(Date.now()), "");
    this.catchUp(channel);
  }

  /** What a guild's list tells of its channels: those in which something was said since are read. */
  guild(guild: string, channels: { id: string; last: string | undefined }[]): void {
    const known = [...this.marks.values()].some(({ place }) => place === guild);
    for (const { id, last } of channels) {
      const mark = this.marks.get(id);
      if (!mark) {
        // Of a guild that is new to us nothing is read that was said before; a channel that is new may have been missed.
        this.advance(id, known ? "1" : (last ?? snowflakeAt(Date.now())), guild);
        if (!known || last === undefined) continue;
      } else if (last === undefined || !above(last, mark.id)) continue;
      this.catchUp(id);
    }
  }

  /** Reads what was missed in all DMs, or in every known channel of `guilds`. */
  catchUpAll(belongs: (place: string) => boolean): void {
    const due = [...this.marks].filter(([channel, { place }]) => channel !== BEGINNING && belongs(place));
    due.sort(([, a], [, b]) => (above(b.id, a.id) ? 1 : -1));
    for (const [channel] of due) this.catchUp(channel);
  }

  /** The channels that were spoken in last. */
  catchUpRecent(most: number, belongs: (place: string) => boolean): void {
    const since = snowflakeAt(Date.now() - MOST_BACK_MS);
    const due = [...this.marks].filter(
      ([channel, { id, place }]) => channel !== BEGINNING && belongs(place) && above(id, since),
    );
    due.sort(([, a], [, b]) => (above(b.id, a.id) ? 1 : -1));
    for (const [channel] of due.slice(0, most)) this.catchUp(channel);
  }

  /** Waits for what is under way, at most `ms`, and writes the watermarks. */
  async close(ms: number): Promise<void> {
    this.closing.abort();
    const until = Date.now() + ms;
    while ([...this.lanes.values()].some((lane) => lane.running) && Date.now() < until) await pause(10);
    clearTimeout(this.timer);
    await this.flushing;
    await this.flush();
  }

  private lane(channel: string): Lane {
    let lane = this.lanes.get(channel);
    if (!lane) {
      lane = { queue: [], running: false, recent: new Set(), catching: false };
      this.lanes.set(channel, lane);
    }
    return lane;
  }

  private catchUp(channel: string): void {
    const lane = this.lane(channel);
    if (lane.catching) return;
    lane.catching = true;
    this.enqueue(channel, () => this.readHistory(channel, lane));
  }

  private enqueue(channel: string, task: () => Promise<void>): void {
    const lane = this.lane(channel);
    lane.queue.push(task);
    if (!lane.running) void this.run(channel, lane);
  }

  private async run(channel: string, lane: Lane): Promise<void> {
    lane.running = true;
    for (let task = lane.queue.shift(); task && !this.closing.signal.aborted; task = lane.queue.shift())
      await task().catch((err: unknown) => this.deps.logger.error({ channel, err }, "lane failed"));
    lane.running = false;
    // Only who remembers nothing may be forgotten.
    if (this.lanes.size > 20_000 && lane.queue.length === 0) this.lanes.delete(channel);
  }

  private async work(channel: string, payload: unknown, id: string, guild: string): Promise<void> {
    const lane = this.lane(channel);
    if (lane.recent.has(id)) return;
    await this.patiently(channel, id, async () => {
      // A process that dies while it handles the first message of a channel must find it again.
      if (!this.marks.has(channel) && guild === "") {
        this.advance(channel, String(BigInt(id) - 1n), guild);
        await this.flushNow();
      }
      const done = await this.deps.handle(payload, guild);
      this.remember(lane, id);
      if (done !== "ignored" || this.marks.has(channel)) this.advance(channel, id, guild);
      // Nothing but the watermark tells that an answer outside the mailbox was given.
      if (done === "answered") await this.flushNow();
    });
  }

  /** Until it is done: what can't be stored now is tried again, and holds up its channel only. */
  private async patiently(channel: string, id: string, handle: () => Promise<void>): Promise<void> {
    for (let failures = 0; !this.closing.signal.aborted; failures++) {
      try {
        while (!this.deps.roomy() && !this.closing.signal.aborted) await pause(200, this.closing.signal);
        if (this.closing.signal.aborted) return;
        return await handle();
      } catch (err) {
        this.deps.logger.warn({ channel, updateKey: id, err }, "message not stored yet; trying again");
        await pause(Math.min(3_000, backoffMs(failures)), this.closing.signal);
      }
    }
  }

  private remember(lane: Lane, id: string): void {
    lane.recent.add(id);
    if (lane.recent.size > REMEMBERED)
      for (const oldest of [...lane.recent].slice(0, 100)) lane.recent.delete(oldest);
  }

  private async readHistory(channel: string, lane: Lane): Promise<void> {
    const release = await this.reader();
    try {
      // What is heard from now on may be in the history already: it is done once all the same.
      lane.catching = false;
      for (let failures = 0; !this.closing.signal.aborted; ) {
        const mark = this.marks.get(channel);
        const oldest = snowflakeAt(Date.now() - MOST_BACK_MS);
        const after = mark && above(mark.id, oldest) ? mark.id : oldest;
        try {
          const page = await this.deps.api.messagesAfter(channel, after);
          failures = 0;
          for (const payload of page) await this.recall(channel, lane, payload, mark?.place ?? "");
          if (page.length < 100) return;
        } catch (error) {
          const outcome = failureOutcome(error);
          if (outcome.kind === "refused") {
            this.deps.logger.info({ channel, code: outcome.code }, "channel can't be read any more");
            return;
          }
          const asked = outcome.kind === "not-applied" ? outcome.retryAfterMs : 0;
          await pause(Math.max(asked, backoffMs(failures++)), this.closing.signal);
        }
      }
    } finally {
      release();
    }
  }

  private async recall(channel: string, lane: Lane, payload: unknown, guild: string): Promise<void> {
    const facts = MessageFacts.safeParse(payload).data;
    // Not understood, or known: the watermark passes it, or the same page would come for ever.
    const id = facts?.id ?? String((payload as { id?: unknown } | null)?.id ?? "");
    if (facts && !lane.recent.has(id)) {
      if (facts.author.bot !== true) this.caught += 1;
      await this.work(channel, payload, id, guild);
    } else if (/^\d{1,20}$/.test(id)) this.advance(channel, id, guild);
  }

  private async reader(): Promise<() => void> {
    if (this.readers >= READERS) await new Promise<void>((resolve) => this.waitingReaders.push(resolve));
    this.readers += 1;
    return () => {
      this.readers -= 1;
      this.waitingReaders.shift()?.();
    };
  }

  private advance(channel: string, id: string, place: string): void {
    const before = this.marks.get(channel);
    if (before && !above(id, before.id)) return;
    this.marks.set(channel, { id, place: before?.place || place });
    this.dirty.add(channel);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, FLUSH_MS);
  }

  private async flushNow(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.flush();
  }

  private async flush(): Promise<void> {
    this.flushing = this.flushing.then(async () => {
      const marks = [...this.dirty].map((channel) => ({ channel, ...this.marks.get(channel)! }));
      this.dirty.clear();
      for (let from = 0; from < marks.length; from += 200) {
        const some = marks.slice(from, from + 200);
        try {
          await this.deps.store.advance(some, snowflakeAt(Date.now() - MOST_BACK_MS));
        } catch (err) {
          // Less is remembered than was done: a restart does it again, and the mailbox knows it.
          this.deps.logger.warn({ err }, "watermarks not written yet");
          for (const { channel } of some) this.dirty.add(channel);
        }
      }
    });
    await this.flushing;
  }
}

/** Whether an id is newer than another: numbers beyond 2^53. */
function above(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

/**
 * What a person may hand in now: messages a minute, and whether today's tokens and money are used up.
 * Asks for nothing before a message: what the store said with the last one, and read-ups in the background, are what it
 * knows. So a limit may be passed by what was under way at the same moment, and costs no message any time.
 */
import type { Logger } from "../../lib/logging.ts";
import type { ProfilePort, UsagePort } from "../../store/index.ts";
import type { Offers } from "./run-command.ts";

/** What the gate needs. */
export interface GateDeps {
  usage: Pick<UsagePort, "day">;
  profiles: Pick<ProfilePort, "get">;
  logger: Logger;
  /** Monotonic milliseconds; for tests. */
  now?: () => number;
}

/** Whether a message may be handed in. */
export type Passage =
  /** `perMinute`: what the store is to count by; absent: nothing is counted. */
  | { kind: "open"; perMinute?: number }
  | { kind: "too-fast"; seconds: number; perMinute: number; tell: boolean }
  | { kind: "used-up"; what: "tokens" | "micros"; tell: boolean };

interface Known {
  /** Messages that were left, and when that was so. */
  left: number;
  at: number;
  /** Handed in, the store hasn't said yet. */
  underWay: number;
  perMinute: number | undefined;
  usedUp: "tokens" | "micros" | undefined;
  readAt: number;
  toldAt: number;
}

/** Profile and usage are read again after this. Milliseconds. */
const READ_AGAIN_MS = 15_000;
/** A refusal is told at most this often, so that a flood isn't answered by a flood. */
const TELL_MS = 10_000;
const MOST = 10_000;

/** The gate of one bridge. */
export class Gate {
  private readonly deps: GateDeps;
  private readonly now: () => number;
  private readonly known = new Map<string, Known>();

  constructor(deps: GateDeps) {
    this.deps = deps;
    this.now = deps.now ?? (() => performance.now());
  }

  /** Judges one message. `settled` has to follow when it is open. */
  check(principal: string, offers: Offers): Passage {
    const known = this.of(principal, offers);
    const now = this.now();
    if (now - known.readAt >= READ_AGAIN_MS) void this.read(principal, known, offers, now);
    if (known.usedUp) return { kind: "used-up", what: known.usedUp, tell: this.tell(known, now) };
    const { perMinute } = known;
    if (perMinute === undefined) return { kind: "open" };
    const left = Math.min(perMinute, known.left + ((now - known.at) * perMinute) / 60_000) - known.underWay;
    if (left < 1) {
      const seconds = Math.max(1, Math.ceil(((1 - left) * 60) / perMinute));
      return { kind: "too-fast", seconds, perMinute, tell: this.tell(known, now) };
    }
    known.underWay += 1;
    return { kind: "open", perMinute };
  }

  /** What became of a message that was let through; `left` is what the store counted. */
  settled(principal: string, left: number | undefined): void {
    const known = this.known.get(principal);
    if (!known) return;
    known.underWay = Math.max(0, known.underWay - 1);
    if (left === undefined) return;
    known.left = left;
    known.at = this.now();
  }

  private of(principal: string, offers: Offers): Known {
    const found = this.known.get(principal);
    if (found) return found;
    const perMinute = offers.messagesPerMinute;
    const fresh: Known = {
      ...{ left: perMinute ?? 0, at: this.now(), underWay: 0, perMinute, usedUp: undefined },
      readAt: Number.NEGATIVE_INFINITY,
      toldAt: Number.NEGATIVE_INFINITY,
    };
    this.known.set(principal, fresh);
    if (this.known.size > MOST) {
      const [oldest = ""] = this.known.keys();
      this.known.delete(oldest);
    }
    return fresh;
  }

  private tell(known: Known, now: number): boolean {
    if (now - known.toldAt < TELL_MS) return false;
    known.toldAt = now;
    return true;
  }

  /** Never in a message's way; what can't be read stays as it was. */
  private async read(principal: string, known: Known, offers: Offers, now: number): Promise<void> {
    known.readAt = now;
    try {
      const [profile, used] = await Promise.all([
        this.deps.profiles.get(principal),
        this.deps.usage.day(principal),
      ]);
      known.perMinute = profile?.messagesPerMinute ?? offers.messagesPerMinute;
      const tokens = profile?.dailyTokens ?? offers.dailyTokens ?? Number.POSITIVE_INFINITY;
      const micros = profile?.dailyMicros ?? offers.dailyMicros ?? Number.POSITIVE_INFINITY;
      known.usedUp =
        used.input + used.output >= tokens ? "tokens" : used.micros >= micros ? "micros" : undefined;
    } catch (err) {
      this.deps.logger.debug({ err }, "limits not read");
    }
  }
}

/**
 * The approvals of one sandbox: holds connections while a person is asked, one card per digest, and opens exactly what
 * was decided (DESIGN §6, RELIABILITY §5). Asks only while a turn runs, never more cards at once than the cap. Knows
 * nothing of chats: where a card goes is copied from the turn's record, unread.
 */
import { newId } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { ApprovalPort, ApprovalRecord, ApprovalState, Decider } from "../../store/index.ts";
import type { Approver, HoldOutcome, Question } from "../egress/proxy/index.ts";
import type { RunningTurn, TurnsPort } from "../ports.ts";
import { digestOf, factsOf, risksOf, scopeOf } from "./facts.ts";
import { Held } from "./held.ts";
import { holdTimeOf } from "./hold-times.ts";
import { STARTUP_HOSTS } from "./host-lists.ts";
import type { TurnEnds } from "./turn-ends.ts";

/** Limits of one sandbox's desk. */
export interface DeskLimits {
  /** Open cards at once; more destinations are answered 429. */
  readonly maxOpen: number;
  /** New cards per minute. */
  readonly perMinute: number;
  /** How long a connection is held; by default depending on the program (hold-times.ts). */
  readonly holdMs?: number;
  readonly decideMs: number;
}

/** The defaults. */
export const DESK_LIMITS: DeskLimits = {
  maxOpen: 5,
  perMinute: 20,
  decideMs: TIMEOUTS.decide,
};

/** What desks share. */
export interface DeskDeps {
  readonly store: ApprovalPort;
  readonly turns: TurnsPort;
  readonly ends: TurnEnds;
  readonly epoch: string;
  readonly logger: Logger;
  readonly limits: DeskLimits;
  /** Whether anybody may decide for it at all. */
  anybody(principal: string): Promise<boolean>;
  /** The newest tool line that the sandbox told of a turn; its own words. */
  says(principal: string, turnId: string): string;
}

/** A decision as it is to be carried out. */
export interface Verdict {
  readonly state: Exclude<ApprovalState, "pending" | "expired" | "cancelled">;
  readonly by: Decider;
  /** Why, for the audit. */
  readonly reason?: string;
}

type Opening = { kind: "held"; held: Held } | { kind: "answer"; outcome: HoldOutcome };

/** How often numbers on a card are written. */
const COUNT_MS = 250;
const MINUTE_MS = 60_000;
/** Destinations that nobody could be asked about, kept for the lists. */
const UNASKED = 50;

/** See the module's header. */
export class Desk implements Approver {
  readonly sandboxId: string;
  readonly #deps: DeskDeps;
  readonly #held = new Map<string, Held>();
  readonly #opening = new Map<string, Promise<Opening>>();
  readonly #counting = new Map<string, NodeJS.Timeout>();
  readonly #openedAt: number[] = [];
  readonly #unasked = new Map<string, { host: string; port: number; at: number; times: number }>();

  constructor(sandboxId: string, deps: DeskDeps) {
    this.sandboxId = sandboxId;
    this.#deps = deps;
  }

  /** Destinations that were denied because nobody could be asked, newest last. */
  get unasked(): readonly { host: string; port: number; at: number; times: number }[] {
    return [...this.#unasked.values()];
  }

  /** Whether a card of this sandbox may still be open: taps are looked for then. */
  get busy(): boolean {
    return this.#held.size > 0 || this.#opening.size > 0;
  }

  async hold(question: Question, signal: AbortSignal): Promise<HoldOutcome> {
    if (STARTUP_HOSTS.has(question.host)) return { kind: "unasked" };
    try {
      const digest = digestOf(question);
      for (let tries = 0; tries < 3; tries++) {
        const known = this.#held.get(digest);
        if (known && known.count > 0) return await known.wait(signal, this.#holdMs(question));
        let opening = this.#opening.get(digest);
        if (!opening) {
          opening = this.#open(question, digest).finally(() => this.#opening.delete(digest));
          this.#opening.set(digest, opening);
        }
        const opened = await opening;
        if (opened.kind === "answer") return opened.outcome;
        // Decided between opening and here: look again.
        if (this.#held.get(digest) === opened.held)
          return await opened.held.wait(signal, this.#holdMs(question));
      }
      return { kind: "busy" };
    } catch (err) {
      // Nobody can be asked while the store is away: deny.
      this.#deps.logger.warn({ err, sandboxId: this.sandboxId }, "approval could not be asked for");
      return { kind: "unasked" };
    }
  }

  async consume(grantId: string): Promise<{ until: AbortSignal } | false> {
    const { store, turns, ends } = this.#deps;
    if (!(await store.consume(this.sandboxId, grantId))) return false;
    const turn = (await turns.current(this.sandboxId)).find(({ kind }) => kind === "turn");
    // Used while no turn runs: then nothing ends it earlier.
    return {
      until: turn ? ends.signal(this.sandboxId, turn.turnId) : AbortSignal.timeout(TIMEOUTS.onceTunnel),
    };
  }

  /**
   * Carries a verdict out: record first, then the sockets. `won` is false when somebody else was first or the card's
   * time was over; undefined when there is no such card.
   */
  async decide(
    record: ApprovalRecord,
    { state, by }: Verdict,
  ): Promise<{ won: boolean; record: ApprovalRecord; released: number } | undefined> {
    const { store } = this.#deps;
    const held = this.#held.get(record.digest);
    const late = (held?.approvalId === record.approvalId ? held.count : 0) === 0;
    const grantFor = state === "allowed-session" || (state === "allowed-once" && late);
    const scope = scopeOf(record);
    const decided = await store.decide(record.principal, record.approvalId, {
      state,
      by,
      late,
      bridge: record.bridge,
      ...(grantFor
        ? {
            grant: {
              grantId: newId("g"),
              scope: state === "allowed-session" ? ("session" as const) : ("once" as const),
              ...scope,
              conversation: record.conversation,
              scopeId: record.scopeId,
              approvalId: record.approvalId,
              by,
              ttlMs: state === "allowed-session" ? TIMEOUTS.sessionGrant : TIMEOUTS.nextTry,
            },
          }
        : {}),
      ...(state === "allowed-always"
        ? { rule: { ruleId: newId("r"), ...scope, approvalId: record.approvalId, by } }
        : {}),
    });
    if (!decided) return undefined;
    return { ...decided, released: this.#settled(decided.record) };
  }

  /** Ends a card that nobody decided in time, or whose gateway died. */
  async expire(record: ApprovalRecord): Promise<void> {
    const { store } = this.#deps;
    const { principal, approvalId, bridge } = record;
    const ended = await store.decide(principal, approvalId, { state: "expired", late: true, bridge });
    if (ended) this.#settled(ended.record);
  }

  /** Lets everybody go (the sandbox is gone, the gateway closes). */
  close(): void {
    for (const timer of this.#counting.values()) clearTimeout(timer);
    this.#counting.clear();
    for (const held of this.#held.values()) held.release({ kind: "expired", approvalId: held.approvalId });
    this.#held.clear();
  }

  /** Releases who is held by a card that has an outcome now. */
  #settled(record: ApprovalRecord): number {
    const held = this.#held.get(record.digest);
    if (held?.approvalId !== record.approvalId) return 0;
    this.#forget(held);
    return held.release(this.#outcomeOf(record));
  }

  #outcomeOf(record: ApprovalRecord): HoldOutcome {
    const { approvalId, state, decidedBy } = record;
    const by = decidedBy ? `${decidedBy.via}:${decidedBy.identity}` : "";
    switch (state) {
      case "allowed-once":
        return {
          kind: "allowed",
          approvalId,
          by,
          scope: "once",
          until: this.#deps.ends.signal(this.sandboxId, record.turnId),
        };
      case "allowed-session":
        return { kind: "allowed", approvalId, by, scope: "session" };
      case "allowed-always":
        return { kind: "allowed", approvalId, by, scope: "always" };
      case "denied":
        return { kind: "denied", approvalId, by };
      default:
        return { kind: "expired", approvalId };
    }
  }

  async #open(question: Question, digest: string): Promise<Opening> {
    const { store, turns, epoch, limits, says } = this.#deps;
    const contexts = (await turns.current(this.sandboxId)).filter(({ kind }) => kind === "turn");
    // Several turns at once: the one whose agent used a tool last, else the most recently begun.
    const turn = pick(contexts, (turnId) => says(this.sandboxId, turnId));
    if (!turn?.bridge || !turn.deliver || !turn.conversation) {
      this.#noteUnasked(question);
      return { kind: "answer", outcome: { kind: "unasked" } };
    }
    if (!this.#mayOpen(digest)) return { kind: "answer", outcome: { kind: "busy" } };
    if (!(await this.#deps.anybody(this.sandboxId))) {
      this.#noteUnasked(question);
      return { kind: "answer", outcome: { kind: "unasked", why: "no_approver" } };
    }
    const facts = factsOf(question);
    const [past, rules] = await Promise.all([store.list(this.sandboxId), store.rules(this.sandboxId)]);
    const hosts = new Set([...past.map((one) => one.facts.host), ...rules.map((rule) => rule.host)]);
    const opened = await store.open(
      this.sandboxId,
      {
        approvalId: newId("a"),
        epoch,
        digest,
        facts,
        risks: risksOf(facts, hosts),
        says: oneLine(says(this.sandboxId, turn.turnId)),
        turnId: turn.turnId,
        scopeId: turn.scopeId,
        conversation: turn.conversation,
        bridge: turn.bridge,
        deliver: turn.deliver,
        holdMs: this.#holdMs(question),
        decideMs: limits.decideMs,
      },
      limits.maxOpen,
    );
    if (opened.kind === "busy") return { kind: "answer", outcome: { kind: "busy" } };
    if (opened.kind === "denied") return { kind: "answer", outcome: this.#outcomeOf(opened.record) };
    if (opened.kind === "opened") this.#openedAt.push(performance.now());
    const known = this.#held.get(digest);
    if (known?.approvalId === opened.record.approvalId) {
      known.record = opened.record;
      return { kind: "held", held: known };
    }
    const held: Held = new Held(opened.record, {
      counted: () => this.#countLater(held),
      empty: (exit) => void this.#empty(held, exit === "left"),
    });
    this.#held.set(digest, held);
    return { kind: "held", held };
  }

  #holdMs({ binary }: Question): number {
    return Math.min(this.#deps.limits.holdMs ?? holdTimeOf(binary), TIMEOUTS.hold);
  }

  /** New cards per minute; a card that is open already may always be joined. */
  #mayOpen(digest: string): boolean {
    const since = performance.now() - MINUTE_MS;
    while ((this.#openedAt[0] ?? since) < since) this.#openedAt.shift();
    return this.#held.has(digest) || this.#openedAt.length < this.#deps.limits.perMinute;
  }

  #countLater(held: Held): void {
    // The first attempt is on the card already.
    if (this.#counting.has(held.digest) || held.attempts <= held.record.attempts) return;
    const write = () => {
      this.#counting.delete(held.digest);
      if (this.#held.get(held.digest) !== held) return;
      this.#deps.store
        .holding(this.sandboxId, held.approvalId, held.attempts, held.count, false)
        .then((record) => {
          if (record) held.record = record;
        })
        .catch(() => {}); // only numbers
    };
    this.#counting.set(held.digest, setTimeout(write, COUNT_MS));
  }

  /** Nobody waits any more. Who left by himself takes the card with him; who waited in vain leaves it open. */
  async #empty(held: Held, left: boolean): Promise<void> {
    if (this.#held.get(held.digest) !== held) return;
    if (left) this.#forget(held);
    try {
      await this.#deps.store.holding(this.sandboxId, held.approvalId, held.attempts, 0, left);
    } catch (err) {
      this.#deps.logger.warn({ err, approvalId: held.approvalId }, "card not brought up to date");
    }
  }

  #forget(held: Held): void {
    clearTimeout(this.#counting.get(held.digest));
    this.#counting.delete(held.digest);
    this.#held.delete(held.digest);
  }

  #noteUnasked({ host, port }: Question): void {
    const key = `${host}:${port}`;
    const times = (this.#unasked.get(key)?.times ?? 0) + 1;
    this.#unasked.delete(key);
    this.#unasked.set(key, { host, port, at: Date.now(), times });
    const [oldest] = this.#unasked.keys();
    if (this.#unasked.size > UNASKED && oldest !== undefined) this.#unasked.delete(oldest);
  }
}

/** The turn that most likely caused it. */
function pick(turns: readonly RunningTurn[], says: (turnId: string) => string): RunningTurn | undefined {
  return turns.find(({ turnId }) => says(turnId) !== "") ?? turns[0];
}

/** Untrusted words as one line of at most 200 characters. */
function oneLine(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .toWellFormed();
  const units = [...line];
  return units.length <= 200 && line.length <= 200 ? line : `${units.slice(0, 150).join("").slice(0, 196)}…`;
}

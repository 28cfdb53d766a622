/**
 * From a ring to a running turn: claims what has work, keeps what runs, sweeps for what was missed (RELIABILITY §1–2).
 * A ring or a sweep is only a hint: `claim` decides. A conversation that has to wait holds nothing here.
 */
import { describeError } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { isDead } from "../lib/owner.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { ClaimResult, TurnPort, TurnRecord } from "../store/index.ts";
import type { TurnRun } from "./turn-runner.ts";

/** What the dispatcher needs. */
export interface DispatchDeps {
  log: Logger;
  turns: TurnPort;
  owner: string;
  hostId: string;
  /** Turns held at once, waking ones included. */
  maxClaimed: number;
  /** This worker may act for its host now. */
  acting(): boolean;
  /** The operator wants no new turns; unfinished ones go on. */
  paused(): boolean;
  /** Nothing of this turn's principal, or of its people, may run. */
  shut(turn: TurnRecord): boolean;
  /** `fresh`: claimed as a new turn, not recovered. */
  run(turn: TurnRecord, askedAt: number, fresh: boolean): TurnRun;
  /** Turns of the principal that may run at once. */
  mostRunning(principal: string): number;
  /** Life of the principal's agent if it could take a turn at once, else "". */
  warmLife(principal: string): string;
}

const SWEEP_BATCH = 100;
/** Claims at once in a sweep. */
const SWEEP_LANES = 8;
/** Conversations whose principal is remembered. */
const KNOWN = 10_000;

/** See the module's header. */
export class Dispatcher {
  readonly #deps: DispatchDeps;
  readonly #runs = new Map<string, TurnRun>();
  readonly #claiming = new Map<string, Promise<void>>();
  readonly #later = new Map<string, NodeJS.Timeout>();
  /** Principals of conversations that had a turn here, oldest first. */
  readonly #known = new Map<string, string>();
  /** Sure claims under way, by principal. */
  readonly #sure = new Map<string, number>();
  /** From then on every place that is taken was taken or renewed by this worker. */
  #soleFrom = Number.POSITIVE_INFINITY;
  #open = false;
  #sweeping = false;
  #sweeper: NodeJS.Timeout | undefined;
  #redisWasAway = false;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
  }

  get running(): number {
    return this.#runs.size;
  }

  open(): void {
    this.#open = true;
    this.#soleFrom = performance.now() + 2 * TIMEOUTS.lease;
    this.#sweeper ??= setInterval(() => void this.sweep(), TIMEOUTS.sweep);
    void this.sweep();
  }

  /** No more claims; what runs goes on. */
  stopClaims(): void {
    this.#open = false;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    for (const timer of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
  }

  /** Waits for running turns, then leaves the rest to the next worker. */
  async finishOrDetach(withinMs: number): Promise<void> {
    await Promise.allSettled(this.#claiming.values());
    const all = Promise.all([...this.#runs.values()].map((run) => run.done));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([all, late]);
    clearTimeout(timer);
    this.detachAll();
  }

  detachAll(): void {
    for (const run of [...this.#runs.values()]) run.detach();
  }

  /** A cancel may concern this conversation's turn. */
  cancelHint(conversation: string): void {
    void this.#runs.get(conversation)?.renew();
  }

  /** Somebody was shut out: running turns that are theirs end. What waits is ended when it is claimed. */
  cancelShut(): void {
    for (const run of this.#runs.values()) if (this.#deps.shut(run.turn)) run.cancel();
  }

  /** The doorbell rang. Resolves when it is known what becomes of it, not when the turn ends. */
  ring(conversation: string): Promise<void> {
    const busy = this.#claiming.get(conversation);
    if (busy) return busy;
    const claiming = this.#claim(conversation).finally(() => this.#claiming.delete(conversation));
    this.#claiming.set(conversation, claiming);
    return claiming;
  }

  /** Looks once for dirty conversations that nobody works on. */
  async sweep(): Promise<void> {
    if (this.#sweeping || !this.#mayClaim()) return;
    this.#sweeping = true;
    try {
      const page = await this.#deps.turns.dirty(SWEEP_BATCH);
      if (this.#redisWasAway) this.#deps.log.info("Redis is back");
      this.#redisWasAway = false;
      const queue = page.map((entry) => entry.conversation).filter((id) => !this.#runs.has(id));
      const lane = async () => {
        for (let id = queue.shift(); id !== undefined; id = queue.shift()) await this.ring(id);
      };
      await Promise.all(Array.from({ length: SWEEP_LANES }, lane));
    } catch (error) {
      if (!this.#redisWasAway) this.#deps.log.warn({ reason: describeError(error) }, "sweep failed");
      this.#redisWasAway = true;
    } finally {
      this.#sweeping = false;
    }
  }

  #mayClaim(): boolean {
    return this.#open && this.#deps.acting() && this.#runs.size < this.#deps.maxClaimed;
  }

  async #claim(conversation: string): Promise<void> {
    if (this.#runs.has(conversation) || !this.#mayClaim()) return;
    const { turns, owner, log } = this.#deps;
    try {
      if (this.#deps.paused() && !(await turns.get(conversation))) return;
      let askedAt = performance.now();
      let result = await this.#claimOnce(conversation);
      if (result.kind === "busy") {
        const dead = await this.#deadHolder(conversation);
        if (dead !== undefined) {
          askedAt = performance.now();
          result = await turns.claim(conversation, owner, dead);
        }
      }
      if (result.kind === "run" || result.kind === "recover")
        this.#start(result.turn, askedAt, result.kind === "run");
      else if (result.kind === "busy") this.#again(conversation, result.leaseUntil - Date.now());
      else if (result.kind === "empty") await turns.clean(conversation, await turns.markOf(conversation));
      // `wait`: rung by the store when a place of its principal is free.
    } catch (error) {
      // The mark is still there: the sweeper comes back to it.
      log.debug({ conversation, reason: describeError(error) }, "claim failed");
    }
  }

  /** One claim; the short way when this worker knows that the principal has a place free. */
  async #claimOnce(conversation: string): Promise<ClaimResult> {
    const { turns, owner } = this.#deps;
    const principal = this.#known.get(conversation);
    if (principal === undefined || performance.now() < this.#soleFrom)
      return turns.claim(conversation, owner);
    const underWay = this.#sure.get(principal) ?? 0;
    const running = [...this.#runs.values()].filter((run) => run.principal === principal).length;
    if (running + underWay >= this.#deps.mostRunning(principal)) return turns.claim(conversation, owner);
    this.#sure.set(principal, underWay + 1);
    try {
      const bootId = this.#deps.warmLife(principal);
      return await turns.claim(conversation, owner, "", { principal, bootId });
    } finally {
      const left = (this.#sure.get(principal) ?? 1) - 1;
      if (left > 0) this.#sure.set(principal, left);
      else this.#sure.delete(principal);
    }
  }

  #remember({ conversation, principal }: TurnRecord): void {
    this.#known.delete(conversation);
    this.#known.set(conversation, principal);
    if (this.#known.size <= KNOWN) return;
    const [oldest = ""] = this.#known.keys();
    this.#known.delete(oldest);
  }

  /** The holder of a live lease, when it provably doesn't act: then nobody has to wait for the lease's end. */
  async #deadHolder(conversation: string): Promise<string | undefined> {
    const holder = (await this.#deps.turns.get(conversation))?.owner;
    if (holder === undefined) return undefined;
    // Our own: we left it (Redis was away) and don't run it any more, else it were in #runs.
    return holder === this.#deps.owner || isDead(holder, this.#deps.hostId) ? holder : undefined;
  }

  /** Exactly when a foreign lease ends, if nobody renews it. */
  #again(conversation: string, inMs: number): void {
    if (this.#later.has(conversation) || !this.#open) return;
    const delay = Math.min(Math.max(inMs, 0) + 20, TIMEOUTS.lease);
    this.#later.set(
      conversation,
      setTimeout(() => {
        this.#later.delete(conversation);
        void this.ring(conversation);
      }, delay),
    );
  }

  #start(turn: TurnRecord, askedAt: number, fresh: boolean): void {
    const { conversation } = turn;
    this.#remember(turn);
    const run = this.#deps.run(turn, askedAt, fresh);
    this.#runs.set(conversation, run);
    run.start();
    if (this.#deps.shut(turn)) run.cancel();
    void run.done.then(async ({ more, detached }) => {
      this.#runs.delete(conversation);
      if (detached) return;
      if (more) await this.ring(conversation);
      else await this.#tidy(conversation);
    });
  }

  /** Removes the mark of a conversation that has nothing left. Only tidying: the sweeper would do it too. */
  async #tidy(conversation: string): Promise<void> {
    const { turns } = this.#deps;
    await turns
      .markOf(conversation)
      .then((mark) => turns.clean(conversation, mark))
      .catch(() => {});
  }
}

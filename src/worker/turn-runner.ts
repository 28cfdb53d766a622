/**
 * Runs one claimed turn: carries out the effects of `turn-machine.ts` and reports back what came of them.
 * Must never act without holding the lease by its own clock, never send `run` before `dispatching` is stored, and never
 * let the guest forget a turn before its answer is.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, Fault } from "../lib/errors.ts";
import { failpoint } from "../lib/failpoints.ts";
import type { Logger } from "../lib/logging.ts";
import { modelAlias } from "../lib/model-alias.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { TurnEvent } from "../sandbox/index.ts";
import {
  type ApprovalPort,
  MAX_STARTS,
  type TurnContextPort,
  type TurnPort,
  type TurnRecord,
} from "../store/index.ts";
import type { AgentClient } from "./agent-client.ts";
import { answerOf, endOf, wakeCode } from "./answer.ts";
import { type FairSlots, Slot } from "./fair-slots.ts";
import type { LauncherPort } from "./launcher-port.ts";
import { MemoryVerdict } from "./memory-verdict.ts";
import { retrying } from "./retry.ts";
import type { Sandbox } from "./sandbox.ts";
import { Steering } from "./steering.ts";
import { TimeLimit } from "./time-limit.ts";
import { contextOf, logFields, sessionKeyOf } from "./turn-context.ts";
import type { TurnFiles } from "./turn-files.ts";
import { TurnLease } from "./turn-lease.ts";
import { type Effect, type Ending, newMachine, step, type TurnInput } from "./turn-machine.ts";
import { type TellingPorts, TurnTelling } from "./turn-telling.ts";

/** What all turns of a worker share. */
export interface TurnDeps extends TellingPorts {
  log: Logger;
  turns: TurnPort;
  contexts: TurnContextPort;
  approvals: Pick<ApprovalPort, "list" | "get">;
  launcher: LauncherPort;
  slots: FairSlots;
  files: TurnFiles;
}

/** How often the last handled event is stored. */
const EVENT_SEQ_MS = 5_000;
/** Pause before a command is sent again to a guest that is connected but didn't answer, or was busy. */
const AGAIN_MS = 500;

/** See the module's header. */
export class TurnRun {
  readonly #deps: TurnDeps;
  readonly #log: Logger;
  readonly #sandbox: Sandbox;
  readonly #client: AgentClient;
  readonly #lease: TurnLease;
  readonly #steering: Steering;
  readonly #telling: TurnTelling;
  readonly #limit: TimeLimit;
  readonly #memory: MemoryVerdict;
  readonly #slot: Slot;
  readonly #ended = Promise.withResolvers<{ more: boolean; detached: boolean }>();
  readonly #unhold: () => void;
  readonly #fresh: boolean;
  #turn: TurnRecord;
  #machine = newMachine();
  #unlisten: (() => void) | undefined;
  /** The guest itself said how the turn ended. */
  #told = false;
  #more = false;
  #lastSeq = 0;
  #storedSeqAt = performance.now();
  #noticeTimer: NodeJS.Timeout | undefined;
  #killTimer: NodeJS.Timeout | undefined;
  #startedAt: number;

  /** `askedAt`: when the claim was sent (monotonic). `fresh`: a new turn, perhaps stored as `dispatching` already. */
  constructor(deps: TurnDeps, sandbox: Sandbox, turn: TurnRecord, askedAt: number, fresh: boolean) {
    this.#deps = deps;
    this.#fresh = fresh;
    this.#turn = turn;
    this.#sandbox = sandbox;
    this.#client = sandbox.client;
    this.#log = deps.log.child(logFields(turn));
    this.#lease = new TurnLease(deps.turns, turn, askedAt, this.#log, {
      lost: () => this.#feed({ type: "lease-lost" }),
      cancel: () => this.#feed({ type: "cancel" }),
      joinable: () => this.#steering.joinable(),
    });
    this.#steering = new Steering({
      ...{ client: this.#client, log: this.#log, recovered: !fresh },
      turn: () => this.#turn,
      join: () => this.#store(() => deps.turns.join(this.#turn)),
      running: () => this.#machine.phase === "running" && this.#lease.held(),
    });
    this.#limit = new TimeLimit(deps.approvals, () => this.#feed({ type: "time-limit" }));
    this.#memory = new MemoryVerdict(deps.launcher, turn.principal);
    this.#slot = new Slot(deps.slots);
    this.#unhold = sandbox.hold();
    this.#startedAt = askedAt;
    this.#telling = new TurnTelling(deps, {
      ...{ turn, log: this.#log, held: () => this.#lease.held() },
      answer: (ask, decision) => this.#client.answer(turn.turnId, turn.fence, ask, decision),
    });
  }

  /** Resolves when the turn is settled here, or left to somebody else. */
  get done(): Promise<{ more: boolean; detached: boolean }> {
    return this.#ended.promise;
  }

  /** As it was stored last. */
  get turn(): TurnRecord {
    return this.#turn;
  }

  get principal(): string {
    return this.#turn.principal;
  }

  start(): void {
    const state = this.#turn.state;
    const known = !this.#fresh && (state === "dispatching" || state === "running") ? state : "accepted";
    this.#feed({ type: "begin", state: known, mayStart: this.#mayStart() });
  }

  /** A cancel may have come. */
  renew(): Promise<void> {
    return this.#lease.renew();
  }

  /** Whose it is was shut out: ends as if the user had stopped it. */
  cancel(): void {
    this.#feed({ type: "cancel" });
  }

  /** Stops acting without ending anything (drain, lost host). */
  detach(): void {
    this.#feed({ type: "lease-lost" });
  }

  #mayStart(): boolean {
    return this.#turn.starts < MAX_STARTS;
  }

  #feed(input: TurnInput): void {
    const from = this.#machine.phase;
    const { machine, effects } = step(this.#machine, input);
    this.#machine = machine;
    if (machine.phase !== from) this.#log.debug({ event: input.type, from, to: machine.phase }, "turn");
    if (machine.phase === "starting" || machine.phase === "attaching") this.#limit.start(this.#turn);
    if (machine.phase === "running" && from !== "running") this.#steering.resume();
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    if (effect.do === "detach") {
      this.#finish(true);
      return;
    }
    if (effect.do === "forget") {
      this.#forget();
      return;
    }
    if (!this.#lease.held()) return;
    const failed = (error: unknown) => {
      this.#log.error({ err: error, effect: effect.do }, "turn step failed");
      // Nothing is lost: the lease ends and the turn is recovered.
      this.#feed({ type: "lease-lost" });
    };
    this.#carryOut(effect).catch(failed);
  }

  async #carryOut(effect: Effect): Promise<void> {
    switch (effect.do) {
      case "locate":
        return this.#locate();
      case "acquire":
        return this.#acquire();
      case "store-dispatching":
        return this.#storeDispatching();
      case "send-run":
        return this.#sendRun();
      case "store-running":
        await this.#advance({ state: "running" });
        return;
      case "send-attach":
        return this.#ask("attaching", () => this.#client.attach(this.#turn.turnId, this.#turn.fence), {
          type: "attached",
        });
      case "send-cancel":
        return this.#sendCancel();
      case "kill-agent":
        this.#log.warn("agent did not stop in time, its processes are killed");
        await this.#deps.launcher.killAgent(this.#turn.principal).catch((error: unknown) => {
          this.#log.error({ err: error }, "agent could not be killed");
        });
        return;
      case "settle":
        return this.#settle(effect.ending);
    }
  }

  async #locate(): Promise<void> {
    this.#listen();
    try {
      const sameLife = await this.#sandbox.sameLife(this.#turn.bootId);
      if (sameLife) this.#slot.force();
      await this.#beginContext();
      this.#feed({ type: "located", sameLife });
    } catch (error) {
      // Not known is not the same as gone: the lease ends, and whoever claims it next asks again.
      this.#log.warn({ err: error }, "sandbox of a recovered turn can't be asked");
      this.#feed({ type: "lease-lost" });
    }
  }

  async #acquire(): Promise<void> {
    this.#noticeTimer = setTimeout(() => this.#telling.waking(), TIMEOUTS.wakingNotice);
    try {
      await this.#sandbox.ready();
      clearTimeout(this.#noticeTimer);
      const waited = await this.#slot.take(this.#turn.principal);
      // It may have been a long wait.
      if (waited && this.#machine.phase !== "ended") await this.#sandbox.ready();
      this.#feed({ type: "acquired" });
    } catch (error) {
      clearTimeout(this.#noticeTimer);
      this.#log.error({ err: error }, "agent did not wake");
      const code = wakeCode(error instanceof Fault ? error.code : undefined);
      this.#feed({ type: "not-acquired", code });
    }
  }

  async #storeDispatching(): Promise<void> {
    this.#listen();
    this.#memory.begin(this.#sandbox.oomKills);
    const { state, bootId } = this.#turn;
    const begun = this.#beginContext();
    if (!this.#fresh || state !== "dispatching" || bootId !== this.#client.bootId) {
      const [stored] = await Promise.all([
        this.#advance({ state: "dispatching", bootId: this.#client.bootId }),
        begun,
      ]);
      if (!stored) return;
    }
    failpoint("dispatch.before-run");
    this.#feed({ type: "dispatched", mayStart: this.#mayStart() });
    // Stored by the claim: `begin` is on its way to Redis before `run` is to the guest, and so before any model call.
    await begun;
  }

  #sendRun(): Promise<void> {
    const { turnId, fence, model } = this.#turn;
    const command = {
      ...{ turnId, fence, ...(model === undefined ? {} : { model: modelAlias(model) }) },
      mode: this.#sandbox.modeNow,
      timeoutMs: TIMEOUTS.turn + TIMEOUTS.turnHeld,
    };
    const send = async () => {
      const { text, heard } = await this.#deps.files.handIn(this.#client, this.#turn);
      // It may have been cancelled meanwhile: then there is nothing to start.
      const wanted = () => this.#machine.phase === "starting" && this.#lease.held();
      // Stored before the agent knows it: whoever recovers this turn says what was understood.
      const isNew = heard.length > 0 && !this.#turn.heard;
      if (!wanted() || (isNew && !(await this.#advance({ heard }))) || !wanted()) return;
      if (isNew) failpoint("dispatch.after-heard");
      this.#telling.heard(heard);
      await this.#client.run({ ...command, text, sessionKey: sessionKeyOf(this.#turn) });
      failpoint("dispatch.after-run");
    };
    return this.#ask("starting", send, { type: "run-acked" });
  }

  #sendCancel(): Promise<void> {
    this.#killTimer ??= setTimeout(() => this.#feed({ type: "kill-due" }), TIMEOUTS.cancelKill);
    return this.#ask("stopping", () => this.#client.cancel(this.#turn.turnId, this.#turn.fence));
  }

  /** Sends a command; repeats it in the same phase when a connected guest didn't answer or was busy. */
  async #ask(phase: string, send: () => Promise<unknown>, then?: TurnInput): Promise<void> {
    try {
      await send();
      if (then) this.#feed(then);
    } catch (error) {
      const code = error instanceof Fault ? error.code : "agent-failed";
      if (code === "guest-stale-fence") this.#feed({ type: "lease-lost" });
      else if (code === "guest-unknown-turn") this.#feed({ type: "unknown-turn" });
      else if (code === "agent-unreachable" || code === "guest-busy") {
        // Without a connection the next `up` sends it again.
        if (!this.#client.connected) return;
        await sleep(AGAIN_MS);
        if (this.#machine.phase === phase && this.#lease.held()) return this.#ask(phase, send, then);
      } else {
        this.#log.error({ err: error }, "guest refused");
        this.#feed({ type: "refused", code: "agent-failed", detail: describeError(error) });
      }
    }
  }

  async #settle(told: Ending): Promise<void> {
    const ending = await this.#memory.judge(told);
    const { outcome, body: said } = answerOf(this.#turn, ending);
    this.#telling.quiet();
    const { files } = this.#deps;
    const body = said.kind === "final" ? await files.collect(this.#client, this.#turn.turnId, said) : said;
    const taken = this.#steering.ending(this.#told);
    const settled = await this.#stored(() => this.#deps.turns.settle(this.#turn, outcome, body, taken));
    if (!settled) return;
    files.settled(this.#client, this.#turn, outcome, body);
    this.#more = settled.more;
    const ms = Math.round(performance.now() - this.#startedAt);
    this.#log.info(
      { outcome, ms, ...(ending.outcome === "failed" ? { code: ending.code } : {}) },
      "turn settled",
    );
    this.#feed({ type: "settled" });
  }

  #advance(change: Parameters<TurnPort["advance"]>[1]): Promise<boolean> {
    return this.#store(() => this.#deps.turns.advance(this.#turn, change));
  }

  async #store(write: () => Promise<TurnRecord | undefined>): Promise<boolean> {
    const stored = await this.#stored(write);
    if (stored) this.#turn = stored;
    return stored !== undefined;
  }

  /** A fenced write, repeated while Redis is away and the lease holds. Undefined: the turn is no longer ours. */
  async #stored<T>(write: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      const guarded = () => (this.#lease.held() ? write() : Promise.resolve(undefined));
      const result = await retrying(guarded, { withinMs: TIMEOUTS.lease, while: () => this.#lease.held() });
      if (result === undefined) this.#feed({ type: "lease-lost" });
      return result;
    } catch (error) {
      if (this.#lease.held())
        this.#log.warn({ reason: describeError(error) }, "turn could not be stored; it will be recovered");
      this.#feed({ type: "lease-lost" });
      return undefined;
    }
  }

  #listen(): void {
    this.#unlisten ??= this.#client.listen(this.#turn.turnId, {
      event: (seq, event) => this.#event(seq, event),
      up: () => this.#feed({ type: "up" }),
      gone: (code) => this.#feed({ type: "gone", code }),
    });
  }

  #event(seq: number, event: TurnEvent): void {
    if (!this.#lease.held()) return;
    this.#lastSeq = seq;
    const end = endOf(event);
    if (event.kind === "steer") this.#steering.event(event);
    if (end) {
      this.#told = true;
      this.#feed(end);
      return;
    }
    this.#telling.event(event);
    this.#storeSeq();
  }

  /** Now and then, for whoever looks at the record; a recovery replays the whole journal to rebuild the text. */
  #storeSeq(): void {
    const now = performance.now();
    if (this.#machine.phase !== "running" || now - this.#storedSeqAt < EVENT_SEQ_MS) return;
    this.#storedSeqAt = now;
    this.#deps.turns.advance(this.#turn, { eventSeq: this.#lastSeq }).catch(() => {}); // the next one will do
  }

  async #beginContext(): Promise<void> {
    const context = contextOf(this.#turn);
    const begin = () =>
      this.#deps.contexts.begin(this.principal, context, TIMEOUTS.turn + TIMEOUTS.turnHeld).then(() => true);
    await this.#stored(begin);
  }

  #forget(): void {
    this.#client.received(this.#turn.turnId, this.#lastSeq);
    this.#deps.contexts.end(this.principal, this.#turn.turnId).catch(() => {}); // it expires by itself
    this.#finish(false);
  }

  #finish(detached: boolean): void {
    if (detached) this.#log.warn("turn left to whoever holds it");
    for (const timer of [this.#noticeTimer, this.#killTimer]) clearTimeout(timer);
    this.#limit.close();
    this.#lease.close();
    this.#telling.close(detached);
    this.#unlisten?.();
    this.#unhold();
    this.#slot.free();
    this.#ended.resolve({ more: this.#more, detached });
  }
}

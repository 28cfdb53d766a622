/**
 * All approvals of this gateway: a desk and a view per sandbox, taps from bridges, decisions from the operator, and the
 * clocks (cards end, dead gateways' cards end). Who may decide is judged here, at tap time, and nowhere else.
 */
import { newId } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type {
  ApprovalPort,
  ApprovalRecord,
  ApprovalState,
  CommandAskPort,
  Decider,
  Tap,
  TapOutcome,
} from "../../store/index.ts";
import type { NoteKind, NoteValue } from "../audit/index.ts";
import type { TurnsPort } from "../ports.ts";
import { CommandAsks, isCommand } from "./command-asks.ts";
import { type Deciders, ownerOnly } from "./deciders.ts";
import { DESK_LIMITS, Desk, type DeskLimits, type Verdict } from "./desk.ts";
import { type DecideTap, decidedKind, meaningOf, offered, ownTap } from "./taps.ts";
import { TurnEnds } from "./turn-ends.ts";
import { ApprovalView, outlived } from "./view.ts";

/** What approvals need. */
export interface ApprovalsOptions {
  readonly store: ApprovalPort;
  /** OpenClaw's own questions before commands. */
  readonly asks: CommandAskPort;
  readonly turns: TurnsPort;
  readonly logger: Logger;
  readonly limits?: Partial<DeskLimits>;
  /** Who may decide; default: a personal sandbox's owner, by the platform id that the principal is derived from. */
  readonly deciders?: Deciders;
  /** For the audit: refused taps, decisions, rules. Never rejects. */
  note?(kind: NoteKind, fields: Record<string, NoteValue>): void;
}

/** Cards that were decided this long ago may still miss their last edit after a crash. */
const RECENT_MS = 600_000;

interface Counter {
  readonly desk: Desk;
  readonly view: ApprovalView;
}

/** See the module's header. */
export class Approvals {
  /** This life of the gateway. */
  readonly epoch = newId("e");
  readonly #options: ApprovalsOptions;
  readonly #ends: TurnEnds;
  readonly #limits: DeskLimits;
  readonly #commands: CommandAsks;
  readonly #sandboxes = new Map<string, Counter>();
  /** Newest tool line per principal and turn; the sandbox's own words. */
  readonly #said = new Map<string, { turnId: string; line: string }>();
  /** Principals with cards that are open or were left by a dead gateway. */
  readonly #watched = new Set<string>();
  readonly #taking = new Map<string, Promise<void>>();
  #offs: (() => Promise<void>)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #inherited = false;
  #closed = false;

  constructor(options: ApprovalsOptions) {
    this.#options = options;
    this.#limits = { ...DESK_LIMITS, ...options.limits };
    this.#ends = new TurnEnds(options.turns);
    const { epoch } = this;
    this.#commands = new CommandAsks({ ...options, epoch, maxOpen: this.#limits.maxOpen });
  }

  /** Listens, and ends what a dead gateway left. Resolves also while the store is away: it is looked at each second. */
  async start(): Promise<void> {
    const { store } = this.#options;
    this.#offs = await Promise.all([
      store.onTaps((principal) => void this.#take(principal)),
      store.onChange((principal) => void this.#refresh(principal)),
      this.#commands.listen((principal) => void this.#asked(principal)),
      store.onTool(({ principal, turnId, line }) => this.#said.set(principal, { turnId, line })),
    ]);
    await this.#tick();
  }

  /** The desk and the view of a sandbox; the same for every call. */
  of(principal: string): Counter {
    const known = this.#sandboxes.get(principal);
    if (known) return known;
    const { store, turns, logger } = this.#options;
    const made = {
      desk: new Desk(principal, {
        store,
        turns,
        ends: this.#ends,
        epoch: this.epoch,
        logger,
        limits: this.#limits,
        anybody: async (id) => (await this.#options.deciders?.anybody(id)) ?? true,
        says: (id, turnId) => {
          this.#watched.add(id);
          const said = this.#said.get(id);
          return said?.turnId === turnId ? said.line : "";
        },
      }),
      view: new ApprovalView(principal, store),
    };
    this.#sandboxes.set(principal, made);
    void this.#refresh(principal);
    return made;
  }

  /** Sandboxes that were heard of in this life. */
  get sandboxes(): string[] {
    return [...this.#sandboxes.keys()];
  }

  /** Destinations that were denied because nobody could be asked, by sandbox. */
  unasked(): { sandbox: string; host: string; port: number; at: number; times: number }[] {
    return [...this.#sandboxes].flatMap(([sandbox, { desk }]) =>
      desk.unasked.map((one) => ({ sandbox, ...one })),
    );
  }

  /** Somebody was shut out: open questions end, and so does everything that was allowed for a while. */
  async shut(principal: string): Promise<void> {
    const { store } = this.#options;
    for (const record of await store.list(principal))
      if (record.state === "pending") await this.of(principal).desk.expire(record);
    const grants = await store.grants(principal);
    await store.endGrants(
      principal,
      grants.map(({ grantId }) => grantId),
    );
    await this.#refresh(principal);
  }

  /** A destroyed sandbox: who is held is let go. */
  forget(principal: string): void {
    this.#sandboxes.get(principal)?.desk.close();
    this.#sandboxes.delete(principal);
    this.#said.delete(principal);
  }

  /** The operator decides. Undefined when there is no such card here. */
  async decide(
    principal: string,
    approvalId: string,
    verdict: Verdict,
  ): Promise<{ kind: TapOutcome["kind"]; record: ApprovalRecord } | undefined> {
    const record = await this.#options.store.get(principal, approvalId);
    if (!record) return undefined;
    if (record.state === "pending" && record.epoch !== this.epoch)
      await this.of(principal).desk.expire(record);
    if (!offered(record, verdict.state)) return { kind: "gone", record };
    const decided = await this.#carryOut(record, verdict);
    return decided && { kind: decidedKind(decided), record: decided.record };
  }

  /** Removes a standing rule; false when there was none. */
  async revoke(principal: string, ruleId: string, by: Decider): Promise<boolean> {
    const removed = await this.#options.store.removeRule(principal, ruleId);
    if (removed) {
      this.#options.note?.("rule.revoked", { user: principal, rule: ruleId, decidedBy: nameOf(by) });
      await this.#refresh(principal);
    }
    return removed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const off of this.#offs) await off();
    await Promise.allSettled(this.#taking.values());
    for (const { desk } of this.#sandboxes.values()) desk.close();
    this.#ends.close();
  }

  /** One reader per principal at a time, and one more after it for what came meanwhile. */
  #take(principal: string): Promise<void> {
    const before = this.#taking.get(principal);
    // Only for sandboxes of this host: another gateway takes its own.
    if (!this.#sandboxes.has(principal) && !this.#watched.has(principal)) return Promise.resolve();
    const work = (before ?? Promise.resolve())
      .then(() => this.#options.store.takeTaps(principal, (tap, from) => this.#handle(principal, tap, from)))
      .catch((err: unknown) => this.#options.logger.warn({ err }, "taps not taken; trying again"))
      .finally(() => {
        if (this.#taking.get(principal) === work) this.#taking.delete(principal);
      });
    this.#taking.set(principal, work);
    return work;
  }

  async #handle(principal: string, tap: Tap, platform: string): Promise<TapOutcome | undefined> {
    const { tapId } = tap;
    if (!ownTap(tap, platform)) {
      this.#suspicious(principal, tap, "stranger");
      return { tapId, kind: "stranger" };
    }
    const may = await this.#mayDecide(principal, tap.by);
    switch (tap.kind) {
      case "decide":
        return { tapId, ...(await this.#tapped(principal, tap, may)) };
      case "revoke": {
        if (!may) this.#suspicious(principal, tap, "stranger");
        const kind = !may
          ? "stranger"
          : (await this.revoke(principal, tap.ruleId, tap.by))
            ? "revoked"
            : "gone";
        return { tapId, kind };
      }
      case "reset": {
        // Takes rights away only: whoever the bridge let write may do it.
        const grants = await this.#options.store.grants(principal);
        const over = grants.filter((g) => g.scope === "session" && g.conversation === tap.conversation);
        await this.#options.store.endGrants(
          principal,
          over.map((grant) => grant.grantId),
        );
        await this.#refresh(principal);
        return undefined;
      }
    }
  }

  async #tapped(
    principal: string,
    tap: DecideTap,
    mayDecide: boolean,
  ): Promise<{ kind: TapOutcome["kind"]; state?: ApprovalState }> {
    const { store } = this.#options;
    const [record, card] = await Promise.all([
      store.get(principal, tap.approvalId),
      store.cardMessage(tap.bridge, tap.approvalId),
    ]);
    const meaning = meaningOf(tap, { record, card, mayDecide, epoch: this.epoch });
    if (meaning.do === "answer" || !record) {
      const kind = meaning.do === "answer" ? meaning.kind : "gone";
      if (meaning.do === "answer" && meaning.suspicious) this.#suspicious(principal, tap, kind);
      return { kind, ...(record ? { state: record.state } : {}) };
    }
    if (meaning.do === "expire") {
      await this.of(principal).desk.expire(record);
      return { kind: "expired", state: "expired" };
    }
    if (meaning.do === "confirm") {
      const asked = await store.confirming(principal, record.approvalId, meaning.on);
      return { kind: asked ? (meaning.on ? "confirm" : "back") : "decided" };
    }
    const decided = await this.#carryOut(record, { state: meaning.state, by: tap.by });
    return decided ? { kind: decidedKind(decided), state: decided.record.state } : { kind: "gone" };
  }

  async #carryOut(record: ApprovalRecord, verdict: Verdict) {
    if (isCommand(record)) return await this.#commandDecided(record, verdict);
    const { desk, view } = this.of(record.principal);
    const decided = await desk.decide(record, verdict);
    if (!decided) return undefined;
    if (decided.won) {
      const { facts, approvalId } = decided.record;
      this.#options.note?.(verdict.state === "allowed-always" ? "rule.added" : "approval.decided", {
        user: record.principal,
        approvalId,
        host: facts.host,
        port: facts.port,
        state: decided.record.state,
        decidedBy: nameOf(verdict.by),
        released: decided.released,
        reason: verdict.reason,
      });
    }
    // Who was held goes on already; the next connection must find grant or rule.
    await view.refresh().catch(() => {});
    return decided;
  }

  /** Opens nothing: the worker reads the outcome and tells the agent. */
  async #commandDecided({ principal, approvalId, bridge }: ApprovalRecord, { state, by }: Verdict) {
    const { store, note } = this.#options;
    const decided = await store.decide(principal, approvalId, { state, by, late: false, bridge });
    if (decided?.won)
      note?.("command.decided", {
        user: principal,
        approvalId,
        state: decided.record.state,
        decidedBy: nameOf(by),
      });
    return decided;
  }

  #suspicious(principal: string, tap: Tap, why: string): void {
    this.#options.note?.("tap.refused", { user: principal, tap: tap.kind, why, by: nameOf(tap.by) });
    this.#options.logger.warn({ principal, why, by: nameOf(tap.by) }, "tap refused");
  }

  async #mayDecide(principal: string, by: Decider): Promise<boolean> {
    const { deciders } = this.#options;
    return deciders ? await deciders.mayDecide(principal, by) : ownerOnly(principal, by);
  }

  async #refresh(principal: string): Promise<void> {
    await this.#sandboxes
      .get(principal)
      ?.view.refresh()
      .catch(() => {}); // the next look will
  }

  /** Looks at everything now, and again a second after it is done: never twice at once. */
  async #tick(): Promise<void> {
    if (!this.#inherited) {
      await this.#inherit().then(
        () => {
          this.#inherited = true;
        },
        (err: unknown) => this.#options.logger.warn({ err }, "old cards not looked at yet"),
      );
    }
    await this.#look();
    if (!this.#closed) this.#timer = setTimeout(() => void this.#tick(), TIMEOUTS.sweep);
  }

  /** Everything that hints may have missed, and the clocks. */
  async #look(): Promise<void> {
    const work = [...this.#sandboxes].map(async ([principal, { view }]) => {
      await view.refresh();
      await this.#endOutlived(principal, view);
    });
    for (const principal of this.#watched) work.push(this.#watch(principal));
    await Promise.allSettled(work);
  }

  async #endOutlived(principal: string, view: ApprovalView): Promise<void> {
    if (!view.grantRecords().some((grant) => grant.scope === "session")) return;
    const over = outlived(view.grantRecords(), await this.#options.turns.current(principal));
    if (over.length === 0) return;
    await this.#options.store.endGrants(principal, over);
    await view.refresh();
  }

  /** A command's question came or went; this host's sandboxes only. */
  async #asked(principal: string): Promise<void> {
    if (!this.#sandboxes.has(principal)) return;
    this.#watched.add(principal);
    await this.#commands
      .look(principal)
      .catch((err: unknown) => this.#options.logger.warn({ err }, "a command's question could not be shown"));
  }

  /** A principal with cards: taps whose hint was lost, and cards whose time is up. */
  async #watch(principal: string): Promise<void> {
    const { store } = this.#options;
    await this.#take(principal);
    const asking = await this.#commands.look(principal);
    const now = Date.now();
    const pending = await store.pending(principal);
    for (const record of pending) {
      if (record.hostId !== "" && record.epoch !== this.epoch && !this.#sandboxes.has(principal)) continue;
      // Redis judges the time again; our clock only says when to ask it.
      if (record.epoch !== this.epoch || record.decideUntil <= now)
        await this.of(principal).desk.expire(record);
    }
    if (pending.length === 0 && !asking && !this.#sandboxes.get(principal)?.desk.busy)
      this.#watched.delete(principal);
  }

  /** At boot: cards of dead lives end, and cards that may have missed their last edit are marked again. */
  async #inherit(): Promise<void> {
    const { store } = this.#options;
    for (const { principal, mark } of await store.asked()) {
      this.#watched.add(principal);
      let recent = false;
      for (const record of await store.list(principal)) {
        if (record.state === "pending") await this.of(principal).desk.expire(record);
        else if (record.decidedAt > Date.now() - RECENT_MS) await store.mark(record);
        else continue;
        recent = true;
      }
      if (!recent) await store.forget(principal, mark);
    }
  }
}

const nameOf = (by: Decider) => `${by.via}:${by.identity}`;

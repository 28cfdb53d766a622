/**
 * Shows approval cards: posts one, keeps it up to date, ends it. One owner, only while the bridge's lease is held.
 * A card is always an edit of a placeholder whose id is recorded, so repeating any request changes nothing; the worst
 * case is one stray placeholder, which is counted (RELIABILITY §4). Cards have lanes of their own: never behind a turn.
 */
import { failpoint } from "../../../lib/failpoints.ts";
import type { Logger } from "../../../lib/logging.ts";
import { TIMEOUTS } from "../../../lib/timeouts.ts";
import type { ApprovalRecord, CardMessage, CardPort } from "../../../store/index.ts";
import type { Counters } from "../counters.ts";
import { Lanes, type Later } from "../lanes.ts";
import type { BridgePlatform, Content, Outcome, Style } from "../port.ts";
import { cardContent, movedContent } from "./render.ts";
import { type CardStep, cardStep, type Face, PLACEHOLDER } from "./step.ts";

/** What the board needs. */
export interface CardDeps {
  platform: BridgePlatform;
  store: CardPort;
  counters: Counters;
  logger: Logger;
  /** Whether this process holds the lease now. */
  mayAct(): boolean;
  /** For tests: how long an ended card is remembered. */
  keepEndedMs?: number;
}

/** Placeholders that may be there twice: an earlier attempt had no known outcome. */
const UNKNOWN_TOTAL = "cards_unknown_total";
/** Cards that the platform refused to show: nobody can be asked there. */
const REFUSED_TOTAL = "cards_refused_total";
/** A card that was deleted while it is open is posted anew at most this often. */
const MAX_REPLACED = 3;
/** An ended card keeps its mark and its message's id for so long: a late tap learns what was decided. */
const KEEP_ENDED_MS = 600_000;
/** More steps than any card needs in a row. */
const MAX_STEPS = 8;

/** What this process knows of a card beside the store; all of it may be lost. */
interface Local {
  face?: Face;
  style: Style;
  replaced: number;
  kept?: { until: number; mark: number };
}

/** All cards of a bridge. */
export class CardBoard {
  private readonly deps: CardDeps;
  private readonly lanes: Lanes;
  private readonly locals = new Map<string, Local>();
  /** Cards that were wished for below. */
  private readonly moves = new Set<string>();
  /** When each conversation had a card's request last, and how many are under way. */
  private readonly traffic = new Map<string, { busy: number; until: number }>();
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(deps: CardDeps) {
    this.deps = deps;
    this.lanes = new Lanes({
      what: "card",
      dirty: async (limit) =>
        (await deps.store.dirty(limit)).map(({ principal, approvalId, mark }) => ({
          key: `${principal}/${approvalId}`,
          mark,
        })),
      work: (key, mark) => this.work(key, mark),
      mayAct: () => deps.mayAct(),
      logger: deps.logger,
    });
  }

  /** Subscribes to hints and starts to sweep. */
  start(): void {
    this.lanes.start([
      () => this.deps.store.onCardHint((principal, approvalId) => this.look(principal, approvalId)),
    ]);
  }

  /** Something may have changed. */
  look(principal: string, approvalId: string): void {
    this.lanes.hint(`${principal}/${approvalId}`);
  }

  /** Posts an open card again, below; its former message loses its buttons. */
  repost(principal: string, approvalId: string): void {
    this.moves.add(approvalId);
    this.look(principal, approvalId);
  }

  /** How long streamed previews of a conversation should hold back: cards go first within the platform's pace. */
  yieldMs(conversation: string): number {
    const traffic = this.traffic.get(conversation);
    if (!traffic) return 0;
    const { editIntervalMs } = this.deps.platform.limits;
    return traffic.busy > 0 ? editIntervalMs : Math.max(0, traffic.until - Date.now());
  }

  /** Stops, after requests under way have ended or `flushMs` are over. */
  async close(flushMs: number = TIMEOUTS.drainOutbox): Promise<void> {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    await this.lanes.close(flushMs);
  }

  private async work(key: string, mark: number | undefined): Promise<Later | undefined> {
    const [principal = "", approvalId = ""] = key.split("/");
    const { store } = this.deps;
    const local = this.local(approvalId);
    if (mark !== undefined && local.kept?.mark === mark && Date.now() < local.kept.until) return undefined;
    for (let steps = 0; steps < MAX_STEPS && this.deps.mayAct(); steps++) {
      const [record, message] = await Promise.all([
        store.get(principal, approvalId),
        store.message(approvalId),
      ]);
      const step = cardStep(record, message, { face: local.face, move: this.moves.has(approvalId) });
      if (record && (step.kind === "post" || step.kind === "edit" || step.kind === "retire")) {
        const later = await this.act(step, record, message, local);
        if (later === "pace") return undefined;
        if (later) return later;
        continue;
      }
      return await this.rest(step, { principal, approvalId, mark }, message);
    }
    return undefined;
  }

  private async rest(
    step: CardStep,
    card: { principal: string; approvalId: string; mark: number | undefined },
    message: CardMessage | undefined,
  ): Promise<undefined> {
    const { principal, approvalId, mark } = card;
    const { store, keepEndedMs = KEEP_ENDED_MS } = this.deps;
    const local = this.local(approvalId);
    this.moves.delete(approvalId);
    if (step.kind === "keep") {
      if (mark === undefined) return;
      local.kept = { until: local.kept?.until ?? Date.now() + keepEndedMs, mark };
      if (Date.now() < local.kept.until) return;
    }
    if (step.kind !== "rest") {
      if (message?.state === "sending") this.deps.counters.count(UNKNOWN_TOTAL);
      if (message) await store.forgetMessage(approvalId);
      this.locals.delete(approvalId);
    }
    if (mark !== undefined) await store.clean(principal, approvalId, mark);
  }

  /** One request and its record. `pace`: not before the platform's next edit. */
  private async act(
    step: CardStep & { kind: "post" | "edit" | "retire" },
    record: ApprovalRecord,
    message: CardMessage | undefined,
    local: Local,
  ): Promise<Later | "pace" | undefined> {
    const { conversation } = record;
    if (step.kind === "edit" && !step.urgent && this.tooSoon(record)) return "pace";
    const traffic = this.traffic.get(conversation) ?? { busy: 0, until: 0 };
    this.traffic.set(conversation, traffic);
    traffic.busy += 1;
    try {
      if (step.kind === "post") return await this.post(step, record);
      if (!message) return undefined;
      if (step.kind === "edit") return await this.edit(record, message, local);
      return await this.retire(step.previous, record, message);
    } finally {
      traffic.busy -= 1;
      traffic.until = Date.now() + this.deps.platform.limits.editIntervalMs;
      this.dropIdle();
    }
  }

  private async post(step: CardStep & { kind: "post" }, record: ApprovalRecord): Promise<Later | undefined> {
    const { store, platform, counters } = this.deps;
    const { approvalId, principal, conversation } = record;
    const base = { v: 1, conversation, principal, rev: PLACEHOLDER };
    const former = step.previous === "" ? {} : { previous: step.previous };
    if (step.again) counters.count(UNKNOWN_TOTAL);
    // A card that is moved was up to date, so nothing else says that there is work.
    if (step.previous !== "" && !step.again) await store.mark(principal, approvalId);
    await store.setMessage(approvalId, { ...base, ...former, state: "sending", message: "" });
    failpoint("card.sending");
    const key = `card.${approvalId}.${step.previous}.${this.local(approvalId).replaced}`;
    const outcome = await platform.sendAnchor(record.deliver, { key, turnId: "", again: step.again });
    switch (outcome.kind) {
      case "ok":
        failpoint("card.posted");
        await store.setMessage(approvalId, { ...base, ...former, state: "sent", message: outcome.value });
        this.moves.delete(approvalId);
        this.local(approvalId).style = "rich";
        return undefined;
      case "not-applied":
        // Nothing is there: the former message stays the card's own, or there is none.
        if (step.previous === "") await store.forgetMessage(approvalId);
        else await store.setMessage(approvalId, { ...base, state: "sent", message: step.previous });
        return { retryAfterMs: outcome.retryAfterMs, code: outcome.code };
      case "unknown":
        this.moves.delete(approvalId);
        return { retryAfterMs: 0, code: outcome.code };
      case "refused":
        return await this.refused(
          record,
          { ...base, ...former, state: "refused", message: "" },
          outcome.code,
        );
    }
  }

  private async edit(record: ApprovalRecord, message: CardMessage, local: Local): Promise<Later | undefined> {
    const { approvalId } = record;
    failpoint("card.editing");
    const outcome = await this.request(record, message.message, cardContent(record, Date.now()), local.style);
    if (outcome.kind === "ok") {
      failpoint("card.edited");
      await this.deps.store.setMessage(approvalId, { ...message, rev: record.rev });
      const { state, holding, confirming, nextTry } = record;
      local.face = { state, holding, confirming, nextTry };
      return undefined;
    }
    if (outcome.kind !== "refused") return laterOf(outcome);
    this.deps.logger.warn({ approvalId, code: outcome.code, style: local.style }, "platform refused a card");
    if (outcome.reason === "gone") return await this.replace(record, message, local);
    if (outcome.reason !== "unreachable" && local.style === "rich") {
      local.style = "plain";
      return undefined;
    }
    return await this.refused(record, { ...message, state: "refused" }, outcome.code);
  }

  /** The message was deleted under us. An open question needs a new one; of an ended one nothing is left to say. */
  private async replace(record: ApprovalRecord, message: CardMessage, local: Local): Promise<undefined> {
    const { store } = this.deps;
    delete local.face;
    if (record.state !== "pending" || local.replaced >= MAX_REPLACED) {
      await store.setMessage(record.approvalId, { ...message, rev: record.rev });
      return;
    }
    local.replaced += 1;
    await store.forgetMessage(record.approvalId);
  }

  private async retire(
    previous: string,
    record: ApprovalRecord,
    message: CardMessage,
  ): Promise<Later | undefined> {
    const outcome = await this.request(record, previous, movedContent(record), "rich");
    if (outcome.kind !== "ok" && outcome.kind !== "refused") return laterOf(outcome);
    const { previous: _, ...rest } = message;
    await this.deps.store.setMessage(record.approvalId, rest);
    return undefined;
  }

  private request(
    record: ApprovalRecord,
    id: string,
    content: Content,
    style: Style,
  ): Promise<Outcome<void>> {
    const { conversation, turnId, approvalId } = record;
    const context = { conversation, turnId, answerId: approvalId };
    return this.deps.platform.editMessage(record.deliver, id, content, style, context);
  }

  private async refused(record: ApprovalRecord, message: CardMessage, code: string): Promise<undefined> {
    const { approvalId, conversation } = record;
    this.deps.counters.count(REFUSED_TOTAL);
    this.deps.logger.error(
      { approvalId, conversation, code },
      "card can't be shown: the platform refused it",
    );
    this.moves.delete(approvalId);
    await this.deps.store.setMessage(approvalId, message);
  }

  /** Counters change often: their edits keep the platform's pace per conversation. What a tap changed goes at once. */
  private tooSoon(record: ApprovalRecord): boolean {
    const { principal, approvalId, conversation } = record;
    const ms = this.yieldMs(conversation);
    if (ms <= 0) return false;
    if (!this.timers.has(approvalId)) {
      const again = () => {
        this.timers.delete(approvalId);
        this.look(principal, approvalId);
      };
      this.timers.set(approvalId, setTimeout(again, ms + 1));
    }
    return true;
  }

  private local(approvalId: string): Local {
    let local = this.locals.get(approvalId);
    if (!local) {
      local = { style: "rich", replaced: 0 };
      this.locals.set(approvalId, local);
    }
    return local;
  }

  private dropIdle(): void {
    if (this.traffic.size < 1_000) return;
    for (const [conversation, { busy, until }] of this.traffic)
      if (busy === 0 && until < Date.now()) this.traffic.delete(conversation);
  }
}

function laterOf(outcome: Outcome<unknown> & { kind: "not-applied" | "unknown" }): Later {
  return { retryAfterMs: outcome.kind === "not-applied" ? outcome.retryAfterMs : 0, code: outcome.code };
}

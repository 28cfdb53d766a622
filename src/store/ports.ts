/**
 * What the rest of the project may do with the store. One file per aggregate implements each port over Redis;
 * every method that changes more than one key is one named Lua script in `scripts/`.
 * All methods reject with Fault `redis-unreachable` (retryable) while Redis is away; none waits longer than 2 s.
 */
import type {
  ApprovalRecord,
  ApprovalState,
  CardMessage,
  CommandAsk,
  Decider,
  GrantRecord,
  RuleRecord,
  Tap,
  TapOutcome,
} from "./approval-records.ts";
import type { NewPolicyRevision, PolicyRevision, PolicyRevisionInfo } from "./policy-records.ts";
import type {
  AnswerBody,
  AnswerPart,
  AnswerRecord,
  Delivery,
  DraftMessage,
  Heard,
  IngressEvent,
  Profile,
  TurnContext,
  TurnRecord,
  TurnState,
} from "./records.ts";

/** Outcome of handing in an event. A duplicate returns the first outcome with `duplicate: true`. */
export type AcceptResult =
  /** `ahead`: the running turn and messages that wait. `interrupts`: the turn that this message ends; `steers`: that it may join. */
  | {
      kind: "accepted";
      seq: number;
      session: number;
      ahead: number;
      interrupts?: string | undefined;
      steers?: string | undefined;
      /** Messages that the principal may still hand in this minute, where `perMinute` was given. */
      left?: number | undefined;
      duplicate: boolean;
    }
  /** The mailbox holds MAX_WAITING; nothing was stored but a durable notice for the user, of this or of several refusals in a row. */
  | { kind: "full"; waiting: number; duplicate: boolean }
  /** /new: the session that later messages belong to. */
  | { kind: "session"; seq: number; session: number; duplicate: boolean }
  /** /stop: `running` = a turn is being cancelled, `discarded` accepted messages were dropped. */
  /** /model and /queue: valid for later messages. */
  | { kind: "set"; seq: number; duplicate: boolean }
  | { kind: "stop"; seq: number; running: string; discarded: number; duplicate: boolean };

/** Bridge side of a mailbox. */
export interface IngressPort {
  /**
   * Dedupe, seq, append or command effect, and the durable notice that answers a command; then marks the
   * conversation dirty (worker) or its outbox dirty (notice); then rings. Resolves only after script and mark:
   * then the platform may be acknowledged. The ring is best effort.
   */
  accept(event: IngressEvent): Promise<AcceptResult>;
  /** A user types or opened a chat: the worker may warm its agent up. Best effort. */
  wakeHint(principal: string): Promise<void>;
}

/** What a doorbell leads to. */
export type ClaimResult =
  /** A new turn, in state `accepted`. */
  | { kind: "run"; turn: TurnRecord }
  /** An unfinished turn whose holder is gone: same record, new owner, lease and fence. Attach, settle or start it. */
  | { kind: "recover"; turn: TurnRecord }
  /** A live lease of another owner. */
  | { kind: "busy"; leaseUntil: number }
  /** The principal has RUNNING_TURNS turns; woken when one ends (sweeper). */
  | { kind: "wait"; reason: "principal" }
  | { kind: "empty" };

/** What a worker knows before it claims. */
export interface SureClaim {
  principal: string;
  /** Life of the warm agent that takes the turn at once, or "". */
  bootId: string;
}

/** Worker side of a mailbox. */
export interface TurnPort {
  /** Mark number of each dirty conversation of this host, oldest mark first, at most `limit`. */
  dirty(limit: number): Promise<{ conversation: string; mark: number }[]>;
  /** This conversation's present mark, 0 if clean. Read before claim; given to `clean`. */
  markOf(conversation: string): Promise<number>;
  /** Removes the mark if it is still `mark`, no entry is accepted, no turn unfinished and the outbox mark is set. */
  clean(conversation: string, mark: number): Promise<void>;
  /**
   * Two scripts: a slot of the principal (lease), then the conversation; the slot is given back unless granted.
   * `deadOwner`: a former owner that is known to be dead (this host's worker before a restart, proved by its lock):
   * its lease counts as ended at once.
   * `sure`: the caller knows the conversation's principal and that it has a place free (the one acting worker of the
   * principal's host does): then everything travels at once. With a `bootId` a new turn is stored as `dispatching`.
   */
  claim(conversation: string, owner: string, deadOwner?: string, sure?: SureClaim): Promise<ClaimResult>;
  /**
   * Extends lease and slot. `lost` when fence or owner differ: stop acting, don't cancel.
   * `cancel` is true when cancelUpTo ≥ the turn's last seq, `joinable` when messages wait in mode `steer`.
   */
  renew(turn: TurnRecord): Promise<{ kind: "ok"; cancel: boolean; joinable: boolean } | { kind: "lost" }>;
  /** Makes messages that wait part of the running turn (`steered`), in mode `steer` only. `undefined` when the fence is stale. */
  join(turn: TurnRecord): Promise<TurnRecord | undefined>;
  /** A fenced change of an unfinished turn. `starts` is incremented when state becomes `dispatching`, once per claim. */
  advance(
    turn: TurnRecord,
    change: { state?: TurnState; bootId?: string; eventSeq?: number; heard?: Heard[] },
  ): Promise<TurnRecord | undefined>;
  /**
   * Ends a turn: outcome, answer into the outbox, entries removed, slot freed, outbox marked, bridge hinted.
   * Repeating it is harmless. `undefined` when the fence is stale. `taken`: seqs of joined messages that end with it; the
   * other ones wait again.
   */
  settle(
    turn: TurnRecord,
    outcome: "answered" | "failed" | "interrupted" | "cancelled",
    body: AnswerBody,
    taken?: readonly number[],
  ): Promise<{ more: boolean } | undefined>;
  /** Says how many turns of a principal may run at once; RUNNING_TURNS by default. */
  limitRunning(most: (principal: string) => number): void;
  /** Publishes a draft; never stored, never awaited for long, errors swallowed and counted. */
  draft(message: DraftMessage & { bridge: string }): void;
  /** Calls back with a conversation id when a cancel may concern a turn of this host. */
  onCancelHint(listener: (conversation: string) => void): Promise<() => Promise<void>>;
  onWakeHint(listener: (principal: string) => void): Promise<() => Promise<void>>;
  get(conversation: string): Promise<TurnRecord | undefined>;
  finished(conversation: string, turnId: string): Promise<TurnRecord | undefined>;
}

/** Which worker acts on this host; others stand by. */
export interface HostPort {
  /**
   * Takes or renews the host's lease. Returns who holds it now: the caller's own id when it got it.
   * `deadOwner`: a holder that is known to be dead, whose lease ends at once.
   */
  hold(owner: string, ttlMs: number, deadOwner?: string): Promise<string>;
  release(owner: string): Promise<void>;
}

/** The doorbell (BullMQ, deduplicated by conversation, keepLastIfActive). */
export interface DoorbellPort {
  ring(conversation: string): Promise<void>;
  /**
   * Starts a BullMQ worker and its pub/sub twin. After every ring `handler` is called at least once, never twice at
   * once for one conversation, at most `concurrency` at once; it may run as long as the turn does. Close drains.
   * `ring` of the result is for the sweeper: it calls the handler of this process without a way through Redis, since
   * a killed worker's job makes BullMQ swallow rings of its conversation for up to 30 s.
   */
  listen(
    handler: (conversation: string) => Promise<void>,
    concurrency: number,
  ): Promise<{ ring(conversation: string): Promise<void>; pause(): Promise<void>; close(): Promise<void> }>;
  depth(): Promise<number>;
}

/** Bridge side of answers. Only the bridge that holds the poller lease delivers. */
export interface OutboxPort {
  dirty(limit: number): Promise<{ conversation: string; mark: number }[]>;
  /** Undelivered answers of a conversation, oldest first. */
  pending(conversation: string): Promise<AnswerRecord[]>;
  /** Sets the number of parts once; later calls return what is stored. */
  plan(conversation: string, answerId: string, parts: number): Promise<AnswerPart[]>;
  /** Records a part's state before and after each request. */
  part(conversation: string, answerId: string, index: number, part: AnswerPart): Promise<void>;
  /** All parts are sent, refused or unknown: forget the answer (and the turn's anchor). */
  done(conversation: string, answerId: string): Promise<void>;
  clean(conversation: string, mark: number): Promise<void>;
  /** The anchor of a streaming turn: claimed (`sending`) before the request, then its platform id. */
  anchor(conversation: string, turnId: string): Promise<{ state: "none" | "sending" | "sent"; id: string }>;
  setAnchor(conversation: string, turnId: string, state: "sending" | "sent", id: string): Promise<void>;
  onOutboxHint(listener: (conversation: string) => void): Promise<() => Promise<void>>;
  onDraft(listener: (draft: DraftMessage) => void): Promise<() => Promise<void>>;
}

/** For worker (write) and gateway (read): which turns a sandbox has now. */
export interface TurnContextPort {
  begin(
    principal: string,
    context: Pick<
      TurnContext,
      "turnId" | "kind" | "scopeId" | "model" | "conversation" | "bridge" | "deliver"
    >,
    ttlMs: number,
  ): Promise<void>;
  /** Tells gateways what tool the agent uses now; never stored, errors swallowed. */
  tool(principal: string, turnId: string, line: string): void;
  end(principal: string, turnId: string): Promise<void>;
  /** Unexpired ones, newest first. */
  current(principal: string): Promise<TurnContext[]>;
}

/** Profiles: provider, model and budgets per principal. */
export interface ProfilePort {
  get(principal: string): Promise<Profile | undefined>;
  /** Makes the new profile of the one that is there; `decide` may run again when somebody else wrote meanwhile. */
  change(principal: string, decide: (now: Profile | undefined) => Profile): Promise<Profile>;
}

/** Tokens and money, per principal and day (UTC). Micros are millionths of a US dollar. */
export interface UsagePort {
  /** Holds an estimate against the day's budget. `denied` when it doesn't fit. Idempotent by reservation id. */
  reserve(
    principal: string,
    reservation: { id: string; tokens: number; micros: number },
    budget: { tokens?: number; micros?: number },
  ): Promise<{ kind: "ok" } | { kind: "denied"; reason: "tokens" | "micros"; used: number; limit: number }>;
  /** Replaces a reservation by what was really used; repeating it is harmless. */
  settle(
    principal: string,
    reservationId: string,
    used: {
      model: string;
      input: number;
      output: number;
      micros: number;
      estimated: boolean;
      turnId: string;
    },
  ): Promise<void>;
  day(
    principal: string,
    day?: string,
  ): Promise<{ input: number; output: number; micros: number; calls: number }>;
}

/** A new question, as the gateway asks it. */
export type NewApproval = Pick<
  ApprovalRecord,
  | "approvalId"
  | "epoch"
  | "digest"
  | "facts"
  | "risks"
  | "says"
  | "command"
  | "turnId"
  | "scopeId"
  | "conversation"
  | "bridge"
  | "deliver"
> & { holdMs: number; decideMs: number };

/** Gateway side of approvals. Each change is one script, bumps `rev`, marks the bridge's card and hints. */
export interface ApprovalPort {
  /**
   * Opens a card, joins the pending one of the same digest and epoch, or says that too many are open. `decided`: a card
   * for this destination was denied in this turn and epoch: no new one until the turn ends.
   */
  open(
    principal: string,
    approval: NewApproval,
    maxOpen: number,
  ): Promise<
    | { kind: "opened" | "joined"; record: ApprovalRecord }
    | { kind: "denied"; record: ApprovalRecord }
    | { kind: "busy"; open: number }
  >;
  /** Sets how many connections came and are held by a pending card; 0 with `cancel` (the last client left) ends it as `cancelled`. */
  holding(
    principal: string,
    approvalId: string,
    attempts: number,
    held: number,
    cancel: boolean,
  ): Promise<ApprovalRecord | undefined>;
  /**
   * The one transition out of `pending`: the record after it, and whether this call made it. Session and late-once
   * decisions write their grant, always its rule, in the same script. An expired one is refused (its state says so).
   */
  decide(
    principal: string,
    approvalId: string,
    decision: {
      state: Exclude<ApprovalState, "pending">;
      by?: Decider;
      /** Nothing is held any more: “once” becomes a grant for the next try. */
      late: boolean;
      /** The bridge that shows the card. */
      bridge: string;
      grant?: Omit<GrantRecord, "v" | "createdAt" | "expiresAt"> & { ttlMs: number };
      rule?: Omit<RuleRecord, "v" | "createdAt">;
    },
  ): Promise<{ won: boolean; record: ApprovalRecord } | undefined>;
  /** Marks a card again, when a crash may have come between its change and its mark. */
  mark(record: ApprovalRecord): Promise<void>;
  /** Principals whose sandboxes on this host ever asked since they were last forgotten. */
  asked(): Promise<{ principal: string; mark: number }[]>;
  /** Forgets it if nothing was asked since `mark`. */
  forget(principal: string, mark: number): Promise<void>;
  /** Turns the second question about Always on or off. */
  confirming(principal: string, approvalId: string, on: boolean): Promise<ApprovalRecord | undefined>;
  /**
   * Takes waiting taps, each platform's oldest first, one by one: a tap is removed only when `handle` resolved.
   * `platform`: whose bridges handed it in, whatever it says itself.
   */
  takeTaps(
    principal: string,
    handle: (tap: Tap, platform: string) => Promise<TapOutcome | undefined>,
  ): Promise<void>;
  /** The card's own chat and message, as its bridge recorded them. */
  cardMessage(bridge: string, approvalId: string): Promise<CardMessage | undefined>;
  get(principal: string, approvalId: string): Promise<ApprovalRecord | undefined>;
  list(principal: string): Promise<ApprovalRecord[]>;
  /** Those that are pending, oldest first. Cheap: the others aren't read. */
  pending(principal: string): Promise<ApprovalRecord[]>;
  grants(principal: string): Promise<GrantRecord[]>;
  /** Uses a single grant up; false when it is gone. */
  consume(principal: string, grantId: string): Promise<boolean>;
  /** Ends grants by id. */
  endGrants(principal: string, ids: string[]): Promise<void>;
  rules(principal: string): Promise<RuleRecord[]>;
  removeRule(principal: string, ruleId: string): Promise<boolean>;
  onTaps(listener: (principal: string) => void): Promise<() => Promise<void>>;
  /** Rules, grants or policy of a principal (or `default`) changed. */
  onChange(listener: (principal: string) => void): Promise<() => Promise<void>>;
  onTool(
    listener: (tool: { principal: string; turnId: string; line: string }) => void,
  ): Promise<() => Promise<void>>;
}

/** OpenClaw's own questions before commands: written by the worker, read by the gateway. */
export interface CommandAskPort {
  put(
    principal: string,
    ask: Pick<CommandAsk, "approvalId" | "turnId" | "command" | "cwd" | "always">,
  ): Promise<void>;
  /** Hints once more that a question waits. */
  remind(principal: string): void;
  /** Nobody waits for the answer any more. */
  withdraw(principal: string, approvalId: string): Promise<void>;
  list(principal: string): Promise<CommandAsk[]>;
  onAsk(listener: (principal: string) => void): Promise<() => Promise<void>>;
}

/** Revisions of policies (policy-records.ts). Written by the gateway's user only. */
export interface PolicyStorePort {
  /** Number of each target's newest revision, 0 when it has none; in order. Cheap: texts stay where they are. */
  heads(targets: readonly string[]): Promise<number[]>;
  /** The newest revision, or that of a number; undefined when there is none (any more). */
  get(target: string, number?: number): Promise<PolicyRevision | undefined>;
  /** Those that are kept, newest first, without their texts. */
  list(target: string): Promise<PolicyRevisionInfo[]>;
  /**
   * Adds a revision after `expected`, the newest one that the caller knows (0: none), and hints. `imported`: it comes
   * from a file of that host. @throws Fault `policy-conflict` when somebody else was first.
   */
  append(
    target: string,
    expected: number,
    revision: NewPolicyRevision,
    imported?: { host: string; digest: string },
  ): Promise<PolicyRevision>;
  /** Digest of the host's policy file as it was taken in last. */
  imported(target: string, host: string): Promise<string | undefined>;
  /** Notes that a file says what is in force already. */
  setImported(target: string, host: string, digest: string): Promise<void>;
  /** Tells bridges which hosts the sandbox's policy allows (patterns), for links in answers. */
  showHosts(target: string, hosts: readonly string[]): Promise<void>;
  onPolicyHint(listener: (target: string) => void): Promise<() => Promise<void>>;
}

/** Bridge side of approvals. */
export interface CardPort {
  /** Cards that may need posting or editing, oldest mark first. */
  dirty(limit: number): Promise<{ principal: string; approvalId: string; mark: number }[]>;
  clean(principal: string, approvalId: string, mark: number): Promise<void>;
  /** Marks a card: its bridge is about to post it anew, and a restart must know. */
  mark(principal: string, approvalId: string): Promise<void>;
  get(principal: string, approvalId: string): Promise<ApprovalRecord | undefined>;
  /** Pending ones, oldest first. */
  open(principal: string): Promise<ApprovalRecord[]>;
  rules(principal: string): Promise<RuleRecord[]>;
  message(approvalId: string): Promise<CardMessage | undefined>;
  setMessage(approvalId: string, message: CardMessage): Promise<void>;
  forgetMessage(approvalId: string): Promise<void>;
  /**
   * Hands a tap to the gateway and waits up to 2 s for what became of it; `busy` when no answer came: the card itself
   * will show it.
   */
  tap(principal: string, tap: Tap): Promise<TapOutcome>;
  onCardHint(listener: (principal: string, approvalId: string) => void): Promise<() => Promise<void>>;
}

/** A new delivery target for text outside a turn. */
export type { Delivery };

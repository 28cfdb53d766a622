/**
 * Every Redis key of the project (RELIABILITY §7). One script touches one hash tag and gets all keys by KEYS.
 * Tags: `c:` conversation, `p:` principal, `h:` host, `b:` bridge (`telegram.<bot id>`, `console`);
 * `access` alone: who gets in.
 */

const c = (conversation: string, rest: string) => `nc:{c:${conversation}}:${rest}`;
const p = (principal: string, rest: string) => `nc:{p:${principal}}:${rest}`;
const h = (host: string, rest: string) => `nc:{h:${host}}:${rest}`;
const b = (bridge: string, rest: string) => `nc:{b:${bridge}}:${rest}`;

/** Builders of all keys and pub/sub channels. */
export const keys = {
  conversation: {
    /**
     * HASH: session, principal, bridge, seq, fence, cancelUpTo, mode and model of the conversation where chosen,
     * quietUntil (no turn begins before, since more of the last message is expected); of the
     * unfinished turn, for bridges: turn (its id), turnSeq (its last message), turnAt (when it was claimed).
     */
    state: (id: string) => c(id, "state"),
    /** ZSET seq → seq of entries in state `accepted`. */
    accepted: (id: string) => c(id, "accepted"),
    /** HASH seq → MailboxEntry JSON; removed when the turn that took it is settled. */
    entries: (id: string) => c(id, "entries"),
    /** STRING, 72 h: an update was accepted (value: its AcceptResult). */
    seen: (id: string, updateKey: string) => c(id, `seen:${updateKey}`),
    /** HASH: the unfinished turn, at most one: fixed part as JSON in `core`, what changes as fields of its own. */
    turn: (id: string) => c(id, "turn"),
    /** HASH with TTL 7 d: a finished turn, same fields, and `answer` (AnswerBody JSON). */
    finished: (id: string, turnId: string) => c(id, `turn:${turnId}`),
    /** LIST with TTL 7 d of finished turns' ids, oldest first. */
    history: (id: string) => c(id, "history"),
    /** LIST of answer ids not yet delivered, oldest first. */
    outbox: (id: string) => c(id, "outbox"),
    /**
     * HASH `<answerId>` → AnswerRecord JSON without parts; `<answerId>:n` → their number; `<answerId>:<i>` → part;
     * `refusals` → `<count> <answerId> <whose>` of a notice that further refusals may still be added to.
     */
    answers: (id: string) => c(id, "answers"),
    /** HASH turnId → `sending:` or `sent:<platform id>` of its anchor. */
    anchors: (id: string) => c(id, "anchors"),
  },
  principal: {
    profile: (id: string) => p(id, "profile"),
    /** ZSET turnId → lease end (ms): running turns, for admission. */
    running: (id: string) => p(id, "running"),
    /** HASH left, at: messages that may still be handed in this minute (a bucket). */
    rate: (id: string) => p(id, "rate"),
    /** ZSET conversation → when it was refused a slot (ms): rung first come, first served when one is free. */
    waiting: (id: string) => p(id, "waiting"),
    /** HASH turnId → TurnContext JSON for the gateway. */
    turns: (id: string) => p(id, "turns"),
    /**
     * HASH `<day>:input|output|micros|calls|estimated` and `<day>:<model>:input|output|micros|calls`; `last`: when the
     * last call was billed (ms).
     */
    usage: (id: string) => p(id, "usage"),
    /** HASH reservation id → `<tokens>:<micros>:<at>`. */
    reserved: (id: string) => p(id, "reserved"),
    sandbox: (id: string) => p(id, "sandbox"),
    /** HASH approval id → ApprovalRecord JSON, open and recent. Gateway writes, bridges read. */
    approvals: (id: string) => p(id, "approvals"),
    /** ZSET approval id → decideUntil of those that are pending. */
    openApprovals: (id: string) => p(id, "approvals:open"),
    /** LIST of Tap JSON of one platform's people, oldest first. That platform's bridges append, the gateway takes. */
    taps: (id: string, platform: string) => p(id, `taps:${platform}`),
    /** HASH with TTL, approval id → CommandAsk JSON: OpenClaw's own questions. The worker writes, the gateway reads. */
    asks: (id: string) => p(id, "asks"),
    /** HASH grant id → GrantRecord JSON. */
    grants: (id: string) => p(id, "grants"),
    /** HASH rule id → RuleRecord JSON. */
    rules: (id: string) => p(id, "rules"),
    /** HASH `shown` → JSON list of host patterns that the sandbox's policy allows. Gateway writes, bridges read. */
    hosts: (id: string) => p(id, "hosts"),
    /**
     * HASH of policy revisions, also of `default`, which all others inherit: `head` → newest number, `<n>` →
     * PolicyRevisionInfo JSON, `<n>:body` → PolicyBody JSON, `<n>:at` → when; `file:<host>` → digest of that host's
     * policy file as it was taken in last.
     */
    policy: (id: string) => p(id, "policy"),
  },
  host: {
    /** ZSET conversation → mark number: conversations that may have work. */
    dirty: (host: string) => h(host, "dirty"),
    marks: (host: string) => h(host, "marks"),
    /** ZSET principal → mark number: whose sandboxes of this host asked for approvals, to be found after a crash. */
    asked: (host: string) => h(host, "asked"),
    askedMarks: (host: string) => h(host, "asked:marks"),
    /** STRING (Pause JSON): the operator wants no new turns on this host. */
    paused: (host: string) => h(host, "paused"),
    /** LIST of RetryWish JSON: failed turns that the operator wants handed in again. The worker takes them. */
    retries: (host: string) => h(host, "retries"),
    /** STRING with TTL: the worker that acts on this host. */
    alive: (host: string) => h(host, "alive"),
  },
  bridge: {
    /** ZSET conversation → mark number: conversations with undelivered answers. */
    out: (bridge: string) => b(bridge, "out"),
    marks: (bridge: string) => b(bridge, "marks"),
    /** STRING with TTL: the one active poller. */
    poller: (bridge: string) => b(bridge, "poller"),
    /** HASH channel → `<message id>:<guild>`: how far it was read. */
    watermarks: (bridge: string) => b(bridge, "watermarks"),
    /** HASH shard → `<until>:<owner>`, `m:<owner>` → until: who listens to what. */
    shards: (bridge: string) => b(bridge, "shards"),
    /** STRING with TTL: somebody identified in this concurrency bucket just now. */
    identify: (bridge: string, bucket: number) => b(bridge, `identify:${bucket}`),
    /** HASH update id → update JSON as it came: confirmed to the platform, not yet worked off. */
    kept: (bridge: string) => b(bridge, "kept"),
    /** HASH identity → `<last told>:<knocks>` of a stranger. */
    strangers: (bridge: string) => b(bridge, "strangers"),
    /** ZSET `<principal>/<approval id>` → mark number: cards that may need posting or editing. */
    cards: (bridge: string) => b(bridge, "cards"),
    cardMarks: (bridge: string) => b(bridge, "cards:marks"),
    /** HASH approval id → CardMessage JSON. */
    cardMessages: (bridge: string) => b(bridge, "cards:messages"),
    /** HASH note id → AccessNote JSON that waits to be shown. Access writes, the bridge removes. */
    notes: (bridge: string) => b(bridge, "notes"),
    /** HASH note id → NoteMessage JSON of those that carry buttons. */
    noteMessages: (bridge: string) => b(bridge, "notes:messages"),
  },
  /** Who gets in: one slot, written by the access component's user only, but for the wishes. */
  access: {
    /** HASH `rev`, `person:<identity>`, `group:<place>`, `principal:<id>`, `link:<ref>`, `chat:<bridge>` → JSON. */
    book: "nc:{access}:book",
    /** HASH `code:<SHA-256>`, `tries:<identity>` → JSON; nobody else reads it. */
    codes: "nc:{access}:codes",
    /** HASH principal → since when (ms): nothing of it may run or leave. */
    shut: "nc:{access}:shut",
    /** LIST of Wish JSON, oldest first. That platform's bridge appends, access takes. */
    wishes: (platform: string) => `nc:{access}:wishes:${platform}`,
  },
  /** JSON {min, max}: schema versions that this data may be opened with. */
  schema: "nc:schema",
  /** HASH: run id of the present Redis life and when it was first seen; leases get a grace period from then. */
  life: "nc:life",
} as const;

/** Pub/sub channels: only ever hints (RELIABILITY §2). */
export const channels = {
  /** Worker host: a conversation has a cancel to look at. */
  cancel: (host: string) => `nc:cancel:${host}`,
  /** Bridge: drafts and progress of running turns (DraftMessage JSON). */
  drafts: (bridge: string) => `nc:drafts:${bridge}`,
  /** Bridge: look at the outbox now (conversation id). */
  outbox: (bridge: string) => `nc:outbox:${bridge}`,
  /** Worker host: a user types or opened a chat (principal id): wake its sandbox. */
  wake: (host: string) => `nc:wake:${host}`,
  /** Gateways: a tap waits (principal id). */
  taps: "nc:taps",
  /** Gateways: a command's question came or went (principal id). */
  asks: "nc:asks",
  /** Gateways: rules, grants or policy of a principal changed (principal id, or `default`). */
  policy: "nc:policy",
  /** Gateways: what tool a running turn's agent uses now (JSON {principal, turnId, line}); the agent's own words. */
  tools: "nc:tools",
  /** Bridge: look at a card now (`<principal>/<approval id>`). */
  cards: (bridge: string) => `nc:cards:${bridge}`,
  /** Everybody: people, groups or roles changed (new revision). */
  access: "nc:access",
  /** Access: a wish waits (platform). */
  wishes: "nc:wishes",
  /** Bridge: what became of a wish (WishOutcome JSON). */
  wished: (bridge: string) => `nc:wished:${bridge}`,
  /** Bridge: a note waits. */
  notes: (bridge: string) => `nc:notes:${bridge}`,
  /** Worker host: which files a sandbox has (JSON {id, bridge, principal}). */
  looks: (host: string) => `nc:looks:${host}`,
  /** Bridge: the answer to that (JSON {id, answer}). */
  looked: (bridge: string) => `nc:looked:${bridge}`,
  /** Bridge: what became of a tap (TapOutcome JSON). */
  tapped: (bridge: string) => `nc:tapped:${bridge}`,
} as const;

/** Pub/sub twin of the doorbell: rings without BullMQ's round trips, and past its deduplication. */
export const ringChannel = (host: string): string => `nc:ring:${host}`;

/** BullMQ's own prefix on a host; queue name `turns`. */
export const doorbellPrefix = (host: string): string => `{nc:q:${host}}`;

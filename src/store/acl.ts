/**
 * Redis is the root of trust, so it has access control (DESIGN §2): one ACL user per process, each with the keys,
 * channels and commands that its ports use and nothing else. Pure: makes the text of an aclfile (Redis ≥ 7: `%R~`).
 * Nobody gets CONFIG SET, DEBUG, MODULE, KEYS or FLUSH*; passwords appear as SHA-256 only.
 */
import { Fault } from "../lib/errors.ts";

/** The processes that log in. */
export const ROLES = [
  "supervisor",
  "bridge-telegram",
  "bridge-console",
  "bridge-discord",
  "worker",
  "gateway",
  "access",
  "operator",
] as const;

/** Platforms whose bridges log in: each may only speak for people of its own. */
export const PLATFORMS: readonly string[] = ROLES.flatMap((role) => /^bridge-(.+)$/.exec(role)?.[1] ?? []);

/** A process that logs in; also its Redis user name. */
export type RedisRole = (typeof ROLES)[number];

/** A user of the aclfile. */
export interface AclUser {
  name: RedisRole;
  /** Hex SHA-256 of its password. */
  passwordSha256: string;
}

interface Rights {
  /** Key patterns, with `~` or `%R~`. */
  keys: string[];
  /** Channel patterns, without `&`. */
  channels: string[];
  commands: string[];
}

const HANDSHAKE = ["ping", "info", "client|setname", "time"];
const SCRIPTS = ["evalsha", "eval"];
const SUBSCRIBE = ["subscribe", "unsubscribe"];
/** What our scripts and ports call on keys. */
const HASH = ["hget", "hset", "hsetnx", "hmget", "hgetall", "hdel", "hexists", "hincrby", "hlen", "hkeys"];
const MAILBOX = [
  ...HASH,
  "get",
  "set",
  "incr",
  "del",
  "zadd",
  "zcard",
  "zrange",
  "zscore",
  "zrem",
  "zrangebyscore",
  "zrevrange",
].concat(["ltrim", "rpush", "lrange", "llen", "lrem", "pexpire", "publish"]);
const TURN = ["zpopmin", "zremrangebyscore", "rename", "exists"];
/** What the gateway's scripts on cards, taps and marks call, beside HASH. */
const APPROVALS = [
  "incr",
  "zadd",
  "zrem",
  "zscore",
  "zrangebyscore",
  "zcount",
  "lindex",
  "lpop",
  "llen",
  "publish",
];
const words = (text: string) => text.split(/\s+/);
/** What BullMQ 6 calls to add and count jobs (addStandardJob, getCounts), beside that. */
const RING = words(
  "exists hmset lindex lpos lpush persist pttl rpop sadd scard xadd zcount zrevrangebyscore",
);
/** What its worker calls: moveToActive, moveToFinished, extendLocks, moveStalledJobsToWait. */
const LISTEN = words(
  "bzpopmin ltrim rpoplpush scard smembers srem xtrim zpopmin zremrangebyrank zremrangebyscore zrevrange",
).concat(RING);

/** A bridge touches mailboxes of its own platform only; of turns it only reads finished ones (to repeat a message). */
function bridgeRights(platform: string): Rights {
  const id = platform === "console" ? platform : `${platform}.*`;
  const mailbox = ["state", "accepted", "entries", "seen:*", "outbox", "answers", "anchors"];
  return {
    keys: [
      ...mailbox.map((key) => `~nc:{c:${platform}.*}:${key}`),
      `%R~nc:{c:${platform}.*}:turn:*`,
      `%R~nc:{c:${platform}.*}:history`,
      `~nc:{b:${id}}:*`,
      "~nc:{h:*}:dirty",
      "~nc:{h:*}:marks",
      "~{nc:q:*}:*",
      // Approvals are read, never written; a tap is only ever a wish, of this platform's people.
      "%R~nc:{p:*}:approvals",
      "%R~nc:{p:*}:rules",
      `~nc:{p:*}:taps:${platform}`,
      // For /usage and /model: what was used, and what the operator has set.
      "~nc:{p:*}:rate",
      "%R~nc:{p:*}:hosts",
      "%R~nc:{p:*}:usage",
      "%R~nc:{p:*}:profile",
      // So is who gets in; a wish speaks for this platform's people only.
      "%R~nc:{access}:book",
      `~nc:{access}:wishes:${platform}`,
      "%R~nc:schema",
    ],
    channels: [
      ...["nc:ring:*", "nc:cancel:*", "nc:wake:*", `nc:outbox:${id}`, `nc:drafts:${id}`],
      ...["nc:taps", `nc:cards:${id}`, `nc:tapped:${id}`],
      ...["nc:access", "nc:wishes", `nc:wished:${id}`, `nc:notes:${id}`, "nc:looks:*", `nc:looked:${id}`],
    ],
    commands: [...HANDSHAKE, ...SCRIPTS, ...SUBSCRIBE, ...MAILBOX, ...RING],
  };
}

/** Who may do what: the table that test/store/acl.test.ts proves against a real server. */
const RIGHTS: Record<RedisRole, Rights> = {
  supervisor: {
    keys: ["~nc:schema"],
    channels: [],
    commands: [...HANDSHAKE, "get", "set", "config|get", "acl|load", "shutdown"],
  },
  "bridge-telegram": bridgeRights("telegram"),
  "bridge-console": bridgeRights("console"),
  "bridge-discord": bridgeRights("discord"),
  worker: {
    keys: [
      "~nc:{c:*}:*",
      "~nc:{p:*}:running",
      "~nc:{p:*}:waiting",
      "~nc:{p:*}:turns",
      "~nc:{p:*}:sandbox",
      "~nc:{p:*}:asks",
      "%R~nc:{p:*}:profile",
      "%R~nc:{p:*}:approvals",
      "~nc:{h:*}:*",
      "~nc:{b:*}:out",
      "~nc:{b:*}:marks",
      "~{nc:q:*}:*",
      "~nc:life",
      "%R~nc:{access}:shut",
      "%R~nc:schema",
    ],
    channels: [
      ...["nc:ring:*", "nc:cancel:*", "nc:wake:*", "nc:outbox:*", "nc:drafts:*", "nc:tools", "nc:asks"],
      ...["nc:access", "nc:looks:*", "nc:looked:*"],
    ],
    commands: [...HANDSHAKE, ...SCRIPTS, ...SUBSCRIBE, ...MAILBOX, ...TURN, ...LISTEN],
  },
  gateway: {
    keys: [
      "%R~nc:{p:*}:turns",
      "%R~nc:{p:*}:profile",
      "%R~nc:{p:*}:asks",
      "~nc:{p:*}:usage",
      "~nc:{p:*}:reserved",
      "~nc:{p:*}:approvals",
      "~nc:{p:*}:approvals:open",
      "~nc:{p:*}:taps:*",
      "~nc:{p:*}:grants",
      "~nc:{p:*}:rules",
      "~nc:{p:*}:policy",
      "~nc:{p:*}:hosts",
      "~nc:{h:*}:asked",
      "~nc:{h:*}:asked:marks",
      "~nc:{b:*}:cards",
      "~nc:{b:*}:cards:marks",
      "%R~nc:{b:*}:cards:messages",
      "%R~nc:{access}:book",
      "%R~nc:{access}:shut",
      "%R~nc:schema",
    ],
    channels: ["nc:taps", "nc:policy", "nc:tools", "nc:asks", "nc:cards:*", "nc:tapped:*", "nc:access"],
    commands: [...HANDSHAKE, ...SCRIPTS, ...SUBSCRIBE, ...HASH, ...APPROVALS, "get"],
  },
  access: {
    keys: [
      "~nc:{access}:*",
      "~nc:{p:*}:profile",
      "~nc:{b:*}:notes",
      "%R~nc:{b:*}:notes:messages",
      "%R~nc:schema",
    ],
    channels: ["nc:access", "nc:wishes", "nc:wished:*", "nc:notes:*"],
    commands: [...HANDSHAKE, ...SCRIPTS, ...SUBSCRIBE, ...HASH, "get", "set", "lindex", "lpop", "publish"],
  },
  operator: {
    // Of the queues it only writes wishes: that no turn begins, and that a failed one is handed in again.
    keys: ["~nc:{p:*}:profile", "~nc:{h:*}:paused", "~nc:{h:*}:retries", "%R~nc:*", "%R~{nc:q:*}:*"],
    channels: [],
    commands: [
      // A script may no more than its caller: one changes a profile that others change too.
      ...[...HANDSHAKE, ...SCRIPTS],
      ...["del", "rpush"],
      "get",
      "set",
      "hget",
      "hmget",
      "hgetall",
      "hlen",
      "zcard",
      "zrange",
      "zrangebyscore",
    ].concat(["zscore", "llen", "lrange", "exists", "scan", "ttl", "pttl"]),
  },
};

/**
 * The aclfile for these users. The default user is off: nobody can log in as it. It keeps all rights nevertheless,
 * since Redis 7 replays transactions of the append-only file as that user: without them a restart loses every script's
 * effect (test/store/embedded.test.ts).
 */
export function aclFile({ users }: { users: readonly AclUser[] }): string {
  const lines = ["user default off resetpass ~* &* +@all"];
  for (const { name, passwordSha256 } of users) {
    if (!/^[0-9a-f]{64}$/.test(passwordSha256)) {
      throw new Fault({
        code: "bad-acl",
        message: `password of Redis user ${name} must be given as hex SHA-256`,
      });
    }
    const { keys, channels, commands } = RIGHTS[name];
    lines.push(
      [
        `user ${name} on #${passwordSha256} resetkeys resetchannels -@all`,
        ...keys,
        ...channels.map((pattern) => `&${pattern}`),
        ...new Set(commands.map((command) => `+${command}`)),
      ].join(" "),
    );
  }
  return `${lines.join("\n")}\n`;
}

/**
 * The one connection of a process to Redis, and a lazy second one for subscriptions.
 * Owns: bounded waiting (nothing queues while Redis is away, nothing waits longer than 2 s), scripts by SHA with
 * reload, errors as Faults that say whether the effect is known not to have happened.
 * Must never: resend a command by itself (callers repeat; every script may be repeated), throw from a socket handler.
 */
import { Redis, type RedisOptions } from "ioredis";
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { type ScriptName, scripts } from "./scripts.ts";
import { within } from "./within.ts";

/** Wait for a connection that is being made, then for the reply: together 2 s (RELIABILITY §7, ingress script). */
const CONNECT_WAIT_MS = 500;
const COMMAND_WAIT_MS = 1_500;

/** Where Redis is and who we are. */
export interface ConnectionOptions {
  /** `redis://` on this host or `rediss://` anywhere; or `socketPath`. */
  url?: string;
  socketPath?: string;
  username?: string;
  password?: string;
  /** Shown in CLIENT LIST. */
  name?: string;
  logger: Logger;
}

/** ioredis options; reply shapes are those of RESP2 for both protocols. */
export type ClientOptions = RedisOptions & { replyMapping: "legacy" };

/** One script call. */
export type Call = readonly [script: ScriptName, keys: readonly string[], args: readonly (string | number)[]];

/** See the module's header. */
export interface Connection {
  /** For BullMQ only: a client that fails fast while Redis is away. */
  readonly redis: Redis;
  /** Options for clients that must wait as long as it takes (BullMQ's worker). */
  readonly patient: ClientOptions;
  /** Counts connections made; a change means that Redis may have been restarted. */
  readonly generation: number;
  /** Resolves when usable; rejects with a Fault after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  run(...call: Call): Promise<unknown>;
  /** Sends all at once, in order; every reply is in when it resolves. On a script that Redis forgot, it and all after it are sent again. */
  runAll(calls: readonly Call[]): Promise<unknown[]>;
  /** A plain command. */
  command<T>(send: (redis: Redis) => Promise<T>): Promise<T>;
  /** Fire and forget; false when it couldn't be sent. */
  publish(channel: string, message: string): boolean;
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Redis's own error replies, and what they mean for the caller. */
const REPLIES: [RegExp, string, boolean, string | undefined][] = [
  [
    /^NOPERM/,
    "redis-forbidden",
    false,
    "the ACL user of this process may not do this: check which user it logs in as",
  ],
  [/^(WRONGPASS|NOAUTH)/, "redis-auth", false, "check the Redis user and password of this process"],
  [/^(LOADING|BUSY|TRYAGAIN|MASTERDOWN|CLUSTERDOWN|READONLY)/, "redis-unreachable", true, undefined],
  [/^OOM/, "redis-full", true, "Redis is at its memory limit: raise maxmemory"],
  [/^MISCONF/, "redis-disk", true, "Redis can't write to its disk: check space and permissions"],
];

/** Any failure of a Redis command as a Fault. */
export function redisFault(error: unknown, sent: boolean): Fault {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, code, retryable, hint] of REPLIES) {
    if (!pattern.test(message)) continue;
    return new Fault({
      code,
      message: `Redis refused: ${message}`,
      retryable,
      cause: error,
      ...(hint ? { hint } : {}),
    });
  }
  if ((error as { name?: string }).name === "ReplyError") {
    return new Fault({ code: "redis-error", message: `Redis answered: ${message}`, cause: error });
  }
  return new Fault({
    code: "redis-unreachable",
    message: `Redis is not reachable: ${message}`,
    hint: "check that Redis runs (nemoclaw status) and that REDIS_URL is right",
    retryable: true,
    // ioredis refuses before it writes.
    certain: !sent || message.startsWith("Stream isn't writeable"),
    cause: error,
  });
}

/** Reconnect quickly and for ever, never all processes at once. */
const retryStrategy = (times: number) =>
  Math.min(50 * 2 ** Math.min(times, 5), 1_000) * (0.5 + Math.random() / 2);

function optionsOf(o: ConnectionOptions): ClientOptions {
  const base: ClientOptions = {
    replyMapping: "legacy",
    retryStrategy,
    connectTimeout: 2_000,
    keepAlive: 10_000,
    connectionName: o.name ?? "nemoclaw",
    disableClientInfo: true,
    maxRetriesPerRequest: null,
    ...(o.username === undefined ? {} : { username: o.username }),
    ...(o.password === undefined ? {} : { password: o.password }),
  };
  if (o.socketPath !== undefined) return { ...base, path: o.socketPath };
  const url = new URL(o.url ?? "redis://127.0.0.1:6379");
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url.protocol !== "rediss:" && !(url.protocol === "redis:" && local)) {
    throw new Fault({
      code: "redis-plaintext",
      message: `Redis at ${url.hostname} must be reached by rediss://`,
      hint: "set REDIS_URL to a rediss:// URL; plain redis:// is for this host only",
    });
  }
  return {
    ...base,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 6379),
    ...(url.pathname.length > 1 ? { db: Number(url.pathname.slice(1)) } : {}),
    ...(url.username && o.username === undefined ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password && o.password === undefined ? { password: decodeURIComponent(url.password) } : {}),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
  };
}

/** Opens a connection. Returns at once; see {@link Connection.ready}. */
export function connect(options: ConnectionOptions): Connection {
  const { logger } = options;
  const patient = optionsOf(options);
  // Nothing may queue up while Redis is away and nothing may be sent twice behind the caller's back.
  const eager: ClientOptions = {
    ...patient,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_WAIT_MS,
    // A Redis that hangs with the socket open: drop the socket, and the commands that wait on it.
    socketTimeout: COMMAND_WAIT_MS * 2,
  };
  let generation = 0;
  let lastError: Error | undefined;
  let closed = false;
  const redis = new Redis(eager);
  redis.setMaxListeners(10_000); // Waiters for `ready` listen; not 0, since BullMQ adds to it.
  redis.on("error", (error) => {
    if (lastError?.message !== error.message) logger.warn({ err: error }, "redis connection");
    lastError = error;
  });
  /** Scripts that this life of Redis was given by this connection. */
  const given = new Set<ScriptName>();
  redis.on("ready", () => {
    generation += 1;
    given.clear();
    if (lastError) logger.info("redis connection is back");
    lastError = undefined;
  });

  async function ready(timeoutMs: number): Promise<void> {
    if (redis.status === "ready") return;
    if (closed) throw redisFault(new Error("this store is closed"), false);
    await new Promise<void>((resolve, reject) => {
      const finish = (outcome: () => void) => () => {
        clearTimeout(timer);
        redis.off("ready", onReady);
        outcome();
      };
      const onReady = finish(resolve);
      const timer = setTimeout(
        finish(() =>
          reject(redisFault(lastError ?? new Error(`no connection within ${timeoutMs} ms`), false)),
        ),
        timeoutMs,
      );
      redis.on("ready", onReady);
    });
  }

  async function command<T>(send: (redis: Redis) => Promise<T>): Promise<T> {
    await ready(CONNECT_WAIT_MS);
    const sent = redis.status === "ready";
    try {
      return await send(redis);
    } catch (error) {
      throw redisFault(error, sent);
    }
  }

  const flat = ([name, keys, args]: Call, how: "evalsha" | "eval"): [string, ...(string | number)[]] => {
    const script = scripts[name];
    if (keys.length !== script.keys) throw new Error(`script ${name} takes ${script.keys} keys`);
    return [how, how === "eval" ? script.lua : script.sha, keys.length, ...keys, ...args];
  };
  // With its text the first time on every connection: a script that Redis doesn't know would otherwise fail in the middle
  // of a batch whose later scripts have run already, and be sent again together with those.
  const first = (call: Call) => {
    const how = given.has(call[0]) ? "evalsha" : "eval";
    given.add(call[0]);
    return flat(call, how);
  };
  const forgotten = (error: unknown) => error instanceof Error && error.message.startsWith("NOSCRIPT");

  async function run(...call: Call): Promise<unknown> {
    return command(async (r) => {
      try {
        return await r.call(...first(call));
      } catch (error) {
        if (!forgotten(error)) throw error;
        return r.call(...flat(call, "eval"));
      }
    });
  }

  async function runAll(calls: readonly Call[]): Promise<unknown[]> {
    return command(async (r) => {
      const replies = (await r.pipeline(calls.map(first)).exec()) ?? [];
      const from = replies.findIndex(([error]) => forgotten(error));
      if (from >= 0) {
        const again = (await r.pipeline(calls.slice(from).map((c) => flat(c, "eval"))).exec()) ?? [];
        replies.splice(from, replies.length, ...again);
      }
      return replies.map(([error, reply]) => {
        if (error) throw error;
        return reply;
      });
    });
  }

  let subscriber: Redis | undefined;
  const listeners = new Map<string, Set<(message: string) => void>>();
  async function subscribe(channel: string, listener: (message: string) => void) {
    if (!subscriber) {
      subscriber = new Redis({ ...patient, connectionName: `${patient.connectionName}-sub` });
      subscriber.on("error", () => {}); // The main connection reports; this one only has to come back.
      subscriber.on("message", (from: string, message: string) => {
        for (const l of listeners.get(from) ?? []) {
          try {
            l(message);
          } catch (error) {
            logger.error({ err: error, channel: from }, "hint listener failed");
          }
        }
      });
    }
    const set = listeners.get(channel) ?? new Set();
    listeners.set(channel, set.add(listener));
    // Redis away: ioredis subscribes when it is back. Hints are only hints, so that is soon enough.
    const subscribed = subscriber.subscribe(channel).catch((error: unknown) => {
      if (!closed) logger.error({ err: redisFault(error, false), channel }, "subscription refused");
    });
    await within(CONNECT_WAIT_MS, subscribed);
    return async () => {
      set.delete(listener);
      if (set.size > 0 || !subscriber) return;
      const gone = subscriber.unsubscribe(channel).catch(() => {});
      if (subscriber.status === "ready") await within(CONNECT_WAIT_MS, gone);
    };
  }

  return {
    redis,
    patient,
    get generation() {
      return generation;
    },
    ready,
    run,
    runAll,
    command,
    publish(channel, message) {
      if (redis.status !== "ready") return false;
      redis.publish(channel, message).catch(() => {});
      return true;
    },
    subscribe,
    async close() {
      closed = true;
      subscriber?.disconnect();
      if (redis.status === "ready") await redis.quit().catch(() => {});
      redis.disconnect();
    },
  };
}

/**
 * The service's Redis: the home's own server, started or adopted, with a user and password per process; or the operator's
 * by `REDIS_URL`, checked for durability. Passwords go into each process's own folder.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../lib/config.ts";
import type { Logger } from "../../lib/logging.ts";
import {
  aclFile,
  type EmbeddedRedis,
  openStore,
  type RedisRole,
  startEmbeddedRedis,
} from "../../store/index.ts";
import type { Installation } from "./installation.ts";
import { REDIS_PASSWORD, type RedisAccess } from "./messages.ts";
import { ensurePassword, readSecret, writeSecret } from "./secrets.ts";
import { startTimeOf } from "./survivors.ts";
import type { Owner } from "./users.ts";

/** Processes that log in, the role of each, and whose user its password file belongs to. */
const LOGINS: { process: string; role: RedisRole; owner: Owner }[] = [
  { process: "supervisor", role: "supervisor", owner: "launcher" },
  { process: "operator", role: "operator", owner: "launcher" },
  { process: "worker", role: "worker", owner: "worker" },
  { process: "access", role: "access", owner: "access" },
  { process: "gateway", role: "gateway", owner: "gateway" },
  { process: "console", role: "bridge-console", owner: "console" },
  { process: "telegram-bridge", role: "bridge-telegram", owner: "telegram-bridge" },
  { process: "discord-bridge", role: "bridge-discord", owner: "discord-bridge" },
];

/** Redis, serving. */
export interface ServiceRedis {
  access: RedisAccess;
  /** For `nemoclaw status`. */
  where: string;
  readonly pid: number;
  readonly adopted: boolean;
  /** Ends the embedded server; an external one is left alone. */
  stop(): Promise<void>;
}

/** How often the embedded server is looked at, and the pause between attempts to bring it back. */
const LOOK_MS = 200;
const RETRY_MS = 1_000;

/** Makes Redis ready for every process. @throws Fault `redis-…` */
export async function startRedis(installation: Installation, logger: Logger): Promise<ServiceRedis> {
  return installation.config.redis.url === undefined
    ? startEmbedded(installation, logger)
    : useExternal(installation, installation.config.redis.url, logger);
}

/** Every process's own user and password: files of the processes, and the server's access control list. */
export function prepareLogins({ paths, users }: Pick<Installation, "paths" | "users">): {
  acl: string;
  supervisor: { username: string; password: string };
} {
  const passwords = LOGINS.map(({ process, role, owner }) => {
    mkdirSync(paths.secrets(process), { recursive: true, mode: 0o700 });
    const password = ensurePassword(join(paths.secrets(process), REDIS_PASSWORD), users[owner]);
    return { role, password };
  });
  const acl = aclFile({
    users: passwords.map(({ role, password }) => ({
      name: role,
      passwordSha256: createHash("sha256").update(password).digest("hex"),
    })),
  });
  return { acl, supervisor: { username: "supervisor", password: passwords[0]!.password } };
}

async function startEmbedded(installation: Installation, logger: Logger): Promise<ServiceRedis> {
  const { paths, users, root, hostId } = installation;
  const { acl, supervisor } = prepareLogins(installation);
  const start = () =>
    startEmbeddedRedis({ paths, aclFile: acl, supervisor, logger, ...(root ? users.redis : {}) });
  const redis = await start();
  const store = openStore({
    socketPath: redis.socketPath,
    ...supervisor,
    name: "supervisor",
    hostId,
    logger,
  });
  try {
    await store.ready();
    await store.prepare(false);
  } finally {
    await store.close();
  }
  return new KeptRedis(redis, start, logger);
}

/** The home's server, brought back when it dies: everything that it acknowledged is in its append-only file. */
class KeptRedis implements ServiceRedis {
  readonly access: RedisAccess = {};
  readonly adopted: boolean;
  readonly #start: () => Promise<EmbeddedRedis>;
  readonly #logger: Logger;
  #redis: EmbeddedRedis;
  #timer: NodeJS.Timeout | undefined;
  #startTime: string | undefined;
  #reviving: Promise<void> | undefined;
  #stopped = false;

  constructor(redis: EmbeddedRedis, start: () => Promise<EmbeddedRedis>, logger: Logger) {
    this.#redis = redis;
    this.#start = start;
    this.#logger = logger;
    this.adopted = redis.adopted;
    this.#startTime = startTimeOf(redis.pid);
    this.#watch(LOOK_MS);
  }

  get where(): string {
    return this.#redis.socketPath;
  }

  get pid(): number {
    return this.#redis.pid;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#reviving;
    await this.#redis.stop();
  }

  #watch(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      if (startTimeOf(this.#redis.pid) === this.#startTime) return this.#watch(LOOK_MS);
      this.#reviving = this.#revive();
    }, ms);
    this.#timer.unref();
  }

  async #revive(): Promise<void> {
    this.#logger.error({ redisPid: this.#redis.pid }, "redis died, bringing it back");
    try {
      this.#redis = await this.#start();
      this.#startTime = startTimeOf(this.#redis.pid);
      this.#logger.info({ redisPid: this.#redis.pid }, "redis is back");
      this.#watch(LOOK_MS);
    } catch (error) {
      this.#logger.error({ err: error }, "redis can't be brought back");
      this.#watch(RETRY_MS);
    }
  }
}

/** The operator's server: its login goes into each process's own folder; what is left may be told to everybody. */
export function storeLogin(
  { paths, users }: Pick<Installation, "paths" | "users">,
  text: string,
): RedisAccess {
  const url = new URL(text);
  const username = decodeURIComponent(url.username) || "default";
  const password = decodeURIComponent(url.password) || undefined;
  if (password !== undefined) {
    for (const { process, owner } of LOGINS) {
      mkdirSync(paths.secrets(process), { recursive: true, mode: 0o700 });
      writeSecret(join(paths.secrets(process), REDIS_PASSWORD), password, users[owner]);
    }
  }
  return { url: withoutLogin(text), ...(password === undefined ? {} : { username }) };
}

function withoutLogin(text: string): string {
  const url = new URL(text);
  url.username = "";
  url.password = "";
  return url.href;
}

/** Settings as a process is told them: the login of the operator's Redis is a file of its own, or not its business. */
export function handedOn(config: Config): Config {
  const { url, ...rest } = config.redis;
  return { ...config, redis: { ...rest, ...(url === undefined ? {} : { url: withoutLogin(url) }) } };
}

async function useExternal(installation: Installation, text: string, logger: Logger): Promise<ServiceRedis> {
  const { hostId, config, paths } = installation;
  const access = storeLogin(installation, text);
  const { url = "", username } = access;
  const password = username && readSecret(join(paths.secrets("supervisor"), REDIS_PASSWORD));
  const login = username && password ? { username, password } : {};
  const store = openStore({ url, ...login, name: "supervisor", hostId, logger });
  try {
    await store.ready();
    await store.prepare(config.redis.durability === "asserted");
  } finally {
    await store.close();
  }
  return { access, where: new URL(url).host, pid: 0, adopted: true, stop: async () => {} };
}

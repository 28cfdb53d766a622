/**
 * The service's Redis: the home's own server, started or adopted, with a user and password per process; or the operator's
 * by `REDIS_URL`, checked for durability. Passwords go into each process's own folder.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../lib/logging.ts";
import { aclFile, openStore, type RedisRole, startEmbeddedRedis } from "../../store/index.ts";
import type { Installation } from "./installation.ts";
import { REDIS_PASSWORD, type RedisAccess } from "./messages.ts";
import { ensurePassword, writeSecret } from "./secrets.ts";
import type { Owner } from "./users.ts";

/** Processes that log in, the role of each, and whose user its password file belongs to. */
const LOGINS: { process: string; role: RedisRole; owner: Owner }[] = [
  { process: "supervisor", role: "supervisor", owner: "launcher" },
  { process: "operator", role: "operator", owner: "launcher" },
  { process: "worker", role: "worker", owner: "worker" },
  { process: "gateway", role: "gateway", owner: "gateway" },
  { process: "console", role: "bridge-console", owner: "console" },
  { process: "telegram-bridge", role: "bridge-telegram", owner: "telegram-bridge" },
];

/** Redis, serving. */
export interface ServiceRedis {
  access: RedisAccess;
  /** For `nemoclaw status`. */
  where: string;
  pid: number;
  adopted: boolean;
  /** Ends the embedded server; an external one is left alone. */
  stop(): Promise<void>;
}

/** Makes Redis ready for every process. @throws Fault `redis-…` */
export async function startRedis(installation: Installation, logger: Logger): Promise<ServiceRedis> {
  return installation.config.redis.url === undefined
    ? startEmbedded(installation, logger)
    : useExternal(installation, installation.config.redis.url, logger);
}

async function startEmbedded(
  { paths, users, root, hostId }: Installation,
  logger: Logger,
): Promise<ServiceRedis> {
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
  const supervisor = { username: "supervisor", password: passwords[0]!.password };
  const redis = await startEmbeddedRedis({
    paths,
    aclFile: acl,
    supervisor,
    logger,
    ...(root ? users.redis : {}),
  });
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
  return {
    access: {},
    where: redis.socketPath,
    pid: redis.pid,
    adopted: redis.adopted,
    stop: () => redis.stop(),
  };
}

async function useExternal(installation: Installation, text: string, logger: Logger): Promise<ServiceRedis> {
  const { paths, users, hostId, config } = installation;
  const url = new URL(text);
  const username = decodeURIComponent(url.username) || undefined;
  const password = decodeURIComponent(url.password) || undefined;
  if (password !== undefined) {
    for (const { process, owner } of LOGINS) {
      mkdirSync(paths.secrets(process), { recursive: true, mode: 0o700 });
      writeSecret(join(paths.secrets(process), REDIS_PASSWORD), password, users[owner]);
    }
  }
  url.username = "";
  url.password = "";
  const access = { url: url.href, ...(password === undefined ? {} : { username: username ?? "default" }) };
  const login = password === undefined ? {} : { username: username ?? "default", password };
  const store = openStore({ url: url.href, ...login, name: "supervisor", hostId, logger });
  try {
    await store.ready();
    await store.prepare(config.redis.durability === "asserted");
  } finally {
    await store.close();
  }
  return { access, where: url.host, pid: 0, adopted: true, stop: async () => {} };
}

/**
 * A real Redis for one test file: the embedded server with the real ACL, in a short temporary directory.
 * `users` holds a login per process, so that a test runs each port as the process that uses it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import pino from "pino";
import type { Logger } from "../../src/lib/logging.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import {
  aclFile,
  type EmbeddedRedis,
  openStore,
  type RedisRole,
  ROLES,
  type Store,
  startEmbeddedRedis,
} from "../../src/store/index.ts";

/** What a test may do with its Redis. */
export interface TestRedis {
  home: string;
  socketPath: string;
  /** For programs that take a URL: `redis+unix` isn't standard, so this is the path form that ioredis reads. */
  url: string;
  users: Record<RedisRole, { username: RedisRole; password: string }>;
  /** The text of the aclfile. */
  acl: string;
  pid(): number;
  /** Opens a store as that process; closed by `stop`. */
  store(role: RedisRole, options?: { hostId?: string }): Store;
  /**
   * Sends one command as that process; rejects with Redis's own error. For what no port can do.
   * `admin` exists in tests only and may do everything.
   */
  send(role: RedisRole | "admin", command: string, ...args: string[]): Promise<unknown>;
  kill9(): Promise<void>;
  /** Starts it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A logger that says nothing. */
export const silent: Logger = pino({ level: "silent" });

/** Starts a server of the test's own. */
export async function startTestRedis(): Promise<TestRedis> {
  const home = mkdtempSync("/tmp/ncr-");
  const paths = pathsOf(home);
  const users = Object.fromEntries(
    ROLES.map((username) => [username, { username, password: randomBytes(16).toString("hex") }]),
  ) as TestRedis["users"];
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const admin = { username: "admin", password: randomBytes(16).toString("hex") };
  const product = aclFile({
    users: ROLES.map((name) => ({ name, passwordSha256: sha256(users[name].password) })),
  });
  const acl = `${product}user admin on #${sha256(admin.password)} ~* &* +@all\n`;
  const start = () =>
    startEmbeddedRedis({ paths, aclFile: acl, supervisor: users.supervisor, logger: silent });
  let server: EmbeddedRedis = await start();
  let guard = guardOf(server.pid, home);
  const stores: Store[] = [];

  return {
    home,
    socketPath: paths.redis.socket,
    url: `unix:${paths.redis.socket}`,
    users,
    acl,
    pid: () => server.pid,
    store(role, options) {
      const store = openStore({
        socketPath: paths.redis.socket,
        ...users[role],
        hostId: options?.hostId ?? "host1",
        name: role,
        logger: silent,
      });
      stores.push(store);
      return store;
    },
    async send(role, command, ...args) {
      const client = new Redis({
        path: paths.redis.socket,
        ...(role === "admin" ? admin : users[role]),
        retryStrategy: () => null,
      });
      client.on("error", () => {});
      try {
        return await client.call(command, ...args);
      } finally {
        client.disconnect();
      }
    },
    async kill9() {
      process.kill(server.pid, "SIGKILL");
      while (running(server.pid)) await sleep(5);
    },
    async restart() {
      server = await start();
      guard.kill();
      guard = guardOf(server.pid, home);
    },
    async stop() {
      await Promise.all(stores.map((store) => store.close()));
      if (running(server.pid)) process.kill(server.pid, "SIGKILL");
      while (running(server.pid)) await sleep(5);
      guard.kill();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The server outlives its starter by design; this ends it when the test's process dies before `stop`. */
function guardOf(pid: number, home: string): ChildProcess {
  const guard = spawn("sh", ["-c", `read _; kill -9 ${pid}; rm -rf ${home}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  (guard.stdin as Socket).unref();
  return guard;
}

function running(pid: number): boolean {
  try {
    return !readFileSync(join("/proc", String(pid), "stat"), "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

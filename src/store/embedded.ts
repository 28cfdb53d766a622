/**
 * The embedded Redis: one server per home, on a unix socket without a port, every write fsynced (RELIABILITY §6).
 * It outlives the supervisor; the next one adopts it after checking that it is ours. It holds a lock on its directory
 * by an inherited descriptor, so a second server on one append-only file is impossible while it lives.
 * Must never start a server where one may still run, or adopt one whose directory or settings aren't ours.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import type { Paths } from "../lib/paths.ts";
import { type Connection, connect } from "./connection.ts";
import { assertDurable } from "./durability.ts";

const START_MS = 60_000;
const STOP_MS = 20_000;

/** What {@link startEmbeddedRedis} needs. */
export interface EmbeddedOptions {
  paths: Pick<Paths, "redis">;
  /** Text of the aclfile (acl.ts); written 0600 to `paths.redis.aclFile`, owned by the server's user. */
  aclFile: string;
  /** The supervisor's login. */
  supervisor: { username: string; password: string };
  /** As root: the server's own user, and the group that may connect. */
  uid?: number;
  gid?: number;
  /** The supervisor's lock on the home, inherited by the server. */
  lockFd?: number;
  logger: Logger;
  /** Program name; default `redis-server`. */
  program?: string;
  /** How long a server may take to load its data, and how long a start waits for one that holds the lock. */
  startMs?: number;
}

/** A running server. */
export interface EmbeddedRedis {
  readonly socketPath: string;
  readonly pid: number;
  /** True when it ran already. */
  readonly adopted: boolean;
  /** Ends it cleanly; resolves when the process is gone. */
  stop(): Promise<void>;
}

/** Starts the home's Redis, or adopts the one that survived. Resolves when it serves. */
export async function startEmbeddedRedis(options: EmbeddedOptions): Promise<EmbeddedRedis> {
  const { paths, logger, startMs = START_MS } = options;
  prepareFiles(options);
  const lock = openSync(join(paths.redis.dir, "lock"), "a", 0o600);
  try {
    if (!tryLock(lock)) {
      // Somebody holds the data: the server that survived, one that is still loading, or one that is just ending.
      const surviving = await adopt(options, startMs);
      if (surviving) return surviving;
      throw new Fault({
        code: "redis-locked",
        message: `another Redis holds ${paths.redis.dir} and doesn't answer on ${paths.redis.socket}`,
        hint: `find it with: fuser ${join(paths.redis.dir, "lock")}`,
        retryable: true,
      });
    }
    if (await answers(paths.redis.socket)) throw foreign(paths.redis.socket, "it doesn't hold our lock");
    rmSync(paths.redis.socket, { force: true });
    const pid = launch(options, lock);
    logger.info({ redisPid: pid }, "redis started");
    const started = await adopt(options, startMs, pid);
    if (started) return started;
    throw new Fault({
      code: "redis-start",
      message: `redis-server (pid ${pid}) did not come up: ${lastLogLine(paths)}`,
      hint: `read ${join(paths.redis.dir, "redis.log")}`,
    });
  } finally {
    closeSync(lock); // The server holds its own copy of the locked descriptor.
  }
}

/** Whether anybody listens there. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath);
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true)).once("error", () => done(false));
  });
}

function foreign(socketPath: string, why: string): Fault {
  return new Fault({
    code: "redis-foreign",
    message: `the Redis on ${socketPath} is not this home's: ${why}`,
    hint: "stop it, or set REDIS_URL if you meant to use it",
  });
}

/** Directories, log and aclfile, owned by the server's user where we are root. */
function prepareFiles({ paths, aclFile, uid, gid }: EmbeddedOptions): void {
  const own = (path: string, mode: number) => {
    chmodSync(path, mode);
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  };
  for (const [path, mode] of [
    [paths.redis.dir, 0o700],
    [dirname(paths.redis.socket), uid === undefined ? 0o700 : 0o750],
    [dirname(paths.redis.aclFile), 0o700],
  ] as const) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    mkdirSync(path, { recursive: true, mode });
    own(path, mode);
  }
  writeFileSync(paths.redis.aclFile, aclFile, { mode: 0o600 });
  own(paths.redis.aclFile, 0o600);
  const log = join(paths.redis.dir, "redis.log");
  closeSync(openSync(log, "a", 0o600));
  own(log, 0o600);
}

/** flock(2) on an open descriptor: Node has no call for it, util-linux (essential on Debian) does. */
function tryLock(fd: number): boolean {
  const { status, error } = spawnSync("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  if (error) {
    throw new Fault({
      code: "flock-missing",
      message: "the program flock is missing",
      hint: "apt-get install util-linux",
    });
  }
  return status === 0;
}

function launch(
  { paths, uid, gid, lockFd, program = "redis-server" }: EmbeddedOptions,
  lock: number,
): number {
  checkProgram(program);
  const settings: Record<string, string> = {
    port: "0",
    unixsocket: paths.redis.socket,
    unixsocketperm: uid === undefined ? "600" : "770",
    dir: paths.redis.dir,
    aclfile: paths.redis.aclFile,
    appendonly: "yes",
    appendfsync: "always",
    "maxmemory-policy": "noeviction",
    save: "",
    databases: "1",
    daemonize: "no",
    "enable-debug-command": "no",
    "enable-module-command": "no",
    "set-proc-title": "no",
  };
  const log = openSync(join(paths.redis.dir, "redis.log"), "a", 0o600);
  const child = spawn(
    program,
    Object.entries(settings).flatMap(([k, v]) => [`--${k}`, v]),
    {
      cwd: paths.redis.dir,
      detached: true,
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" },
      stdio: ["ignore", log, log, lock, ...(lockFd === undefined ? [] : [lockFd])],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    },
  );
  child.on("error", () => {}); // Seen as a missing pid, or as a server that doesn't come up.
  child.unref();
  closeSync(log);
  if (child.pid === undefined) {
    throw new Fault({ code: "redis-start", message: `${program} could not be started` });
  }
  return child.pid;
}

/** Version 7 is where ACL rules can tell reading from writing, and scripts are checked command by command. */
function checkProgram(program: string): void {
  const { stdout, error } = spawnSync(program, ["--version"], { encoding: "utf8" });
  if (error) {
    throw new Fault({
      code: "redis-missing",
      message: `${program} is not installed`,
      hint: "apt-get install redis-server (or set REDIS_URL to use another Redis)",
    });
  }
  const major = Number(/v=(\d+)\./.exec(stdout)?.[1] ?? 0);
  if (major < 7) {
    throw new Fault({
      code: "redis-old",
      message: `the embedded Redis needs redis-server 7 or newer, found ${stdout.trim().slice(0, 60)}`,
      hint: "install a newer redis-server, or set REDIS_URL to use another Redis",
    });
  }
}

/** Connects to the home's server within `waitMs`, checks that it is ours, gives it the present aclfile. */
async function adopt(
  options: EmbeddedOptions,
  waitMs: number,
  startedPid?: number,
): Promise<EmbeddedRedis | undefined> {
  if (waitMs === 0) return undefined;
  const { paths, supervisor, logger } = options;
  const connection = connect({ socketPath: paths.redis.socket, ...supervisor, name: "supervisor", logger });
  try {
    const until = performance.now() + waitMs;
    for (;;) {
      try {
        await connection.ready(250);
        break;
      } catch (error) {
        if (error instanceof Fault && !error.retryable) throw error;
        if (startedPid !== undefined && !isAlive(startedPid)) return undefined;
        if (performance.now() > until) return undefined;
      }
    }
    const info = await connection.command((r) => r.info("server"));
    const pid = Number(/^process_id:(\d+)/m.exec(info)?.[1]);
    const settings = new Map<string, string>();
    for (const name of ["dir", "aclfile", "unixsocket"]) {
      const reply = (await connection.command((r) => r.config("GET", name))) as string[];
      settings.set(name, String(reply[1]));
    }
    const ours =
      settings.get("dir") === paths.redis.dir &&
      settings.get("aclfile") === paths.redis.aclFile &&
      settings.get("unixsocket") === paths.redis.socket &&
      (startedPid === undefined || startedPid === pid);
    if (!ours) {
      throw foreign(paths.redis.socket, `process ${pid} serves ${settings.get("dir")}`);
    }
    await assertDurable(connection, false);
    if (startedPid === undefined) await connection.command((r) => r.acl("LOAD"));
    return {
      socketPath: paths.redis.socket,
      pid,
      adopted: startedPid === undefined,
      stop: () => stop(options, pid),
    };
  } finally {
    await connection.close();
  }
}

async function stop({ paths, supervisor, logger }: EmbeddedOptions, pid: number): Promise<void> {
  const connection: Connection = connect({
    socketPath: paths.redis.socket,
    ...supervisor,
    name: "supervisor",
    logger,
  });
  // SHUTDOWN has no reply: the connection just ends.
  await connection.command((r) => r.shutdown("NOSAVE")).catch(() => {});
  await connection.close();
  for (const until = performance.now() + STOP_MS; isAlive(pid); await sleep(20)) {
    if (performance.now() > until) {
      throw new Fault({
        code: "redis-stop",
        message: `redis-server (pid ${pid}) did not end within ${STOP_MS} ms`,
      });
    }
  }
}

function lastLogLine(paths: EmbeddedOptions["paths"]): string {
  const lines = readFileSync(join(paths.redis.dir, "redis.log"), "utf8").trimEnd().split("\n");
  return (lines.at(-1) ?? "").replace(/^\d+:\w .{24} . /, "").slice(0, 400);
}

/** A zombie that waits for its parent counts as gone. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

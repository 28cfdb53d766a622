/**
 * Starting bubblewrap: empty environment, arguments by file descriptor, nothing inherited but what FD names, detached
 * from us. The sandbox's first program waits in gate.pl until `release`; if we die before, it ends by itself.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { isRoot } from "../host/files.ts";
import { INSIDE } from "../host/inside.ts";
import { isAlive, startTimeOf } from "../host/proc.ts";
import { noBubblewrap, startFailure } from "./faults.ts";
import { FD } from "./layout.ts";

/** How long bubblewrap may take to set everything up. */
const SETUP_MS = 10_000;

/** A sandbox that has been set up and waits at the gate. */
export interface Waiting {
  /** bubblewrap's own process outside, which only waits. */
  monitor: number;
  /** PID 1 of the sandbox, as the host counts. */
  pid: number;
  startTime: number;
  /** Lets PID 1 go on. */
  release(): void;
  /** Ends it instead. */
  abandon(): void;
  /** Resolves when bubblewrap ends, for as long as we live. */
  ended: Promise<void>;
}

/** What to start. */
export interface BwrapStart {
  bwrap: string;
  args: readonly string[];
  seccomp: Uint8Array;
  /** Limits as gate.pl takes them, and the program. */
  rlimits: readonly string[];
  program: readonly string[];
  /** Host user; used when we are root. */
  uid: number;
  /** Descriptor of the locked lock file, which PID 1 inherits. */
  lock: number;
  /** File for PID 1's output. */
  log: string;
}

/** Finds bubblewrap and checks its version. */
export function findBwrap(): string {
  for (const dir of ["/usr/bin", "/usr/local/bin", "/bin"]) {
    const path = join(dir, "bwrap");
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const version = /(\d+)\.(\d+)\.\d+/.exec(
      spawnSync(path, ["--version"], { env: {}, encoding: "utf8" }).stdout ?? "",
    );
    if (!version) throw noBubblewrap();
    if (Number(version[1]) === 0 && Number(version[2]) < 8) throw noBubblewrap(version[0]);
    return path;
  }
  throw noBubblewrap();
}

/** Sets a sandbox up to the gate. Throws a Fault that says what the host lacks. */
export async function startBwrap(start: BwrapStart): Promise<Waiting> {
  const log = openSync(
    start.log,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND,
    0o600,
  );
  let child: ChildProcess;
  try {
    child = spawn(
      start.bwrap,
      [
        "--args",
        String(FD.args),
        "--",
        "/usr/bin/perl",
        `${INSIDE.config}/gate.pl`,
        ...start.rlimits,
        "--",
        ...start.program,
      ],
      {
        env: {},
        cwd: "/",
        detached: true,
        // Indices are FD's: gate, lock, args, seccomp, info.
        stdio: ["ignore", log, log, "pipe", start.lock, "pipe", "pipe", "pipe"],
        ...(isRoot ? { uid: start.uid, gid: start.uid } : {}),
      },
    );
  } finally {
    closeSync(log);
  }
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const pipe = (fd: number) => child.stdio[fd] as Duplex;
  const pipes = [FD.gate, FD.args, FD.seccomp, FD.info].map(pipe);
  for (const each of pipes) each?.on("error", () => {}); // bubblewrap's exit is what counts
  const close = () => {
    for (const each of pipes) each?.destroy();
  };
  const dead = ended.then(() => undefined);
  (pipe(FD.args) as Writable).end(start.args.map((arg) => `${arg}\0`).join(""));
  (pipe(FD.seccomp) as Writable).end(start.seccomp);

  const pid = await Promise.race([readChildPid(pipe(FD.info)), dead, delay(SETUP_MS)]);
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  if (pid === undefined || startTime === undefined) {
    child.kill("SIGKILL");
    close();
    await ended;
    throw startFailure(readFileSync(start.log, "utf8"));
  }
  child.unref();
  return {
    monitor: child.pid ?? 0,
    pid,
    startTime,
    release() {
      (pipe(FD.gate) as Writable).end("g", close);
    },
    abandon() {
      close();
      if (isAlive(pid, startTime)) process.kill(pid, "SIGKILL");
    },
    ended,
  };
}

/** bubblewrap writes one JSON object, with `child-pid`, to its info descriptor. */
function readChildPid(from: Readable): Promise<number | undefined> {
  let text = "";
  return new Promise((resolve) => {
    from.setEncoding("utf8");
    from.on("data", (chunk: string) => {
      text += chunk;
      const pid = /"child-pid": *(\d+)/.exec(text)?.[1];
      if (pid && text.includes("}")) resolve(Number(pid));
    });
    from.on("end", () => resolve(undefined));
  });
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}

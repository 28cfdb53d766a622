/**
 * All files of one home as a tar stream, out of it and into it. tar runs as the principal's user in a bubblewrap that
 * sees only that home: a link in it leads nowhere, and what a stream says can be written there only (DESIGN §3).
 * What may be in a stream is the caller's to check (cli/backup): nothing here reads it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { Fault } from "../../lib/errors.ts";
import { isRoot } from "../host/files.ts";
import { findBwrap } from "../process/bwrap.ts";
import { confinedArguments } from "../process/confined.ts";

/** Without setuid programs: tar keeps hard links apart, stays on the home's file system, and knows no user names. */
const CREATE = [
  ...["/usr/bin/tar", "--create", "--format=pax", "--numeric-owner", "--owner=0", "--group=0"],
  ...["--hard-dereference", "--one-file-system", "--directory=/home", "--file=-", "."],
];
const EXTRACT = [
  "/usr/bin/tar",
  "--extract",
  "--no-same-owner",
  "--same-permissions",
  "--directory=/home",
  "--file=-",
];

/** A stream and the end of the program behind it. */
export interface Running<Stream> {
  readonly stream: Stream;
  /** Rejects with Fault `home-files` when the program failed. */
  readonly done: Promise<void>;
}

/** Everything in the home. */
export function packHome(home: string, uid: number): Running<Readable> {
  const child = start(home, uid, "--ro-bind", ["CAP_DAC_READ_SEARCH"], CREATE);
  return { stream: child.stdout as Readable, done: ended(child, home) };
}

/** Into a home that nothing runs in. */
export function unpackHome(home: string, uid: number): Running<Writable> {
  // Directories that their owner closed are written into before they are closed: hence the override.
  const child = start(home, uid, "--bind", ["CAP_DAC_OVERRIDE", "CAP_FOWNER"], EXTRACT);
  const stream = child.stdin as Writable;
  stream.on("error", () => {}); // tar ended before its input: `done` says why.
  return { stream, done: ended(child, home) };
}

function start(
  home: string,
  uid: number,
  bind: "--bind" | "--ro-bind",
  capabilities: readonly string[],
  program: readonly string[],
): ChildProcess {
  return spawn(findBwrap(), confinedArguments(home, bind, capabilities, program), {
    env: {},
    cwd: "/",
    stdio: ["pipe", "pipe", "pipe"],
    ...(isRoot ? { uid, gid: uid } : {}),
  });
}

function ended(child: ChildProcess, home: string): Promise<void> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(0, 500);
  });
  const done = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) return resolve();
      const why = said.trim().split("\n")[0] || `exit code ${code}`;
      reject(new Fault({ code: "home-files", message: `the files of ${home} can't be copied: ${why}` }));
    });
  });
  done.catch(() => {}); // Looked at when the stream has ended.
  return done;
}

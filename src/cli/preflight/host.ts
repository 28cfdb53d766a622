/**
 * This machine as checks see it: files, programs, free space. The only part of the preflight that does I/O, so that each
 * check can be asked about a machine that isn't this one.
 */
import { execFile } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { arch, platform, release } from "node:os";
import { dirname } from "node:path";

/** How a program ended. */
export interface ProgramResult {
  /** Exit code; undefined when it isn't installed, was killed or took too long. */
  status: number | undefined;
  installed: boolean;
  stdout: string;
  stderr: string;
}

/** What checks may ask. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** Kernel release, `uname -r`. */
  readonly kernel: string;
  /** Of the Node that runs us, without the `v`. */
  readonly node: string;
  readonly uid: number;
  readonly env: NodeJS.ProcessEnv;
  /** A small text file, undefined when it can't be read. */
  read(path: string): string | undefined;
  /** Runs a program without a shell; ended after 10 s. Never rejects. */
  run(program: string, args: string[]): Promise<ProgramResult>;
  /** Bytes that this user may still write where `path` lies or will lie. */
  freeBytes(path: string): number | undefined;
}

const LIMIT_MS = 10_000;
/** Folders of system programs that an ordinary user's PATH may lack. */
const SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/** The machine that we are on. */
export function thisHost(env: NodeJS.ProcessEnv = process.env): Host {
  return {
    platform: platform(),
    arch: arch(),
    kernel: release(),
    node: process.versions.node,
    uid: process.getuid?.() ?? -1,
    env,
    read: (path) => {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    run: (program, args) =>
      new Promise((resolve) => {
        const options = {
          timeout: LIMIT_MS,
          killSignal: "SIGKILL",
          env: { ...env, PATH: `${env["PATH"] ?? ""}:${SYSTEM}`, LC_ALL: "C" },
        } as const;
        execFile(program, args, options, (error, stdout, stderr) => {
          const code = error === null ? 0 : error.code;
          const status = typeof code === "number" ? code : undefined;
          resolve({ status, installed: String(code) !== "ENOENT", stdout, stderr });
        });
      }),
    freeBytes: (path) => {
      for (let at = path; ; at = dirname(at)) {
        try {
          const { bavail, bsize } = statfsSync(at);
          return bavail * bsize;
        } catch {
          if (at === dirname(at)) return undefined;
        }
      }
    },
  };
}

/**
 * The system's own ssh, so that everything in the operator's ssh_config, agent and known hosts counts. One connection is
 * shared by all steps. What is run there is constant (scripts.ts); what varies goes by standard input.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Readable, Readable as Streams } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault } from "../../lib/errors.ts";

/** How to reach the machine. */
export interface SshTarget {
  /** `host`, `user@host`, or a name in ssh_config. */
  readonly destination: string;
  readonly port?: string | undefined;
  readonly identity?: string | undefined;
  readonly config?: string | undefined;
}

/** How a script ended there. */
export interface RemoteResult {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** ssh(1): its own failures, as opposed to the command's. */
const SSH_FAILED = 255;
const KEPT = 4_000;

/** @throws Fault `usage` for a destination that ssh could take for something else */
export function checkDestination(destination: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]*(@[A-Za-z0-9_][A-Za-z0-9._-]*)?$/.test(destination)) return destination;
  throw new Fault({
    code: "usage",
    message: `"${destination.slice(0, 80)}" is no host`,
    hint: "say host or user@host",
  });
}

/** A connection to one machine. */
export class Ssh {
  readonly #target: SshTarget;
  readonly #dir: string = mkdtempSync(join(tmpdir(), "nc-ssh-"));
  readonly #program: string;

  constructor(target: SshTarget, program = "ssh") {
    this.#target = { ...target, destination: checkDestination(target.destination) };
    this.#program = program;
  }

  /** Arguments before the destination. */
  get #options(): string[] {
    const { port, identity, config } = this.#target;
    return [
      ...(config ? ["-F", config] : []),
      ...(port ? ["-p", port] : []),
      ...(identity ? ["-i", identity] : []),
      ...[
        "-T",
        "-o",
        `ControlPath=${join(this.#dir, "s")}`,
        "-o",
        "ControlMaster=auto",
        "-o",
        "ControlPersist=60",
      ],
      ...["-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15"],
      // Without a terminal nobody answers a question: fail instead of hanging.
      ...(process.stdin.isTTY ? [] : ["-o", "BatchMode=yes"]),
    ];
  }

  /**
   * Runs a constant script there, with this standard input. `onLine` gets each line of its standard error.
   * @throws Fault `ssh` when the machine can't be reached
   */
  async run(
    script: string,
    input: string | Readable = "",
    onLine?: (line: string) => void,
  ): Promise<RemoteResult> {
    const { destination } = this.#target;
    const child = spawn(this.#program, [...this.#options, "--", destination, inShell(script)], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [out, err, rest] = ["", "", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err = (err + text).slice(-KEPT);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim()) onLine?.(line.trim());
    });
    // A script that ends before its input is no failure of ours: its exit code says what happened.
    pipeline(typeof input === "string" ? Streams.from([input]) : input, child.stdin).catch(() => {});
    const status = await new Promise<number>((resolve, reject) => {
      child.once("error", (error) => reject(missing(error)));
      child.once("close", (code) => resolve(code ?? SSH_FAILED));
    });
    if (status !== SSH_FAILED) return { status, out, err };
    throw new Fault({
      code: "ssh",
      message: `${destination} can't be reached by ssh: ${err.trim().split("\n").at(-1) ?? "no reason given"}`,
      hint: `try: ssh ${destination} true`,
      retryable: true,
    });
  }

  /** Ends the shared connection. */
  close(): void {
    const { destination } = this.#target;
    const child = spawn(this.#program, [...this.#options, "-O", "exit", "--", destination], {
      stdio: "ignore",
    });
    child.once("error", () => {});
    child.once("close", () => rmSync(this.#dir, { recursive: true, force: true }));
  }
}

/** For login shells that aren't sh's kind. The scripts are constant: nothing of anybody's input is quoted here. */
const inShell = (script: string) => `exec /bin/sh -c '${script.replaceAll("'", "'\\''")}'`;

function missing(error: Error): Fault {
  return new Fault({
    code: "ssh-missing",
    message: "the program ssh can't be run",
    hint: "apt-get install openssh-client",
    cause: error,
  });
}

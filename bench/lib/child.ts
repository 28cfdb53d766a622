/**
 * Child processes of benches: started with a line-by-line JSON conversation on stdin and stdout, measured by their own
 * CPU time, ended by closing their stdin.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A running child. */
export interface Child {
  pid: number;
  /** What it printed first. */
  hello: Record<string, unknown>;
  /** Sends one line, waits for one. */
  ask(order: unknown): Promise<Record<string, unknown>>;
  /** User and system milliseconds so far. */
  cpuMs(): number;
  /** Resident megabytes. */
  rssMB(): number;
  close(): Promise<void>;
}

/** Starts `node file args`; the first line it prints is its hello. */
export async function startChild(
  file: string,
  args: string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Child> {
  const child: ChildProcess = spawn(process.execPath, [file, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env,
  });
  const waiting: ((line: string) => void)[] = [];
  if (!child.stdout || !child.stdin || child.pid === undefined) throw new Error(`cannot start ${file}`);
  const { stdin, pid } = child;
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(line));
  const next = () =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const gone = () => reject(new Error(`${file} ended`));
      child.once("exit", gone);
      waiting.push((line) => {
        child.off("exit", gone);
        resolve(JSON.parse(line) as Record<string, unknown>);
      });
    });
  const hello = await next();
  return {
    pid,
    hello,
    ask(order) {
      const answer = next();
      stdin.write(`${JSON.stringify(order)}\n`);
      return answer;
    },
    cpuMs() {
      // Nanoseconds on a CPU, of each thread: the clock ticks of /proc/pid/stat are too coarse for short rounds.
      const threads = readdirSync(`/proc/${pid}/task`);
      const ns = threads.map((id) =>
        Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]),
      );
      return ns.reduce((sum, one) => sum + one, 0) / 1e6;
    },
    rssMB() {
      return Math.round(Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) / 256);
    },
    close: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        stdin.end();
      }),
  };
}

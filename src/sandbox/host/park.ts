/**
 * Stopping a sandbox in place and paging it out, and whether this host can. Swap then holds what the agent had in
 * memory: swap that is neither zram nor encrypted is used only when the operator accepts that.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { guestOf, processState, processTree } from "./proc.ts";

/** Swap below this counts as short: a warm agent holds about a gigabyte. */
const MIN_FREE_SWAP = 1 << 30;
const PAGEOUT = fileURLToPath(new URL("./pageout.pl", import.meta.url));
const CAP_SYS_NICE = 23n;

/** Whether sandboxes can be parked here, and how or why not. */
export type ParkSupport =
  | { ok: true; how: "memory.reclaim" | "process_madvise"; detail: string }
  | { ok: false; why: string };

/** What decides; tests give their own files. */
export interface ParkConditions {
  /** A control group does all of it by itself (v2, delegated or as root). */
  pagesOutAlone: boolean;
  /** The operator accepts swap that is neither zram nor encrypted. */
  plainSwap: boolean;
  swaps?: string;
  status?: string;
}

/** Looks at swap and rights as they are now. */
export function parkSupport(conditions: ParkConditions): ParkSupport {
  const swaps = (conditions.swaps ?? readFileSync("/proc/swaps", "utf8"))
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/))
    .map(([path = "", , size, used]) => ({ path, free: (Number(size) - Number(used)) * 1024 }));
  if (swaps.length === 0) return { ok: false, why: "this host has no swap" };
  const plain = swaps.find(({ path }) => !isPrivateSwap(path));
  if (plain && !conditions.plainSwap) {
    return {
      ok: false,
      why: `swap on ${plain.path} is neither zram nor encrypted, and plain swap is not accepted`,
    };
  }
  const free = swaps.reduce((sum, swap) => sum + swap.free, 0);
  if (free < MIN_FREE_SWAP)
    return { ok: false, why: `swap is short (${Math.round(free / 2 ** 20)} MB free)` };
  const detail = `${Math.round(free / 2 ** 20)} MB of swap free`;
  const status = conditions.status ?? readFileSync("/proc/self/status", "utf8");
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  if ((effective >> CAP_SYS_NICE) & 1n) return { ok: true, how: "process_madvise", detail };
  if (conditions.pagesOutAlone) return { ok: true, how: "memory.reclaim", detail };
  return { ok: false, why: "it needs root (CAP_SYS_NICE) or a delegated cgroup v2 with memory.reclaim" };
}

/** zram, or a device-mapper device made by dm-crypt. */
function isPrivateSwap(path: string): boolean {
  const device = basename(path);
  if (/^zram\d+$/.test(device)) return true;
  const uuid = `/sys/class/block/${device}/dm/uuid`;
  return existsSync(uuid) && readFileSync(uuid, "utf8").startsWith("CRYPT-");
}

/** Stops every process of the sandbox with SIGSTOP, PID 1 first, until none is left that could start another. */
export function freeze(pid: number): void {
  signalTree(pid, "SIGSTOP", (each) => !["T", "t", ""].includes(processState(each)));
}

/** Lets them go on. */
export function thaw(pid: number): void {
  for (const each of processTree(pid).reverse()) kill(each, "SIGCONT");
}

/** Kills everything but PID 1 and the guest. */
export function killAgentProcesses(pid: number): void {
  const guest = guestOf(pid);
  signalTree(pid, "SIGKILL", (each) => each !== pid && each !== guest);
}

function signalTree(root: number, signal: NodeJS.Signals, wanted: (pid: number) => boolean): void {
  // A process may fork between the look and the signal: look again until nothing is found, within reason.
  for (let round = 0; round < 50; round++) {
    const found = processTree(root).filter(wanted);
    if (found.length === 0) return;
    for (const pid of found) kill(pid, signal);
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Advises the kernel to page all processes of the sandbox out. Resolves with the bytes that it took. */
export function advisePageOut(pid: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("/usr/bin/perl", [PAGEOUT, ...processTree(pid).map(String)], {
      env: {},
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      err += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(Number(out)) : reject(new Error(err.trim() || `pageout: ${code}`)),
    );
  });
}

/**
 * Stopping a sandbox in place and paging it out, and whether this host can. Swap then holds what the agent had in
 * memory: swap that is neither zram nor encrypted is used only when the operator accepts that.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { guestOf, parentOf, processState, processTree } from "./proc.ts";

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

/** All processes of a sandbox as its control group lists them; undefined where only /proc tells. */
type Listed = () => readonly number[] | undefined;

/** How long a sandbox may take to come to rest under a signal. */
const SETTLE_MS = 2_000;
/**
 * Looks at /proc that must find nothing, one after the other: a chain of processes that each start the next and end is
 * there all the time, and seen by few of them. [probed]
 */
const BLIND_LOOKS = 10;
/** The control group lists all that live, so few suffice. */
const GROUP_LOOKS = 2;

/** Stops every process of the sandbox with SIGSTOP, PID 1 first. False when some go on: they begin faster than they are seen. */
export function freeze(pid: number, listed: Listed = () => undefined): Promise<boolean> {
  const outside = parentOf(pid);
  return signalAll(pid, listed, "SIGSTOP", (each) => {
    return each !== outside && !["T", "t", "Z", "X"].includes(processState(each));
  });
}

/** Lets them go on. */
export function thaw(pid: number): void {
  for (const each of processTree(pid).reverse()) kill(each, "SIGCONT");
}

/** Kills everything but PID 1 and the guest. False when something is left. */
export function killAgentProcesses(pid: number, listed: Listed = () => undefined): Promise<boolean> {
  const spared = [pid, guestOf(pid), parentOf(pid)];
  return signalAll(pid, listed, "SIGKILL", (each) => {
    return !spared.includes(each) && !["Z", "X"].includes(processState(each));
  });
}

async function signalAll(
  root: number,
  listed: Listed,
  signal: NodeJS.Signals,
  wanted: (pid: number) => boolean,
): Promise<boolean> {
  let quiet = 0;
  let before = new Set<number>();
  for (const until = performance.now() + SETTLE_MS; performance.now() < until; await sleep(2)) {
    const group = listed();
    const all = group ?? processTree(root);
    const found = all.filter(wanted);
    // One that is new may have ended since it was listed, and have started another before: nothing is at rest then.
    const known = all.every((pid) => before.has(pid));
    before = new Set(all);
    quiet = found.length === 0 && known ? quiet + 1 : 0;
    if (quiet >= (group ? GROUP_LOOKS : BLIND_LOOKS)) return true;
    for (const pid of found) kill(pid, signal);
  }
  return false;
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

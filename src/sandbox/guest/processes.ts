/**
 * Finds and kills processes of the agent by /proc. PID 1 and the guest stand outside the agent's Landlock domain, so
 * they may signal it. Must never signal a process that doesn't carry the agent's mark: attached shells aren't ours.
 */
import { readdirSync, readFileSync } from "node:fs";
import { MARKER, SHELL_MARKER } from "./agent-config.ts";

/** A process of this sandbox. */
export interface Proc {
  pid: number;
  ppid: number;
  /** Start in clock ticks since boot: comparable between processes. */
  start: number;
  env: string;
}

/** All processes that carry the agent's mark. */
export function agentProcesses(bootId: string): Proc[] {
  return marked(`${MARKER}=${bootId}\0`);
}

/** Kills what a session of the operator started and what is left of it. Returns how many there were. */
export function killShell(mark: string, signal: NodeJS.Signals = "SIGKILL"): number {
  return kill(marked(`${SHELL_MARKER}=${mark}\0`), signal);
}

function marked(mark: string): Proc[] {
  const found: Proc[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const env = readFileSync(`/proc/${pid}/environ`, "latin1");
      if (!env.includes(mark)) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The command name may hold anything, also ") ": fields are counted after the last parenthesis.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.push({ pid, ppid: Number(fields[1]), start: Number(fields[19]), env });
    } catch {
      // Gone, or a zombie that has no environment any more.
    }
  }
  return found;
}

/**
 * Kills the tools that began at or after `since` (clock ticks): OpenClaw gives each `OPENCLAW_SHELL=exec`, and their
 * children inherit it. Returns how many there were.
 */
export function killTools(bootId: string, since: number): number {
  return kill(
    agentProcesses(bootId).filter((p) => p.start >= since && p.env.includes("OPENCLAW_SHELL=exec\0")),
  );
}

/** Kills the agent and everything it started. */
export function killAgent(bootId: string): number {
  return kill(agentProcesses(bootId));
}

/** Now, in clock ticks since boot as `/proc/PID/stat` counts them. */
export function ticks(): number {
  return Math.floor(Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 100);
}

function kill(processes: Proc[], signal: NodeJS.Signals = "SIGKILL"): number {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone meanwhile.
    }
  }
  return processes.length;
}

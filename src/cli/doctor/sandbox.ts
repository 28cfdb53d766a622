/** What a sandbox's state tells of its health. Pure; what holds for the whole installation is the other checks' business. */
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";

/** The parts of a sandbox's status that are judged. */
export interface SandboxHealth {
  name: string;
  found: boolean;
  phase: string;
  stopped: boolean;
  agent: string;
  /** Why it ended last (sandbox/driver.ts). */
  lastStop: string;
  stats: { memoryBytes: number; pids: number; diskBytes: number; inodes: number } | null;
  limits: { memoryBytes: number; pids: number; diskBytes: number; inodes: number } | null;
  running: boolean;
}

/** Use of a limit that is worth a word. */
const TIGHT = 0.9;

/** Findings about one sandbox. */
export function sandboxFindings(health: SandboxHealth): Finding[] {
  return [service(health), state(health), agent(health), lastEnd(health), ...uses(health)];
}

function service({ running }: SandboxHealth): Finding {
  if (running) return ok("service", "the worker answers");
  return fail("service", "nemoclaw is not running on this home", "nemoclaw start --detach");
}

function state({ name, found, phase, stopped }: SandboxHealth): Finding {
  if (stopped)
    return warn("state", "stopped by the operator: its people are told so", `nemoclaw ${name} start`);
  return ok("state", found ? phase : "not made yet: its first message makes it");
}

function agent({ name, agent: said }: SandboxHealth): Finding {
  if (said !== "failed") return ok("agent", said);
  return fail(
    "agent",
    "it can't be started",
    `nemoclaw ${name} logs --tail 50, then nemoclaw ${name} restart`,
  );
}

function lastEnd({ name, lastStop }: SandboxHealth): Finding {
  if (lastStop === "oom")
    return warn(
      "last-end",
      "something inside was killed for want of memory",
      "raise worker.profile.limits.memoryBytes in config.yaml, then nemoclaw reload",
    );
  if (lastStop === "disk")
    return warn(
      "last-end",
      "stopped at its disk limit",
      `nemoclaw ${name} exec -- du -sh ., or raise worker.profile.limits.diskBytes in config.yaml`,
    );
  return ok("last-end", lastStop === "" ? "it never ended" : lastStop);
}

function uses({ stats, limits }: SandboxHealth): Finding[] {
  if (!stats || !limits) return [];
  const mb = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
  const use = (check: string, key: keyof typeof limits, text: (n: number) => string) => {
    const detail = `${text(stats[key])} of ${text(limits[key])}`;
    if (limits[key] === 0 || stats[key] < limits[key] * TIGHT) return ok(check, detail);
    return warn(check, detail, `raise worker.profile.limits.${key} in config.yaml, then nemoclaw reload`);
  };
  return [
    use("memory", "memoryBytes", mb),
    use("processes", "pids", String),
    use("disk", "diskBytes", mb),
    use("files", "inodes", String),
  ];
}

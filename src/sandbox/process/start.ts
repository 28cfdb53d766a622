/**
 * One start of one sandbox: lock the home, write its configuration, set the cage up, put it under its limits, record
 * it, let it go. In this order: whatever dies in between, nothing runs that is unlimited or unrecorded.
 */
import { closeSync } from "node:fs";
import { failpoint } from "../../lib/failpoints.ts";
import type { Paths } from "../../lib/paths.ts";
import type { Limits, SandboxInfo } from "../driver.ts";
import type { OtherProgram, RecordLife } from "../host/cage.ts";
import { writeConfig } from "../host/config.ts";
import { homeLocked } from "../host/faults.ts";
import { tryLock } from "../host/files.ts";
import { logFile } from "../host/homes.ts";
import { GUEST_PROGRAM } from "../host/inside.ts";
import { AGENT_RULES, type Arch, compileFilter, SANDBOX_RULES } from "../seccomp/index.ts";
import { startBwrap } from "./bwrap.ts";
import type { Cgroups } from "./cgroup-group.ts";
import { bwrapArguments } from "./layout.ts";
import { systemDirectories } from "./system.ts";

/** What stays the same from start to start. */
export interface StartContext {
  paths: Paths;
  bwrap: string;
  node: string;
  runtime: string;
  guest: string;
  bestEffort: boolean;
  cgroups: Cgroups | undefined;
}

/** Limits of each process, as gate.pl takes them. They come on top of the group's limits, never instead. */
function rlimits(limits: Limits, cgroups: Cgroups | undefined): string[] {
  return [
    "core=0",
    "nofile=16384:16384",
    `fsize=${limits.diskBytes}`,
    // Counted per user namespace (Linux 5.14), so per sandbox. Only where nothing better is there.
    ...(cgroups ? [] : [`nproc=${limits.pids}`]),
  ];
}

/** Starts `info` (its bootId is set already) and lets `record` store pid and start time before anything runs. */
export async function startSandbox(
  context: StartContext,
  info: SandboxInfo,
  record: RecordLife,
  { program, lockWaitSeconds }: OtherProgram = { program: GUEST_PROGRAM, lockWaitSeconds: 0 },
): Promise<{ ended: Promise<void> }> {
  const { paths, cgroups } = context;
  const user = paths.user(info.id);
  const lock = tryLock(user.lock, lockWaitSeconds);
  if (lock === undefined) throw homeLocked(user.lock);
  try {
    writeConfig(user.config, info, { bestEffort: context.bestEffort, agentRules: AGENT_RULES });
    const waiting = await startBwrap({
      bwrap: context.bwrap,
      args: bwrapArguments({
        name: info.name,
        home: user.home,
        config: user.config,
        egress: paths.egressDir(info.runName),
        control: paths.controlDir(info.runName),
        guest: context.guest,
        runtime: context.runtime,
        node: context.node,
        tmpBytes: Math.min(512 << 20, Math.floor(info.limits.memoryBytes / 4)),
        system: systemDirectories(),
      }),
      seccomp: compileFilter(SANDBOX_RULES, process.arch as Arch),
      rlimits: rlimits(info.limits, cgroups),
      program,
      uid: info.uid,
      lock,
      log: logFile(paths, info.id),
    });
    try {
      if (cgroups) {
        cgroups.create(info.id, info.limits);
        cgroups.add(info.id, waiting.monitor);
        cgroups.add(info.id, waiting.pid);
      }
      record(waiting.pid, waiting.startTime);
    } catch (error) {
      waiting.abandon();
      await waiting.ended;
      throw error;
    }
    failpoint("launcher.start");
    waiting.release();
    return { ended: waiting.ended };
  } finally {
    closeSync(lock); // PID 1 has its own
  }
}

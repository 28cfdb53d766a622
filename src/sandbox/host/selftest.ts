/**
 * Which protections are really there: a throw-away sandbox tries what must not work (inside/selftest.pl), and what it
 * reports is judged here. Nothing is assumed from versions or settings.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { newId } from "../../lib/ids.ts";
import type { Paths } from "../../lib/paths.ts";
import { type Layer, Limits, type SandboxInfo } from "../driver.ts";
import type { Cage } from "./cage.ts";
import { noSelfTest } from "./faults.ts";
import { isRoot } from "./files.ts";
import { type Homes, logFile } from "./homes.ts";
import { INSIDE } from "./inside.ts";
import { judgeEvidence } from "./layers.ts";

/** The self-test's own principal; its uid is used for nothing else. */
const SELF = "p_00000000000000000000";
const TIMEOUT_MS = 20_000;
/** A self-test of a launcher that was killed may still run. */
const LOCK_WAIT_S = 25;
const LIMITS = { memoryBytes: 64 << 20, pids: 64 };

/** What the self-test works with. */
export interface SelfTestHost {
  paths: Paths;
  /** Strict, whatever the operator chose: a missing layer has to show. */
  cage: Cage;
  homes: Homes;
}

/** Runs the probes and says which layers hold. A Fault when no sandbox can be made at all. */
export async function runSelfTest(host: SelfTestHost): Promise<Layer[]> {
  const { homes, cage, paths } = host;
  const info: SandboxInfo = {
    ...{ id: SELF, name: "self-test", state: "stopped", runName: newId("s"), bootId: newId("b") },
    ...{
      pid: 0,
      startTime: 0,
      uid: homes.uid(SELF),
      limits: Limits.parse(LIMITS),
      agent: NO_AGENT,
      lastStop: "",
      oomKills: 0,
    },
  };
  homes.prepare(info);
  try {
    const program = ["/usr/bin/perl", `${INSIDE.config}/selftest.pl`];
    const record = (pid: number, startTime: number) => Object.assign(info, { pid, startTime });
    const { ended } = await cage.start(info, record, { program, lockWaitSeconds: LOCK_WAIT_S });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, TIMEOUT_MS, "late");
    });
    if ((await Promise.race([ended, late])) === "late") await cage.kill(info);
    clearTimeout(timer);
    const disk = await homes.measure(info).then(
      () => "",
      (error: Error) => error.message,
    );
    const output = readFileSync(logFile(paths, SELF), "utf8");
    if (!/^NoNewPrivs /m.test(output)) throw noSelfTest(output);
    return judgeEvidence({
      output,
      hostNamespaces: Object.fromEntries(
        cage.namespaces.map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)]),
      ),
      ...{ asRoot: isRoot, uid: info.uid, pidsLimit: LIMITS.pids, diskProblem: disk },
      cgroups: cage.caps,
    });
  } finally {
    await cage.clean(info);
    await homes.remove(info);
  }
}

const NO_AGENT = { model: "none", contextWindow: 4_096, maxTokens: 256 };

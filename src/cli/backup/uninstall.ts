/**
 * `nemoclaw uninstall`: ends the service and removes its home, name by name: what isn't ours stays and is named. Agents'
 * files are removed by a helper that sees nothing but that agent's home (DESIGN §3).
 */
import { lstatSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import { type Paths, pathsOf } from "../../lib/paths.ts";
import { LauncherClient, RestingHomes } from "../../sandbox/index.ts";
import { openersOf } from "../doctor/locks.ts";
import { askControl } from "../supervisor/control.ts";
import { type HomeLock, lockHome } from "../supervisor/home-lock.ts";

/** A stop drains turns and answers before it ends: as long as that may take, and some. */
const STOP_MS = 90_000;

/** Can be had again: programs, sockets, compiled code, logs. */
const REPLACEABLE = ["runtime", "run", "cache", "lib", "app", "logs", "children.json", "restoring"];
/** What a backup holds, and what a kept home needs to go on. */
const DATA = [
  ...[
    "redis",
    "sandboxes",
    "uids.json",
    "uids.json.lock",
    "host-id",
    "audit",
    "secrets",
    "console",
    "snapshots",
  ],
  ...["config.yaml", "policy.yaml", "pending.json", "onboard.json", "config.yaml.before-restore", "lock"],
];

/** What is removed, what stays, and what was never ours. */
export interface UninstallPlan {
  readonly home: string;
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  readonly foreign: readonly string[];
}

/** Looks only. @throws Fault `no-home` */
export function planUninstall(home: string, keepData: boolean): UninstallPlan {
  let names: string[];
  try {
    if (!lstatSync(home).isDirectory()) throw new Error("a link");
    names = readdirSync(home);
  } catch (error) {
    // What may not be looked at may well be there.
    if ((error as NodeJS.ErrnoException).code === "EACCES") throw error;
    names = [];
  }
  if (!names.includes("host-id") && !names.includes("lock"))
    throw new Fault({
      code: "no-home",
      message: `there is no installation in ${home}`,
      hint: "NEMOCLAW_HOME or --home says where it is",
    });
  const data = [...DATA, "users"].filter((name) => names.includes(name));
  const replaceable = REPLACEABLE.filter((name) => names.includes(name));
  return {
    home,
    removed: keepData ? replaceable : [...replaceable, ...data],
    kept: keepData ? data : [],
    foreign: names.filter((name) => !data.includes(name) && !replaceable.includes(name)),
  };
}

/** Does it. Resolves with whether the home is gone. */
export async function uninstall(plan: UninstallPlan, tell: (line: string) => void): Promise<boolean> {
  const paths = pathsOf(plan.home);
  const all = plan.removed.includes("users");
  const lock = await stopService(paths, all, tell);
  try {
    const homes = new RestingHomes(paths);
    await homes.endAll();
    await endRedis(paths);
    if (all) {
      for (const id of homes.principals()) {
        tell(`removing the files of ${id}`);
        await homes.remove(id);
      }
      rmdirSync(join(plan.home, "users"));
    }
    for (const name of plan.removed) rmSync(join(plan.home, name), { recursive: true, force: true });
  } finally {
    lock.release();
  }
  if (plan.kept.length > 0 || plan.foreign.length > 0) return false;
  rmdirSync(plan.home);
  return true;
}

/** Resolves with the home's lock: from then on nobody starts here. */
async function stopService(paths: Paths, destroy: boolean, tell: (line: string) => void): Promise<HomeLock> {
  try {
    await askControl(paths.status, { op: "status" });
    tell("stopping the service and its agents");
    if (destroy) await destroyAll(paths);
    await askControl(paths.status, { op: "stop", sandboxes: true });
  } catch (error) {
    if (!(error instanceof Fault && error.code === "not-running")) throw error;
  }
  for (const until = performance.now() + STOP_MS; ; await sleep(100)) {
    try {
      return lockHome(paths.lock);
    } catch (error) {
      if (!(error instanceof Fault && error.code === "home-in-use") || performance.now() > until) throw error;
    }
  }
}

/** By their driver, which knows what else there is of them. */
async function destroyAll(paths: Paths): Promise<void> {
  const client = new LauncherClient({ socket: paths.launcher.operatorSocket });
  try {
    for (const { id } of await client.list()) await client.destroy(id);
  } finally {
    client.close();
  }
}

/** A Redis that outlived a killed service. It writes what it has on SIGTERM. */
async function endRedis(paths: Paths): Promise<void> {
  const file = join(paths.redis.dir, "lock");
  const servers = () => openersOf(file).filter(({ command }) => command.startsWith("redis-server"));
  for (const { pid } of servers()) process.kill(pid, "SIGTERM");
  for (let n = 0; n < 200 && servers().length > 0; n++) await sleep(50);
}

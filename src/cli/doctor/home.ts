/** Checks of the home: that it is ours, who may read what, who holds it. */
import { lstatSync, readdirSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import { expectedDirectories } from "../supervisor/layout.ts";
import type { Ids } from "../supervisor/users.ts";
import type { Examined } from "./examined.ts";
import { isLocked, openersOf } from "./locks.ts";

/** Folders and their owners, as every start makes them. */
export function checkHome({ paths, users, root }: Examined): Finding {
  const name = "home";
  const home = look(paths.home);
  if (!home) return ok(name, `${paths.home} isn't there yet: nemoclaw start makes it`);
  const wrong = expectedDirectories(paths, users, root).flatMap(({ path, mode, uid, gid }) => {
    const stat = look(path);
    if (!stat) return [];
    if (!stat.isDirectory()) return [{ what: `${path} is no directory`, fix: `remove ${path}` }];
    if (stat.uid !== uid || (root && stat.gid !== gid))
      return [
        { what: `${path} belongs to user ${stat.uid}, not ${uid}`, fix: `chown ${uid}:${gid} ${path}` },
      ];
    const bits = stat.mode & 0o7777;
    if (bits !== mode)
      return [
        { what: `${path} has mode ${octal(bits)}, not ${octal(mode)}`, fix: `chmod ${octal(mode)} ${path}` },
      ];
    return [];
  });
  const [first] = wrong;
  if (!first) return ok(name, paths.home);
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : "";
  return fail(
    name,
    `${first.what}${more}`,
    `${first.fix} (as the user who runs the service; a restart corrects all)`,
  );
}

/** Every file below `secrets/`: readable by its process's user only. */
export function checkSecrets({ paths, users, root }: Examined): Finding {
  const name = "secrets";
  const base = dirname(paths.secrets("x"));
  const owners: Record<string, Ids> = { ...users };
  const wrong: { what: string; fix: string }[] = [];
  let count = 0;
  const walk = (dir: string, ids: Ids) => {
    for (const entry of list(dir)) {
      const path = join(dir, entry);
      const stat = look(path);
      if (!stat) continue;
      if (stat.isDirectory()) walk(path, ids);
      else {
        count += 1;
        const problem = judgeSecret(path, stat, root ? ids.uid : undefined);
        if (problem) wrong.push(problem);
      }
    }
  };
  for (const owner of list(base)) walk(join(base, owner), owners[owner] ?? users.launcher);
  const [first] = wrong;
  if (!first) return ok(name, `${count} files, each for one process only`);
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : "";
  return fail(name, `${first.what}${more}`, first.fix);
}

function judgeSecret(
  path: string,
  stat: Stats,
  uid: number | undefined,
): { what: string; fix: string } | undefined {
  if (!stat.isFile()) return { what: `${path} is no plain file`, fix: `remove ${path}` };
  const bits = stat.mode & 0o7777;
  if ((bits & 0o077) !== 0)
    return {
      what: `${path} can be read by others (mode ${octal(bits)})`,
      fix: `chmod 600 ${path}; consider the secret known and replace it`,
    };
  // Redis's aclfile holds hashes only, and its server is the one that must read it.
  if (uid !== undefined && stat.uid !== uid)
    return { what: `${path} belongs to user ${stat.uid}, not ${uid}`, fix: `chown ${uid} ${path}` };
  return undefined;
}

/** One service per home: who has it, and whether whoever has it serves. */
export function checkLock({ paths, service, hangs }: Examined): Finding {
  const name = "lock";
  if (service) return ok(name, `held by the running service, pid ${service.pid}`);
  const holders = isLocked(paths.lock) ? openersOf(paths.lock) : [];
  if (holders.length === 0 && isLocked(paths.lock))
    return fail(
      name,
      `${paths.lock} is held by a process of another user, and no service answers`,
      `as root: fuser ${paths.lock} names it`,
    );
  const [holder] = holders;
  if (!holder) return ok(name, "free: no service runs on this home");
  const who = `pid ${holder.pid} (${holder.command})`;
  if (hangs)
    return fail(name, `${who} holds the home and does not answer`, `look at it, then: kill -9 ${holder.pid}`);
  return fail(
    name,
    `stale: ${who} holds the home, but no service answers`,
    `if it isn't just starting or stopping: kill ${holder.pid}`,
  );
}

/** Locks on agents' files that outlived their service without being an agent that the next one adopts. */
export function checkSandboxLocks({ paths, service }: Examined): Finding {
  const name = "agents' locks";
  if (service) return ok(name, "watched by the running service");
  const users = dirname(paths.user("x").dir);
  const held = list(users).flatMap((id) => {
    const { lock } = paths.user(id);
    return isLocked(lock) ? [{ id, openers: openersOf(lock) }] : [];
  });
  const foreign = held.flatMap(({ id, openers }) =>
    openers
      .filter(({ command }) => !/init\.pl|bwrap|main\.(ts|js)/.test(command))
      .map((one) => ({ id, ...one })),
  );
  const [first] = foreign;
  if (first)
    return fail(
      name,
      `stale: pid ${first.pid} (${first.command}) holds the files of ${first.id}`,
      `end it, or that agent can't start: kill ${first.pid}`,
    );
  return held.length > 0
    ? warn(name, `${held.length} agents still run without a service`, "nemoclaw start takes them over")
    : ok(name, "none held");
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

/**
 * Every directory of NEMOCLAW_HOME with its mode and owner (DESIGN §9), made and corrected at each start.
 * Only ever changes directories whose parent belongs to whoever starts us, and never follows a link.
 */
import { chmodSync, lchownSync, lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeError, Fault } from "../../lib/errors.ts";
import { type Paths, pathsOf } from "../../lib/paths.ts";
import { cacheOf } from "./environment.ts";
import { type Owner, SERVICES, type Users } from "./users.ts";

/** A directory: as root with this mode and owner, else 0700 and ours. */
interface Directory {
  path: string;
  mode: number;
  owner?: Owner;
}

/** Longest home for which the longest socket path stays below the kernel's 108 bytes. */
const MAX_HOME = 107 - "/run/control/".length - 26 - "/control.sock".length;

/** Parents before children. 0711 = others may pass, not look. */
function directories(paths: Paths): Directory[] {
  const secretsOf = (owner: Owner): Directory => ({ path: paths.secrets(owner), mode: 0o700, owner });
  return [
    { path: paths.home, mode: 0o711 },
    { path: dirname(paths.secrets("any")), mode: 0o711 },
    ...[...SERVICES, "redis" as const].map(secretsOf),
    { path: dirname(paths.user("any").dir), mode: 0o711 },
    { path: paths.runtime, mode: 0o755 },
    { path: paths.launcher.records, mode: 0o700 },
    { path: paths.redis.dir, mode: 0o700, owner: "redis" },
    { path: paths.audit, mode: 0o700, owner: "gateway" },
    { path: join(paths.home, "console"), mode: 0o700, owner: "console" },
    { path: join(paths.home, "cache"), mode: 0o711 },
    ...SERVICES.map((owner): Directory => ({ path: cacheOf(paths, owner), mode: 0o700, owner })),
    { path: paths.logs, mode: 0o700 },
    { path: dirname(paths.status), mode: 0o711 },
    { path: dirname(paths.redis.socket), mode: 0o750, owner: "redis" },
    { path: dirname(paths.launcher.workerSocket), mode: 0o711 },
    // Root's, as its parts are made by the launcher: whoever owned them could put a link in the place of a part, and root
    // would change what it leads to. Each part then is the gateway's or the worker's.
    { path: dirname(paths.egressDir("any")), mode: 0o711 },
    { path: dirname(paths.controlDir("any")), mode: 0o711 },
    { path: dirname(paths.adminSocket), mode: 0o700, owner: "gateway" },
    { path: dirname(paths.accessSocket), mode: 0o700, owner: "access" },
    { path: dirname(paths.workerAdminSocket), mode: 0o700, owner: "worker" },
    { path: dirname(paths.workerSocket), mode: 0o700, owner: "worker" },
    { path: dirname(paths.spool.in), mode: 0o711 },
    // The services' group may make and open files, by name, not list them (lib/spool.ts). `in`: sticky, so that a bridge
    // removes only its own. `out`: a bridge removes what it has sent.
    { path: paths.spool.in, mode: 0o1730, owner: "worker" },
    { path: paths.spool.out, mode: 0o730, owner: "worker" },
    { path: dirname(paths.consoleSocket), mode: 0o700, owner: "console" },
  ];
}

/** A directory as it must be. */
export interface ExpectedDirectory {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Every directory as {@link makeLayout} makes it, for who only looks. */
export function expectedDirectories(paths: Paths, users: Users, root: boolean): ExpectedDirectory[] {
  return directories(paths).map(({ path, mode, owner }) => ({
    path,
    mode: root ? mode : 0o700,
    ...users[root ? (owner ?? "launcher") : "launcher"],
  }));
}

/**
 * Makes the home. @throws Fault `home-…` when it can't be used, with what to change.
 */
export function makeLayout(home: string, users: Users, root: boolean): Paths {
  if (Buffer.byteLength(home) > MAX_HOME) {
    throw new Fault({
      code: "home-too-long",
      message: `${home} is ${Buffer.byteLength(home)} bytes long; socket paths in it would exceed the system's limit`,
      hint: `choose a NEMOCLAW_HOME of at most ${MAX_HOME} bytes`,
    });
  }
  const paths = pathsOf(home);
  for (const directory of directories(paths)) {
    try {
      make(directory, users, root);
    } catch (error) {
      if (error instanceof Fault) throw error;
      throw new Fault({
        code: "home-not-ours",
        message: `${directory.path} can't be set up: ${describeError(error)}`,
        hint: "run as the user that this home belongs to, or choose another NEMOCLAW_HOME",
        cause: error,
      });
    }
  }
  if (root) requireReachable(home);
  return paths;
}

function make({ path, mode, owner }: Directory, users: Users, root: boolean): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (!lstatSync(path).isDirectory())
    throw new Fault({ code: "home-link", message: `${path} must be a directory, not a link or file` });
  chmodSync(path, root ? mode : 0o700);
  if (root) lchownSync(path, owner ? users[owner].uid : 0, owner ? users[owner].gid : 0);
}

/** As root the services are other users: each directory above the home must let them pass. */
function requireReachable(home: string): void {
  for (let at = dirname(home); at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & 0o001) !== 0) continue;
    throw new Fault({
      code: "home-unreachable",
      message: `the services' own users can't pass ${at}, so they can't reach ${home}`,
      hint: "choose a NEMOCLAW_HOME elsewhere, e.g. /var/lib/nemoclaw",
    });
  }
}

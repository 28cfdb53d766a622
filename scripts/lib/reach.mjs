/**
 * As root, services run as users of their own, and those must be able to read the code. A clone in `/root` (0700) can't
 * be reached by them: then the service runs in a private mount namespace in which the code is also at
 * `NEMOCLAW_HOME/app`. Nothing outside that namespace changes, and no permission of a parent folder is loosened.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { IS_CLONE, ROOT } from "./project.mjs";
import { SetupError, say } from "./say.mjs";

/** From util-linux, which Debian always has. */
export const UNSHARE = "/usr/bin/unshare";

/** Parts of the project that a service reads. */
const READ_BY_SERVICES = [
  "package.json",
  "bin",
  "src",
  "dist",
  "scripts",
  "blueprint",
  "blueprint.yaml",
  "node_modules",
];

/** @param {string} path @param {number} bits */
const others = (path, bits) => {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return mode === undefined || (mode & bits) === bits;
};

/** The nearest folder on the way down to this one that keeps other users out, if any. @param {string} folder */
function blockedAt(folder) {
  for (let at = folder; ; at = dirname(at)) {
    if (!others(at, 0o001)) return at;
    if (at === dirname(at)) return undefined;
  }
}

/** The installation's home, as `src/lib/paths.ts` decides it. @param {string[]} args @param {NodeJS.ProcessEnv} env */
export function homeOf(args, env) {
  const at = args.findIndex((arg) => arg === "--home" || arg.startsWith("--home="));
  const flag =
    at < 0 ? undefined : args[at]?.includes("=") ? args[at]?.slice("--home=".length) : args[at + 1];
  const own = process.getuid?.() === 0 ? "/var/lib/nemoclaw" : join(homedir(), ".nemoclaw");
  return resolve(flag || env["NEMOCLAW_HOME"] || own);
}

/** Makes what root cloned or installed under a strict umask readable; says so. @param {string} root */
function openForReading(root) {
  const closed = READ_BY_SERVICES.map((name) => join(root, name)).filter((path) => {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
    return (
      !others(path, isFolder ? 0o005 : 0o004) ||
      (isFolder && name(path) === "src" && !others(join(path, "cli"), 0o005))
    );
  });
  if (closed.length === 0) return;
  say(`· the services' own users can't read ${closed.map(name).join(", ")}: chmod -R go+rX`);
  const result = spawnSync("chmod", ["-R", "go+rX", ...closed], { stdio: ["ignore", 2, 2] });
  if (result.status !== 0)
    throw new SetupError("could not make the project readable for the services' users");
}

/** @param {string} path */
const name = (path) => path.slice(path.lastIndexOf(sep) + 1);

/**
 * How to run `program args…` (paths inside the code) so that service users can read the code.
 * @param {string} home
 * @param {string} program
 * @param {string[]} args
 * @returns {{ program: string, args: string[] }}
 */
export function reachably(home, program, args) {
  if (process.getuid?.() !== 0) return { program, args };
  if (IS_CLONE) openForReading(ROOT);
  // In an installed package the dependencies may lie beside us: the outermost node_modules holds everything.
  const outer = `${sep}node_modules${sep}`;
  const code = IS_CLONE ? ROOT : ROOT.slice(0, ROOT.indexOf(outer) + outer.length - 1);
  if (!blockedAt(code) && others(code, 0o005)) return { program, args };
  const target = IS_CLONE ? join(home, "app") : join(home, "app", "node_modules");
  mkdirSync(home, { recursive: true, mode: 0o711 });
  mkdirSync(target, { recursive: true, mode: 0o755 });
  const blocked = blockedAt(target);
  if (blocked) {
    throw new SetupError(
      `the services' own users can reach neither ${code} nor ${home}: ${blocked} keeps them out`,
      [`Put NEMOCLAW_HOME where every user may walk, or:  chmod go+x ${blocked}`],
    );
  }
  // A bind mount keeps its source's mode: the folder itself must be open, its parents need not.
  if (!others(code, 0o005)) spawnSync("chmod", ["go+rx", code]);
  /** @param {string} path */
  const moved = (path) => (path.startsWith(code + sep) ? join(target, relative(code, path)) : path);
  const script = 'mount --bind "$1" "$2" && cd / && shift 2 && exec "$@"';
  return {
    program: UNSHARE,
    args: [
      "-m",
      "--propagation",
      "private",
      "sh",
      "-c",
      script,
      "nemoclaw",
      code,
      target,
      moved(program),
      ...args.map(moved),
    ],
  };
}

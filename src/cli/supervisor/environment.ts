/**
 * The environment of a supervised process: a list of what is passed on, so that no secret that somebody exported in the
 * operator's shell reaches a process that must not hold it.
 */
import { join } from "node:path";
import type { Paths } from "../../lib/paths.ts";
import type { ServiceName } from "./users.ts";

const FOR_ALL = [
  "PATH",
  "LANG",
  "LC_ALL",
  "TZ",
  "TMPDIR",
  // Tests arm failpoints by these (lib/failpoints.ts).
  "NEMOCLAW_FAILPOINT",
  "NEMOCLAW_FAILPOINT_DIR",
];

/** How this machine reaches the world, for the processes that make requests of their own. */
const FOR_THE_WORLD = [
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
];
const REACHES_OUT: readonly ServiceName[] = ["gateway", "telegram-bridge", "discord-bridge"];

/** Folder of compiled code (Node's compile cache), one per process: nobody may prepare code for another user. */
export const cacheOf = (paths: Paths, name: ServiceName): string => join(paths.home, "cache", name);

/** What a process may see of `env`. */
export function childEnvironment(env: NodeJS.ProcessEnv, paths: Paths, name: ServiceName): NodeJS.ProcessEnv {
  const names = REACHES_OUT.includes(name) ? [...FOR_ALL, ...FOR_THE_WORLD] : FOR_ALL;
  const passed = names.flatMap((variable) =>
    env[variable] === undefined ? [] : [[variable, env[variable]]],
  );
  return { ...Object.fromEntries(passed), NODE_COMPILE_CACHE: cacheOf(paths, name) };
}

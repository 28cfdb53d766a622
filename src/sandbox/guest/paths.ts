/**
 * Where things are inside a sandbox, and what the host wrote for this start.
 * Must never read anything that the agent can write.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every path the guest uses. Tests put them elsewhere with `NEMOCLAW_GUEST_PATHS` (JSON). */
export interface GuestPaths {
  home: string;
  /** The agent's working directory. */
  workspace: string;
  /** OpenClaw's state directory. */
  state: string;
  egressSocket: string;
  controlSocket: string;
  /** What the gateway wrote for this sandbox: certificates to trust, placeholders. Read-only. */
  trust: string;
  /** Read-only, made by the launcher at each start. */
  config: string;
  node: string;
  /** `node_modules/openclaw` of the runtime. */
  agentPackage: string;
  /** Where the agent's HTTP_PROXY points. */
  proxyPort: number;
  /** Where the warm gateway listens; loopback of this sandbox. */
  agentPort: number;
}

/** The layout of `../LAYOUT.md`. */
export const DEFAULT_PATHS: GuestPaths = {
  home: "/home/sandbox",
  workspace: "/home/sandbox/workspace",
  state: "/home/sandbox/.openclaw",
  egressSocket: "/run/nemoclaw/egress/egress.sock",
  controlSocket: "/run/nemoclaw/control/control.sock",
  trust: "/run/nemoclaw/egress/trust",
  config: "/run/nemoclaw/config",
  node: "/opt/node/bin/node",
  agentPackage: "/opt/openclaw/node_modules/openclaw",
  proxyPort: 3128,
  agentPort: 18789,
};

/** `sandbox.json`: what this start is (see `../driver.ts`, which validated it on the host). */
export interface StartConfig {
  sandbox: string;
  name: string;
  bootId: string;
  agent: { model: string; contextWindow: number; maxTokens: number; askCommands?: boolean; program?: string };
  limits?: { memoryBytes?: number };
}

/** Reads the paths from the environment. */
export function guestPaths(env: NodeJS.ProcessEnv): GuestPaths {
  const over = env["NEMOCLAW_GUEST_PATHS"];
  return over ? { ...DEFAULT_PATHS, ...(JSON.parse(over) as Partial<GuestPaths>) } : DEFAULT_PATHS;
}

/** Reads `sandbox.json`. */
export function startConfig(paths: GuestPaths): StartConfig {
  return JSON.parse(readFileSync(join(paths.config, "sandbox.json"), "utf8")) as StartConfig;
}

/** Puts the stage before a program: Landlock, the agent's filter, no core dumps. Only tests have no stage. */
export function staged(paths: GuestPaths, argv: readonly string[]): [string, string[]] {
  const stage = join(paths.config, "stage.pl");
  if (existsSync(stage)) return ["/usr/bin/perl", [stage, "--", ...argv]];
  if (paths.config === DEFAULT_PATHS.config)
    throw new Error(`${stage} is missing: the agent is not started without it`);
  const [program = "", ...args] = argv;
  return [program, args];
}

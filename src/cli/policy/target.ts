/**
 * Whose policy a command means, and how the gateway is asked.
 */

import { userInfo } from "node:os";
import { adminCall } from "../../lib/admin/client.ts";
import { isPrincipalId } from "../../lib/ids.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { findSandbox } from "../names/registry.ts";

/** Where the service is. */
export interface HomeOption {
  home?: string;
}

/** A sandbox's name as the gateway knows it; none: everybody's. @throws Fault `sandbox-unknown` */
export function resolveTarget(name: string | undefined, options: HomeOption): string {
  if (name === undefined || name === "default") return "default";
  if (isPrincipalId(name)) return name;
  return findSandbox(options.home ?? homeFrom(process.env), name).id;
}

/** Asks the gateway of this home. Loaded when it is used: help and mistakes needn't wait for it. */
export async function askGateway<T>(
  options: HomeOption,
  method: string,
  params: Record<string, unknown>,
): Promise<T> {
  const { adminSocket } = pathsOf(options.home ?? homeFrom(process.env));
  return adminCall<T>(adminSocket, method, params);
}

/** Who types, for the history. */
export function operatorName(env: NodeJS.ProcessEnv = process.env): string {
  if (env["SUDO_USER"]) return env["SUDO_USER"].slice(0, 64);
  try {
    return userInfo().username.slice(0, 64);
  } catch {
    return `uid ${process.getuid?.() ?? "?"}`;
  }
}

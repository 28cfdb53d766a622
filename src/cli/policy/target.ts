/**
 * Whose policy a command means, and how the gateway is asked.
 */
import { userInfo } from "node:os";
import { Fault } from "../../lib/errors.ts";
import { isPrincipalId, OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";

/** Where the service is. */
export interface HomeOption {
  home?: string;
}

/** The sandbox of the operator's own chats (DESIGN §3). */
const OPERATORS_SANDBOX = "my-agent";

/** A sandbox's name as the gateway knows it. @throws Fault `sandbox-unknown` */
export function resolveTarget(name: string | undefined): string {
  if (name === undefined) return "default";
  if (name === OPERATORS_SANDBOX) return OPERATOR_PRINCIPAL;
  if (name === "default" || isPrincipalId(name)) return name;
  throw new Fault({
    code: "sandbox-unknown",
    message: `there is no sandbox ${name}`,
    hint: `say default, ${OPERATORS_SANDBOX}, or a sandbox's id (p_…)`,
  });
}

/** Asks the gateway of this home. Loaded when it is used: help and mistakes needn't wait for it. */
export async function askGateway<T>(
  options: HomeOption,
  method: string,
  params: Record<string, unknown>,
): Promise<T> {
  const { adminCall } = await import("../../gateway/index.ts");
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

/**
 * Whose policy a command means, and how the gateway is asked.
 */
import { userInfo } from "node:os";
import { adminCall } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import { OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { PolicyTarget } from "../../store/index.ts";

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
  const known = PolicyTarget.safeParse(name);
  if (known.success) return known.data;
  throw new Fault({
    code: "sandbox-unknown",
    message: `there is no sandbox ${name}`,
    hint: `say default, ${OPERATORS_SANDBOX}, or a sandbox's id (p_…)`,
  });
}

/** Asks the gateway of this home. */
export function askGateway<T>(
  options: HomeOption,
  method: string,
  params: Record<string, unknown>,
  timeoutMs?: number,
): Promise<T> {
  const { adminSocket } = pathsOf(options.home ?? homeFrom(process.env));
  return adminCall<T>(adminSocket, method, params, timeoutMs === undefined ? {} : { timeoutMs });
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

/**
 * OpenClaw goes on by itself with what a crash of it broke off (its docs: "Restart recovery"; it can't be switched off).
 * Here that turn is over and its user was told so: it must not run again, nor take the next message in. So a new
 * gateway's resumed runs are ended before it gets a turn.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayClient } from "./gateway-client.ts";
import { LIMITS } from "./limits.ts";
import { log } from "./log.ts";

/** What of OpenClaw's session list matters here. */
interface Row {
  key?: unknown;
  status?: unknown;
  hasActiveRun?: unknown;
}

/** Ends whatever a gateway runs that has not been given a turn yet; gives up after {@link LIMITS.brokenRuns}. */
export async function endBrokenRuns(client: GatewayClient): Promise<void> {
  for (const until = performance.now() + LIMITS.brokenRuns; ; await sleep(LIMITS.poll)) {
    const keys = await runningSessions(client);
    if (keys.length === 0) return;
    log("warn", "resumed-run-ended", { sessions: keys.length });
    for (const key of keys) await client.request("sessions.abort", { key, clearQueued: true });
    if (performance.now() > until) return log("warn", "resumed-run-stays", { sessions: keys.length });
  }
}

async function runningSessions(client: GatewayClient): Promise<string[]> {
  const { sessions } = await client.request("sessions.list", {});
  const rows = Array.isArray(sessions) ? (sessions as Row[]) : [];
  return rows
    .filter(({ status, hasActiveRun }) => status === "running" || hasActiveRun === true)
    .map(({ key }) => String(key));
}

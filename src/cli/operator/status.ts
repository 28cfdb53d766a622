/**
 * `nemoclaw status`: the supervisor's own view, with sandboxes, queue and open approvals. What can't be asked within two
 * seconds is said to be unknown, and why: a status that waits or guesses is none.
 */
import { adminCall } from "../../lib/admin/client.ts";
import { describeError } from "../../lib/errors.ts";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { knownSandboxes } from "../names/registry.ts";
import type { HomeOption } from "../policy/target.ts";
import { askControl, type ServiceStatus } from "../supervisor/control.ts";
import { type AgentState, stateOf, workerRows } from "./sandboxes.ts";
import { withStore } from "./store.ts";

/** A part that couldn't be asked. */
interface Unknown {
  trouble: string;
}

/** Everything that status shows. */
export interface StatusWithWork extends ServiceStatus {
  sandboxes: { name: string; id: string; state: AgentState }[];
  queue: { waiting: number; running: number; paused: boolean } | Unknown;
  approvals: { open: number } | Unknown;
}

/** Asks. @throws Fault `not-running` */
export async function statusWithWork(options: HomeOption): Promise<StatusWithWork> {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const status = await askControl<ServiceStatus>(paths.status, { op: "status" });
  const orTrouble = <T>(asked: Promise<T>): Promise<T | Unknown> =>
    asked.catch((error: unknown) => ({ trouble: describeError(error) }));
  const [queue, approvals] = await Promise.all([
    orTrouble(
      withStore(options, async ({ operator }) => {
        const [rows, paused] = await Promise.all([operator.queue(), operator.paused()]);
        return {
          waiting: rows.reduce((sum, row) => sum + row.waiting, 0),
          running: rows.filter(({ turn }) => turn !== undefined).length,
          paused: paused !== undefined,
        };
      }),
    ),
    orTrouble(openApprovals(paths.adminSocket)),
  ]);
  const rows = await workerRows(paths).catch(() => undefined);
  const sandboxes = knownSandboxes(paths).sandboxes.map((one) => ({
    ...{ name: one.name, id: one.id },
    state: stateOf(one, rows),
  }));
  return { ...status, sandboxes, queue, approvals };
}

async function openApprovals(socket: string): Promise<{ open: number }> {
  const listed = await adminCall<{ approvals: unknown[] }>(
    socket,
    "approvals.list",
    {},
    { timeoutMs: 2_000 },
  );
  return { open: listed.approvals.length };
}

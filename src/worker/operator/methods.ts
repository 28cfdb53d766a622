/**
 * What the operator may ask of this worker in one question and answer: which sandboxes there are and how they are, start,
 * stop, look into a home. Removing a sandbox with its files is not among it: the operator asks the launcher for that.
 */
import { z } from "zod";
import { type AdminMethods, adminMethod } from "../../lib/admin/methods.ts";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { SandboxId, type SandboxInfo, type SandboxStats } from "../../sandbox/index.ts";
import type { TurnContextPort } from "../../store/index.ts";
import type { AgentClient } from "../agent-client.ts";
import type { LauncherPort } from "../launcher-port.ts";
import type { Sandboxes } from "../sandboxes.ts";
import type { SwitchedOff } from "../switched-off.ts";

/** A sandbox as `list` and `status` show it. */
export interface SandboxRow {
  id: string;
  name: string;
  /** `cold`, `waking`, `warm`, `parking`, `parked`: where its agent is (DESIGN §4). */
  state: string;
  /** What the guest said of its agent last: `warm`, `busy`, `failed` … A claim of the sandbox. */
  agent: string;
  /** Stopped by the operator: only the operator starts it again. */
  off: boolean;
  /** As the agent is told: `provider/model`. */
  model: string;
  limits: SandboxInfo["limits"];
  /** Turns that run or wait for it. */
  turns: number;
  /** Unix milliseconds; 0 = not since this worker began. */
  usedAt: number;
  /** Why it stopped last (sandbox/driver.ts); empty while it never has. */
  lastStop: string;
}

/** What the methods work on. */
export interface OperatorDeps {
  log: Logger;
  launcher: LauncherPort;
  sandboxes: Sandboxes;
  off: SwitchedOff;
  contexts: TurnContextPort;
  /** A sandbox that was never made may be started when it belongs to somebody who is known. */
  isKnown(sandboxId: string): Promise<boolean>;
}

const One = z.strictObject({ sandbox: SandboxId });

/** The methods, for the worker's admin socket. */
export function operatorMethods(deps: OperatorDeps): AdminMethods {
  const { launcher, sandboxes, off, log } = deps;
  const start = async (id: string) => {
    await requireKnown(deps, id);
    off.delete(id);
    await sandboxes.of(id).ready();
    return row(deps, await launcher.inspect(id));
  };
  const stop = async (id: string) => {
    log.info({ sandboxId: id }, "stopped by the operator");
    if (await launcher.inspect(id)) await sandboxes.of(id).end("asked", "agent-stopped");
  };
  return {
    "sandbox.list": adminMethod(z.strictObject({}), async () =>
      (await launcher.list()).map((info) => row(deps, info)),
    ),
    "sandbox.show": adminMethod(One, async ({ sandbox }) => row(deps, await launcher.inspect(sandbox))),
    "sandbox.stats": adminMethod(One, async ({ sandbox }): Promise<SandboxStats> => launcher.stats(sandbox)),
    /** Resolves when its agent is warm. */
    "sandbox.start": adminMethod(One, ({ sandbox }) => start(sandbox)),
    /** Ends everything inside; it stays so until it is started. */
    "sandbox.stop": adminMethod(One, async ({ sandbox }) => {
      await requireKnown(deps, sandbox);
      off.add(sandbox);
      await stop(sandbox);
      return row(deps, await launcher.inspect(sandbox));
    }),
    "sandbox.restart": adminMethod(One, async ({ sandbox }) => {
      await requireKnown(deps, sandbox);
      await stop(sandbox);
      return start(sandbox);
    }),
    /** It was destroyed: another one of this name begins afresh. */
    "sandbox.forget": adminMethod(One, async ({ sandbox }) => off.delete(sandbox)),
    /** One page of what lies in a home; wakes the sandbox. */
    "file.list": adminMethod(
      One.extend({
        path: z.string().max(1_024),
        recursive: z.boolean().default(false),
        after: z.string().max(1_024).default(""),
      }),
      ({ sandbox, path, recursive, after }) =>
        attached(deps, sandbox, (client) => client.listFiles(path, recursive, after)),
    ),
  };
}

/** @throws Fault `sandbox-unknown`: nobody's sandbox is made by a slip of the finger. */
async function requireKnown(deps: OperatorDeps, id: string): Promise<void> {
  if ((await deps.launcher.inspect(id)) || (await deps.isKnown(id))) return;
  throw new Fault({
    code: "sandbox-unknown",
    message: `there is no sandbox ${id}`,
    hint: "nemoclaw list shows those there are",
  });
}

/** Has the sandbox up while `work` runs. @throws Fault `sandbox-unknown`, `agent-off`, and what kept it from waking. */
export async function attached<T>(
  deps: OperatorDeps,
  id: string,
  work: (client: AgentClient) => Promise<T>,
): Promise<T> {
  await requireKnown(deps, id);
  if (deps.off.has(id))
    throw new Fault({
      code: "sandbox-stopped",
      message: "this sandbox is stopped",
      hint: "nemoclaw NAME start starts it",
    });
  const { client, detach } = await deps.sandboxes.of(id).attach();
  try {
    return await work(client);
  } finally {
    detach();
  }
}

function row({ sandboxes, off }: OperatorDeps, info: SandboxInfo | undefined): SandboxRow | null {
  if (!info) return null;
  const { id, name, limits, lastStop } = info;
  const now = sandboxes.of(id).now;
  return {
    ...{ id, name, limits, lastStop, model: info.agent.model, off: off.has(id) },
    ...{ state: now.phase, agent: now.agent, turns: now.turns, usedAt: now.usedAt },
  };
}

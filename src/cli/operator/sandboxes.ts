/**
 * Everything that `nemoclaw list` says of each sandbox. What the disk knows is always there; the rest comes from the
 * running service, and is left out when it doesn't answer.
 */
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { type KnownSandbox, knownSandboxes } from "../names/registry.ts";
import type { HomeOption } from "../policy/target.ts";
import { withStore } from "./store.ts";

/** As people call it: files only, starting, ready, paged out. */
export type AgentState = "cold" | "waking" | "warm" | "parked";

/** One sandbox. */
export interface ListedSandbox {
  name: string;
  id: string;
  /** `operator`, or `user`: a person's or group's. */
  owner: "operator" | "user";
  state: AgentState;
  /** Unknown before its first start where nothing is configured. */
  provider?: string;
  model?: string;
  /** Presets in force; undefined when the gateway couldn't be asked. */
  policies?: string[];
  /** Last model call, ISO 8601. */
  lastUse?: string;
  isDefault: boolean;
}

/** The list, and whether the service answered. */
export interface SandboxList {
  sandboxes: ListedSandbox[];
  running: boolean;
}

const STATES = { stopped: "cold", running: "warm", parked: "parked" } as const;

/** Puts it together. */
export async function listSandboxes(options: HomeOption): Promise<SandboxList> {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const known = knownSandboxes(paths);
  const ids = known.sandboxes.map(({ id }) => id);
  const [uses, presets] = await Promise.all([
    withStore(options, (store) => store.operator.lastUse(ids)).catch(() => undefined),
    presetsOf(paths.adminSocket, ids).catch(() => undefined),
  ]);
  return {
    running: presets !== undefined,
    sandboxes: known.sandboxes.map((one) => {
      const at = uses?.get(one.id);
      const policies = presets?.get(one.id);
      return {
        ...{ name: one.name, id: one.id, owner: one.operators ? ("operator" as const) : ("user" as const) },
        // Without a service nothing runs but what a killed supervisor left; the record says what was last.
        state: one.state === undefined ? "cold" : STATES[one.state],
        ...modelOf(one),
        ...(policies ? { policies } : {}),
        ...(at === undefined ? {} : { lastUse: new Date(at).toISOString() }),
        isDefault: one.name === known.default,
      };
    }),
  };
}

interface Row {
  name: string;
  applied: boolean;
  inherited: boolean;
}

async function presetsOf(socket: string, ids: string[]): Promise<Map<string, string[]>> {
  const { adminCall } = await import("../../gateway/index.ts");
  const lists = await Promise.all(
    ids.map(async (target) => {
      const rows = await adminCall<Row[]>(socket, "policy.presets", { target }, { timeoutMs: 2_000 });
      const names = rows.filter(({ applied, inherited }) => applied || inherited).map(({ name }) => name);
      return [target, names] as const;
    }),
  );
  return new Map(lists);
}

function modelOf({ model }: KnownSandbox): { provider?: string; model?: string } {
  if (model === undefined) return {};
  const slash = model.indexOf("/");
  return slash < 0 ? { provider: model } : { provider: model.slice(0, slash), model: model.slice(slash + 1) };
}

/**
 * Everything that `nemoclaw list` says of each sandbox. What the disk knows is always there; the rest comes from the
 * running service, and is left out when it doesn't answer.
 */
import { adminCall } from "../../lib/admin/client.ts";
import { homeFrom, type Paths, pathsOf } from "../../lib/paths.ts";
import type { SandboxRow } from "../../worker/index.ts";
import { type KnownSandbox, knownSandboxes } from "../names/registry.ts";
import type { HomeOption } from "../policy/target.ts";
import { runningStatus } from "../start/join.ts";
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

/** Of sandboxes as the launcher recorded them; without a worker nothing is known of their agents. */
const RECORDED = { stopped: "cold", running: "warm", parked: "parked" } as const;

/** What doesn't answer by then is left out. */
const ANSWER_MS = 2_000;

/** Puts it together. */
export async function listSandboxes(options: HomeOption): Promise<SandboxList> {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const known = knownSandboxes(paths);
  const ids = known.sandboxes.map(({ id }) => id);
  const [rows, uses, presets] = await Promise.all([
    workerRows(paths).catch(() => undefined),
    withStore(options, (store) => store.operator.lastUse(ids)).catch(() => undefined),
    presetsOf(paths.adminSocket, ids).catch(() => undefined),
  ]);
  const unknown = known.sandboxes.some(({ model }) => model === undefined);
  const general = unknown ? await defaultModel(paths).catch(() => undefined) : undefined;
  return {
    running: presets !== undefined,
    sandboxes: known.sandboxes.map((one) => {
      const at = uses?.get(one.id);
      const policies = presets?.get(one.id);
      return {
        ...{ name: one.name, id: one.id, owner: one.operators ? ("operator" as const) : ("user" as const) },
        state: stateOf(one, rows),
        ...modelOf(one.model ?? general),
        ...(policies ? { policies } : {}),
        ...(at === undefined ? {} : { lastUse: new Date(at).toISOString() }),
        isDefault: one.name === known.default,
      };
    }),
  };
}

/** The worker's view, by id. @throws Fault `service-not-running` */
export async function workerRows(paths: Paths): Promise<Map<string, SandboxRow>> {
  const options = { timeoutMs: ANSWER_MS, who: "the worker" };
  const rows = await adminCall<SandboxRow[]>(paths.workerAdminSocket, "sandbox.list", {}, options);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Where its agent is: as the worker says, else as the disk says. */
export function stateOf({ id, state }: KnownSandbox, rows: Map<string, SandboxRow> | undefined): AgentState {
  const now = rows?.get(id)?.state;
  if (now === "waking" || now === "warm" || now === "parked" || now === "cold") return now;
  if (now === "parking") return "warm";
  return state === undefined ? "cold" : RECORDED[state];
}

interface Row {
  name: string;
  applied: boolean;
  inherited: boolean;
}

async function presetsOf(socket: string, ids: string[]): Promise<Map<string, string[]>> {
  const lists = await Promise.all(
    ids.map(async (target) => {
      const rows = await adminCall<Row[]>(socket, "policy.presets", { target }, { timeoutMs: ANSWER_MS });
      const names = rows.filter(({ applied, inherited }) => applied || inherited).map(({ name }) => name);
      return [target, names] as const;
    }),
  );
  return new Map(lists);
}

/** What answers where nothing says otherwise: the running gateway knows; else its provider table is loaded, which takes longer. */
async function defaultModel(paths: Paths): Promise<string> {
  const status = await runningStatus(paths.home).catch(() => undefined);
  const said = status?.services.find(({ name }) => name === "gateway")?.facts["model"];
  if (said) return said;
  const [{ readConfig }, { defaultRoute }] = await Promise.all([
    import("../settings/read.ts"),
    import("../settings/inference.ts"),
  ]);
  const { provider, model } = defaultRoute(readConfig(paths, { env: {} }).config);
  return `${provider}/${model}`;
}

function modelOf(model: string | undefined): { provider?: string; model?: string } {
  if (model === undefined) return {};
  const slash = model.indexOf("/");
  return slash < 0 ? { provider: model } : { provider: model.slice(0, slash), model: model.slice(slash + 1) };
}

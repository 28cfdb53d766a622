/**
 * What every check of `nemoclaw doctor` looks at: this machine, one home, and the service if it runs. Gathered once,
 * read only: a doctor that changes what it examines finds something else the second time.
 */
import type { Config } from "../../lib/config.ts";
import { describeError, Fault } from "../../lib/errors.ts";
import { type Paths, pathsOf } from "../../lib/paths.ts";
import { type Host, thisHost } from "../preflight/host.ts";
import { readConfig } from "../settings/read.ts";
import { askControl, type ServiceStatus } from "../supervisor/control.ts";
import { type Users, usersFor } from "../supervisor/users.ts";
import { Outside } from "./outside.ts";

/** A running service answers within this; one that doesn't hangs. Milliseconds. */
const STATUS_MS = 3_000;

/** See the module's header. */
export interface Examined {
  readonly host: Host;
  readonly paths: Paths;
  /** Who each part of the home belongs to. */
  readonly users: Users;
  readonly root: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Folder of this copy of the project. */
  readonly project: string;
  /** Undefined when it can't be read; then {@link configProblem} says why. */
  readonly config: Config | undefined;
  readonly configProblem: string;
  /** Undefined when no service answers on this home. */
  readonly service: ServiceStatus | undefined;
  /** A socket took the question and nothing came back. */
  readonly hangs: boolean;
  readonly outside: Outside;
}

/** Looks at a home. Never throws for what it finds there. */
export async function examine(home: string, project: string, env: NodeJS.ProcessEnv): Promise<Examined> {
  const host = thisHost(env);
  const paths = pathsOf(home);
  const users = usersFor(host.uid, process.getgid?.() ?? -1);
  const [{ config, problem }, asked] = [configOf(paths, env), await askService(paths)];
  return {
    ...{ host, paths, users, env, project, config, configProblem: problem },
    ...{ root: host.uid === 0, service: asked.service, hangs: asked.hangs, outside: new Outside() },
  };
}

function configOf(paths: Paths, env: NodeJS.ProcessEnv): { config: Config | undefined; problem: string } {
  try {
    return { config: readConfig(paths, { env }).config, problem: "" };
  } catch (error) {
    return { config: undefined, problem: describeError(error) };
  }
}

async function askService(paths: Paths): Promise<{ service: ServiceStatus | undefined; hangs: boolean }> {
  try {
    const service = await askControl<ServiceStatus>(paths.status, { op: "status" }, STATUS_MS);
    return { service, hangs: false };
  } catch (error) {
    return { service: undefined, hangs: error instanceof Fault && error.code === "not-answering" };
  }
}

/** `openshell sandbox create`: another sandbox of the operator's, with its provider, model and policy; started when the service runs. */
import { Fault } from "../../../lib/errors.ts";
import { isPrincipalId, isSandboxName } from "../../../lib/ids.ts";
import { homeFrom, type Paths, pathsOf } from "../../../lib/paths.ts";
import { say } from "../../io.ts";
import { knownSandboxes, onboardedId } from "../../names/registry.ts";
import { readPolicyFile, submit } from "../../policy/submit.ts";
import type { HomeOption } from "../../policy/target.ts";
import { applyEdits } from "../../settings/apply.ts";
import { providerNamed } from "../../settings/providers.ts";
import { runningStatus } from "../../start/join.ts";
import { startSandbox } from "./sandbox-run.ts";

/** As it was typed. */
export interface CreateOptions extends HomeOption {
  name?: string;
  provider?: string;
  model?: string;
  policy?: string;
  start: boolean;
}

/** Makes it. */
export async function create(options: CreateOptions): Promise<void> {
  const home = options.home ?? homeFrom(process.env);
  const paths = pathsOf(home);
  const name = options.name ?? freeName(paths);
  const { sandboxes } = knownSandboxes(paths);
  const problem = problemOf(
    name,
    sandboxes.map((one) => one.name),
  );
  if (problem) throw new Fault({ code: "usage", message: problem, hint: "openshell sandbox list" });
  if (options.model !== undefined && options.provider === undefined)
    throw new Fault({ code: "usage", message: "--model belongs to a --provider" });
  const provider = options.provider === undefined ? undefined : providerNamed({ name: options.provider });
  const policy = options.policy === undefined ? undefined : readPolicyFile(options.policy);
  const running = await runningStatus(home);
  if (policy && !running)
    throw new Fault({
      code: "service-not-running",
      message: "a policy is put in force by the gateway, and none runs",
      hint: "start it with: nemoclaw start",
    });
  const settings = { ...(provider ? { provider } : {}), ...(options.model ? { model: options.model } : {}) };
  await applyEdits(paths, [[["sandboxes", name], settings]]);
  if (policy) {
    const outcome = await submit("policy.set", onboardedId(name), policy, options);
    if (outcome.kind === "invalid") {
      await applyEdits(paths, [[["sandboxes", name], undefined]]);
      return say(`✗ Sandbox ${name} was not made`);
    }
  }
  if (running && options.start) await startSandbox(name, options);
  console.log(`✓ Created sandbox ${name}`);
  if (!running) say("· It starts with the service: nemoclaw start");
}

function problemOf(name: string, taken: readonly string[]): string | undefined {
  if (!isSandboxName(name))
    return `a sandbox can't be called ${name}: lower-case letters, digits and hyphens, at most 63`;
  if (name === "default" || isPrincipalId(name))
    return `a sandbox can't be called ${name}: commands use that word`;
  return taken.includes(name) ? `there is a sandbox ${name} already` : undefined;
}

function freeName(paths: Paths): string {
  const taken = knownSandboxes(paths).sandboxes.map(({ name }) => name);
  for (let n = 1; ; n++) if (!taken.includes(`agent-${n}`)) return `agent-${n}`;
}

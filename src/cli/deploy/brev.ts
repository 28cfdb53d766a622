/**
 * Machines of NVIDIA Brev by its own CLI (docs.nvidia.com/brev/cli): made when they aren't there, then reached by ssh
 * under their name, since `brev refresh` keeps ssh_config.
 */
import { spawn } from "node:child_process";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";

/** Creating waits for the machine itself; this long at most. */
const LIMIT_MS = 20 * 60_000;

/** What `brev ls --json` has of an instance. */
const Instances = z.array(z.looseObject({ name: z.string(), status: z.string().optional() }));

/** The guide says `A100`: a GPU's name. Anything else is one of Brev's instance types. */
export function brevCreate(name: string, instanceType: string | undefined): string[] {
  const kind =
    instanceType === undefined
      ? []
      : /^[A-Z]{1,4}\d{1,4}[A-Z]{0,3}$/.test(instanceType)
        ? ["--gpu-name", instanceType]
        : ["--type", instanceType];
  return ["create", name, ...kind];
}

/** Whether the CLI is there. */
export async function hasBrev(): Promise<boolean> {
  return (await brev(["--version"])).status === 0;
}

/** Makes sure that the instance is there and in ssh_config. @throws Fault `brev-…` */
export async function ensureInstance(
  name: string,
  instanceType: string | undefined,
  tell: (line: string) => void,
): Promise<void> {
  for (const text of [name, instanceType ?? "x"])
    if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{0,100}$/.test(text))
      throw new Fault({ code: "usage", message: `"${text.slice(0, 80)}" is no name of an instance or type` });
  if (!(await hasBrev()))
    throw new Fault({
      code: "brev-missing",
      message: "making a machine needs NVIDIA's brev CLI, which isn't installed",
      hint: "install it (docs.nvidia.com/brev) and run brev login; or deploy to a machine of yours: --host user@host",
    });
  if (!(await instances()).some((one) => one.name === name)) {
    tell(`making the Brev instance ${name}${instanceType ? ` (${instanceType})` : ""}`);
    await must(brevCreate(name, instanceType));
  } else tell(`the Brev instance ${name} is there`);
  await must(["refresh"]);
}

async function instances(): Promise<z.infer<typeof Instances>> {
  const { out } = await must(["ls", "--json"]);
  try {
    const value: unknown = JSON.parse(out);
    return Instances.parse(
      Array.isArray(value) ? value : ((value as { workspaces?: unknown }).workspaces ?? []),
    );
  } catch (error) {
    throw new Fault({
      code: "brev-failed",
      message: "brev ls --json says something that isn't a list",
      cause: error,
    });
  }
}

async function must(args: string[]): Promise<{ out: string }> {
  const { status, out, err } = await brev(args);
  if (status === 0) return { out };
  throw new Fault({
    code: "brev-failed",
    message: `brev ${args[0]} failed: ${err.trim().split("\n").at(-1) || `exit code ${status}`}`,
    hint: "brev login, then again",
  });
}

function brev(args: string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn("brev", args, { stdio: ["ignore", "pipe", "pipe"] });
    // Not spawn's own limit: its timer outlives a program that isn't there.
    setTimeout(() => child.kill(), LIMIT_MS).unref();
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err = (err + String(chunk)).slice(-2_000)));
    child.once("error", (error) => resolve({ status: -1, out, err: error.message }));
    child.once("close", (code) => resolve({ status: code ?? -1, out, err }));
  });
}

/**
 * The installed agent runtime: `NEMOCLAW_HOME/runtime/<digest>`, made once, read-only afterwards, shared by all sandboxes.
 * Complete or absent: it is made in a sibling folder and renamed; `manifest.json` is its last file.
 * Must never run a package's install scripts and never change a runtime that is in place.
 */
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { describeError, Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import { npmCi } from "./npm-ci.ts";
import type { Blueprint } from "./resolve.ts";
import { brokenPackages, SEAL_FILE, Seal, sealOf } from "./seal.ts";

/** A runtime that is ready to be mounted at `/opt/openclaw`. */
export interface Runtime {
  digest: string;
  dir: string;
  /** True when this call installed it. */
  installed: boolean;
}

/** What {@link ensureRuntime} needs. */
export interface EnsureRuntime {
  blueprint: Blueprint;
  paths: Pick<Paths, "runtime">;
  /** Node of the sandbox (24.x), absolute: the fresh runtime is tried with it. */
  node: string;
  /** npm's command with leading arguments; default `["npm"]`. */
  npm?: readonly string[];
  /** Lines for people. */
  onProgress?: (line: string) => void;
  logger: Logger;
}

const Manifest = z.object({ v: z.literal(1), digest: z.string(), package: z.string(), version: z.string() });
const run = promisify(execFile);

/** Returns the blueprint's runtime, installing it when it isn't there. Safe to call from two processes at once. */
export async function ensureRuntime(options: EnsureRuntime): Promise<Runtime> {
  const { blueprint, paths, logger } = options;
  const dir = join(paths.runtime, blueprint.digest);
  if (await present(dir, blueprint)) return { digest: blueprint.digest, dir, installed: false };

  await mkdir(paths.runtime, { recursive: true, mode: 0o755 });
  await removeLeftovers(paths.runtime);
  const temp = join(paths.runtime, `.new-${process.pid}-${blueprint.digest.slice(0, 12)}`);
  const started = performance.now();
  try {
    await install(options, temp);
    await rename(temp, dir).catch(async (error) => {
      // Another process was faster; its runtime has the same digest, so it is the same runtime.
      if (!(await present(dir, blueprint))) throw error;
    });
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
  const ms = Math.round(performance.now() - started);
  logger.info({ digest: blueprint.digest, ms }, "runtime-installed");
  options.onProgress?.(`Agent runtime ready after ${Math.round(ms / 1000)} s.`);
  return { digest: blueprint.digest, dir, installed: true };
}

/** How an installed runtime is. */
export type RuntimeState =
  | { readonly kind: "absent" | "intact" | "unsealed" }
  /** Its manifest is another one's, or packages are not as they were installed. */
  | { readonly kind: "tampered"; readonly what: string };

/** Reads the whole runtime (about a second) and compares it with what was installed. Changes nothing. */
export async function inspectRuntime(
  blueprint: Blueprint,
  paths: Pick<Paths, "runtime">,
): Promise<RuntimeState & { dir: string }> {
  const dir = join(paths.runtime, blueprint.digest);
  try {
    if (!(await present(dir, blueprint))) return { dir, kind: "absent" };
    const text = await readFile(join(dir, SEAL_FILE), "utf8").catch(() => undefined);
    if (text === undefined) return { dir, kind: "unsealed" };
    const seal = Seal.safeParse(safeJson(text));
    if (!seal.success) return { dir, kind: "tampered", what: `${SEAL_FILE} is not readable` };
    const [first, ...more] = brokenPackages(dir, seal.data);
    if (first === undefined) return { dir, kind: "intact" };
    const rest = more.length > 0 ? ` and ${more.length} more` : "";
    return { dir, kind: "tampered", what: `not as it was installed: ${first}${rest}` };
  } catch (error) {
    return { dir, kind: "tampered", what: describeError(error) };
  }
}

/** True when `dir` is a complete runtime of this blueprint; throws when something else is in its place. */
async function present(dir: string, { digest, agent }: Blueprint): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(join(dir, "manifest.json"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const manifest = Manifest.safeParse(safeJson(text));
  const ok = manifest.success && manifest.data.digest === digest && manifest.data.version === agent.version;
  if (ok) return true;
  throw new Fault({
    code: "runtime-digest-mismatch",
    message: `${dir}/manifest.json doesn't belong to the blueprint with digest ${digest}`,
    hint: `remove it and start again: rm -r ${dir}`,
  });
}

async function install(
  { blueprint, node, npm = ["npm"], onProgress }: EnsureRuntime,
  temp: string,
): Promise<void> {
  const { agent } = blueprint;
  await rm(temp, { recursive: true, force: true });
  await mkdir(temp, { mode: 0o755 });
  await writeFile(join(temp, "package.json"), blueprint.manifest);
  await writeFile(join(temp, "package-lock.json"), blueprint.lock);
  onProgress?.(
    `Installing the agent runtime: ${agent.package} ${agent.version}, ${blueprint.packages} packages …`,
  );
  const result = await npmCi(npm, temp, (seconds) => {
    onProgress?.(`  ${Math.round(seconds)} s: fetching, checking and unpacking (a minute or so)`);
  });
  if (!result.ok) {
    throw new Fault({
      code: "runtime-install-failed",
      message: `npm could not install ${agent.package} ${agent.version}: ${result.tail || "no output"}`,
      hint: `see npm's message, then try: cd ${agent.source} && npm ci --ignore-scripts --dry-run`,
      retryable: true,
    });
  }
  const version = await tryOut(node, join(temp, "node_modules", agent.package), agent.package);
  // After its first run, in which OpenClaw ends its own set-up and removes the mark of that from its package.
  const seal = sealOf(temp);
  // npm leaves modes as the tarballs have them: a sandbox runs under another uid and must be able to read everything.
  await writeFile(join(temp, SEAL_FILE), `${JSON.stringify(seal, null, 1)}\n`);
  await run("chmod", ["-R", "u+rwX,go+rX,go-w", temp]);
  await chmod(temp, 0o755);
  const manifest = {
    v: 1,
    digest: blueprint.digest,
    package: agent.package,
    version,
    node: agent.node,
    packages: blueprint.packages,
  };
  await writeFile(join(temp, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Runs the fresh package's program once: it must start with this Node. Returns the installed version. */
async function tryOut(node: string, dir: string, name: string): Promise<string> {
  const pkg = z
    .object({ version: z.string(), bin: z.union([z.string(), z.record(z.string(), z.string())]) })
    .parse(safeJson(await readFile(join(dir, "package.json"), "utf8")));
  const program = typeof pkg.bin === "string" ? pkg.bin : Object.values(pkg.bin)[0];
  try {
    await run(node, [join(dir, program ?? ""), "--version"], {
      timeout: 60_000,
      env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent" },
    });
  } catch (error) {
    throw new Fault({
      code: "runtime-broken",
      message: `${name} was installed but doesn't start with ${node}: ${describeError(error)}`,
      cause: error,
    });
  }
  return pkg.version;
}

/** Folders of installers that died half-way. */
async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const pid = Number(/^\.new-(\d+)-/.exec(name)?.[1]);
    if (pid && pid !== process.pid && !alive(pid))
      await rm(join(dir, name), { recursive: true, force: true });
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

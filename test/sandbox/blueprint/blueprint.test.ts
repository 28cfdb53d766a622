/** The blueprint: refused when its parts don't belong together, installed once, atomically, and only from the lock. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import pino from "pino";
import { Fault } from "../../../src/lib/errors.ts";
import { ensureRuntime, inspectRuntime, resolveBlueprint } from "../../../src/sandbox/blueprint/index.ts";
import { sha256 } from "../../../src/sandbox/blueprint/schema.ts";

const run = promisify(execFile);
const logger = pino({ level: "silent" });
const root = join(import.meta.dirname, "../../..");
let dir = "";

before(async () => {
  dir = await mkdtemp("/tmp/bp-");
});
after(() => rm(dir, { recursive: true, force: true }));

/** A project with a blueprint of one tiny package, made and locked by npm itself. */
async function tinyProject(name: string, program = 'console.log("tiny 1.0.0")'): Promise<string> {
  const project = join(dir, name);
  const source = join(project, "package");
  await mkdir(source, { recursive: true });
  await writeFile(
    join(source, "package.json"),
    JSON.stringify({ name: "tiny", version: "1.0.0", bin: "tiny.js", scripts: { postinstall: "touch RAN" } }),
  );
  await writeFile(join(source, "tiny.js"), `#!/usr/bin/env node\n${program}\n`);
  await run("npm", ["pack", "--silent", "--pack-destination", project], { cwd: source });
  const blueprint = join(project, "blueprint");
  await mkdir(blueprint);
  await writeFile(
    join(blueprint, "package.json"),
    JSON.stringify({
      name: "r",
      private: true,
      dependencies: { tiny: `file:${join(project, "tiny-1.0.0.tgz")}` },
    }),
  );
  await run("npm", ["i", "--package-lock-only", "--silent"], { cwd: blueprint });
  // npm notes an address relative to this folder, but the lock is installed elsewhere.
  const tarball = `"resolved": "file:${join(project, "tiny-1.0.0.tgz")}"`;
  const lock = (await readFile(join(blueprint, "package-lock.json"), "utf8")).replace(
    /"resolved": "[^"]+"/,
    tarball,
  );
  await writeFile(join(blueprint, "package-lock.json"), lock);
  await writeFile(
    join(project, "blueprint.yaml"),
    `version: 1
agent: { package: tiny, version: 1.0.0, node: 24.21.0, source: blueprint, lockDigest: "${sha256(lock)}" }
policy: { unknown: deny }
profiles: { default: { model: demo/demo-1, limits: {} } }
`,
  );
  return project;
}

const fault = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, words);
  return true;
};

test("the shipped blueprint resolves: pinned agent, no registry address, default profile", async () => {
  const blueprint = await resolveBlueprint(root);
  assert.match(blueprint.digest, /^[0-9a-f]{64}$/);
  assert.equal(blueprint.agent.package, "openclaw");
  assert.ok(blueprint.packages > 100);
  assert.equal(blueprint.profiles.default.limits.pids, 512);
  assert.doesNotMatch(blueprint.lock.toString(), /"resolved"/);
});

test("a changed lock is refused by name, before anything is installed", async () => {
  const project = await tinyProject("tampered-lock");
  const file = join(project, "blueprint/package-lock.json");
  await writeFile(file, `${await readFile(file, "utf8")} `);
  await assert.rejects(
    resolveBlueprint(project),
    fault("blueprint-lock-mismatch", /package-lock\.json is not the lock/),
  );
});

test("a lock with a package that no digest pins, and unknown keys in the yaml, are refused", async () => {
  const project = await tinyProject("loose");
  const file = join(project, "blueprint/package-lock.json");
  const loose = (await readFile(file, "utf8")).replace(/\s*"integrity": "[^"]+",?/, "");
  await writeFile(file, loose);
  const yaml = join(project, "blueprint.yaml");
  const text = await readFile(yaml, "utf8");
  await writeFile(yaml, text.replace(/sha256:[0-9a-f]+/, sha256(loose)));
  await assert.rejects(
    resolveBlueprint(project),
    fault("blueprint-invalid", /node_modules\/tiny is not pinned/),
  );
  await writeFile(yaml, `${text}extra: 1\n`);
  await assert.rejects(resolveBlueprint(project), fault("blueprint-invalid", /extra/));
});

test("installs once, readable by all, without scripts; then is a no-op", async () => {
  const blueprint = await resolveBlueprint(await tinyProject("ok"));
  const paths = { runtime: join(dir, "home/runtime") };
  await mkdir(join(paths.runtime, ".new-999999-dead"), { recursive: true });
  const lines: string[] = [];
  const options = {
    blueprint,
    paths,
    node: process.execPath,
    logger,
    onProgress: (l: string) => lines.push(l),
  };
  assert.equal((await ensureRuntime(options)).installed, true);
  assert.match(lines[0] ?? "", /tiny 1\.0\.0, 1 packages/);
  const program = join(paths.runtime, blueprint.digest, "node_modules/tiny/tiny.js");
  assert.equal((await stat(program)).mode & 0o444, 0o444);
  await assert.rejects(stat(join(program, "../RAN")), "an install script ran");
  assert.deepEqual(
    await readdir(paths.runtime),
    [blueprint.digest],
    "leftovers of a dead installer are gone",
  );

  const started = performance.now();
  const again = await ensureRuntime({ ...options, npm: ["false"] });
  const ms = performance.now() - started;
  assert.equal(again.installed, false);
  assert.ok(ms < 150, `a no-op took ${ms} ms (target 50)`);
});

test("an agent whose first run changes its own package is intact afterwards; a later change is found", async () => {
  const blueprint = await resolveBlueprint(
    await tinyProject("first-run", 'require("node:fs").rmSync(__dirname + "/package.json")'),
  );
  const paths = { runtime: join(dir, "first-run-home") };
  await mkdir(paths.runtime);
  const { dir: place } = await ensureRuntime({ blueprint, paths, node: process.execPath, logger });
  assert.deepEqual(await readdir(join(place, "node_modules/tiny")), ["tiny.js"]);
  assert.deepEqual(await inspectRuntime(blueprint, paths), { dir: place, kind: "intact" });
  await writeFile(join(place, "node_modules/tiny/more.js"), "");
  const { kind } = await inspectRuntime(blueprint, paths);
  assert.equal(kind, "tampered");
});

test("two processes installing at once both end with the one complete runtime", async () => {
  const project = await tinyProject("race");
  const home = join(dir, "race-home");
  const script = `
    import { ensureRuntime, inspectRuntime, resolveBlueprint } from ${JSON.stringify(join(root, "src/sandbox/blueprint/index.ts"))};
    import pino from ${JSON.stringify(join(root, "node_modules/pino/pino.js"))};
    const r = await ensureRuntime({ blueprint: await resolveBlueprint(${JSON.stringify(project)}), paths: { runtime: ${JSON.stringify(home)} },
      node: process.execPath, logger: pino({ level: "silent" }) });
    console.log(r.dir);`;
  const one = () => run(process.execPath, ["--input-type=module", "-e", script]);
  const [a, b] = await Promise.all([one(), one()]);
  assert.equal(a.stdout, b.stdout);
  assert.equal((await readdir(home)).length, 1);
});

test("a package whose bytes differ from the lock is not installed, and nothing half-done stays", async () => {
  const project = await tinyProject("swapped");
  const other = await tinyProject("other", 'console.log("evil")');
  const blueprint = await resolveBlueprint(project);
  await cp(join(other, "tiny-1.0.0.tgz"), join(project, "tiny-1.0.0.tgz"));
  const paths = { runtime: join(dir, "swapped-home") };
  // An empty cache: npm would otherwise take the right bytes from its own, by their digest.
  await assert.rejects(
    // An empty cache: npm would otherwise take the right bytes from there, by their digest.
    ensureRuntime({
      blueprint,
      paths,
      node: process.execPath,
      logger,
      npm: ["npm", "--cache", join(dir, "cache")],
    }),
    fault("runtime-install-failed", /EINTEGRITY/),
  );
  assert.deepEqual(await readdir(paths.runtime), []);
});

test("an agent that doesn't start, a missing npm and a foreign manifest are told apart", async () => {
  const broken = await resolveBlueprint(await tinyProject("broken", "process.exit(3)"));
  const paths = { runtime: join(dir, "broken-home") };
  const options = { blueprint: broken, paths, node: process.execPath, logger };
  await assert.rejects(
    ensureRuntime({ ...options, npm: ["/nonexistent/npm"] }),
    fault("runtime-install-failed", /ENOENT/),
  );
  await assert.rejects(ensureRuntime(options), fault("runtime-broken", /doesn't start/));
  const place = join(paths.runtime, broken.digest);
  await mkdir(place);
  await writeFile(
    join(place, "manifest.json"),
    JSON.stringify({ v: 1, digest: "0", package: "tiny", version: "1.0.0" }),
  );
  await assert.rejects(ensureRuntime(options), fault("runtime-digest-mismatch", /doesn't belong/));
});

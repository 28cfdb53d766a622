/** `openshell sandbox …` as a user types it, against a running service: from making a sandbox to deleting it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../helpers/command.ts";
import { startTerminal } from "../helpers/tmux.ts";

/** Plays it; measured times go into `facts`. */
export async function playSandboxes(home: string, facts: Record<string, number>): Promise<void> {
  const openshell = async (args: string[], code = 0) => {
    const run = await runCommand("openshell", args, { home });
    assert.equal(run.code, code, `openshell ${args.join(" ")}: ${run.out}${run.err}`);
    return run;
  };
  const list = await openshell(["sandbox", "list"]);
  facts["sandboxListMs"] = Math.round(list.ms);
  assert.match(
    list.out,
    /^NAME {6}CREATED {14}PHASE\nmy-agent {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}Ready\n$/,
  );
  const got = await openshell(["sandbox", "inspect", "my-agent"]);
  assert.match(
    got.out,
    /^Sandbox:\n\n {2}Id: p_\w{20}\n {2}Name: my-agent\n {2}Phase: Ready\n {2}Resource version: \d+\n {2}Labels:\n/,
  );
  assert.match(got.out, /\nPolicy:\n\n {2}\S/);
  const only = await openshell(["sandbox", "get", "my-agent", "--policy-only"]);
  writeFileSync(join(home, "own.yaml"), "egress:\n  allowed:\n    - { host: api.example.org, port: 443 }\n");
  assert.match(only.out, /version: 1/);

  const made = await openshell([
    "sandbox",
    "create",
    "--name",
    "research",
    "--policy",
    join(home, "own.yaml"),
  ]);
  assert.match(made.out, /✓ Created sandbox research\n$/);
  assert.match((await openshell(["policy", "get", "research", "--base"])).out, /api\.example\.org/);
  assert.deepEqual(
    JSON.parse((await openshell(["sandbox", "list", "-o", "json"])).out).sandboxes.map(
      ({ name, phase }: Record<string, string>) => [name, phase],
    ),
    [
      ["my-agent", "Ready"],
      ["research", "Ready"],
    ],
  );
  assert.equal((await openshell(["sandbox", "create", "--name", "research"], 2)).out, "");

  const exec = await openshell(
    ["sandbox", "exec", "research", "--no-tty", "--", "sh", "-c", "echo hello; exit 7"],
    7,
  );
  assert.equal(exec.out, "hello\n");
  await openshell(["sandbox", "exec", "research", "--no-tty", "--timeout", "1", "--", "sleep", "30"], 124);

  await openshell(["sandbox", "upload", "research", join(home, "own.yaml"), "workspace/"]);
  await openshell(["sandbox", "download", "research", "workspace/own.yaml", join(home, "back.yaml")]);
  assert.equal(readFileSync(join(home, "back.yaml"), "utf8"), readFileSync(join(home, "own.yaml"), "utf8"));

  const bin = join(import.meta.dirname, "..", "..", "bin", "openshell");
  const shell = startTerminal([process.execPath, bin, "sandbox", "connect", "research"], {
    env: { NEMOCLAW_HOME: home, PATH: process.env["PATH"] ?? "" },
  });
  try {
    await shell.shows(/sandbox@research:~\$/);
    shell.type("echo $((6 * 7))");
    shell.press("Enter");
    await shell.shows(/^42$/m);
  } finally {
    shell.close();
  }

  assert.equal((await openshell(["sandbox", "stop", "research"])).out, "✓ Stopped sandbox research\n");
  assert.match((await openshell(["sandbox", "list"])).out, /research {2}\S+ \S+ {2}Stopped\n/);
  assert.equal((await openshell(["sandbox", "start", "research"])).out, "✓ Started sandbox research\n");
  assert.equal((await openshell(["sandbox", "delete", "research"])).out, "✓ Deleted sandbox research\n");
  assert.equal((await openshell(["sandbox", "list", "--names"])).out, "my-agent\n");
  assert.equal((await openshell(["sandbox", "delete", "research"], 1)).out, "! Sandbox research not found\n");
  assert.match((await openshell(["status"])).out, /Status: Connected/);
}

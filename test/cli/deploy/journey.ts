/**
 * Program, run inside a network namespace of its own by deploy.test.ts: `nemoclaw deploy` to a real sshd, once from
 * nothing, once again, once cut off. Prints one line per thing that holds.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { consoleClient } from "../../../src/bridges/console/index.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import { runCommand } from "../../helpers/command.ts";
import { makeHome } from "../../helpers/service.ts";
import { startRemote } from "./remote.ts";

const KEY = "sk-deployed-by-stdin-0123456789abcdef";
/** Packed by who started us. */
const release = process.argv[2] ?? "";
const here = makeHome();
const remote = await startRemote();
const holds = (what: string) => console.log(`ok ${what}`);
const deploy = (args: string[], input = "") =>
  runCommand(
    "nemoclaw",
    ["deploy", "--host", "machine", "--ssh-config", remote.sshConfig, "--release", release, ...args],
    {
      home: here,
      input,
    },
  );

try {
  const unsaid = await deploy([]);
  assert.equal(unsaid.code, 2, unsaid.err);
  assert.match(unsaid.err, /no provider was named[\s\S]*--provider/);
  holds("refuses to guess the provider");

  const dry = await deploy(["--provider", "demo", "--dry-run"]);
  assert.equal(dry.code, 0, dry.err);
  assert.match(
    dry.err,
    /would: copy the release[\s\S]*would: install it[\s\S]*would: onboard[\s\S]*would: start it/,
  );
  assert.deepEqual(readdirSync(remote.home), [], "nothing was written there");
  holds("--dry-run changes nothing");

  const first = await deploy(
    ["--provider", "demo", "--name", "far-away", "--no-verify", "--secrets-stdin", "--json"],
    `OPENAI_API_KEY=${KEY}\n`,
  );
  assert.equal(first.code, 0, first.err);
  const status = JSON.parse(first.out) as { state: string; home: string; services: { state: string }[] };
  assert.equal(status.state, "ready");
  assert.equal(status.home, remote.data);
  assert.ok(status.services.length >= 4 && status.services.every(({ state }) => state === "ready"));
  holds("ends with a healthy remote status");

  assert.doesNotMatch(first.out + first.err + remote.log(), new RegExp(KEY));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    let seen = "";
    try {
      seen = readFileSync(`/proc/${pid}/cmdline`, "latin1") + readFileSync(`/proc/${pid}/environ`, "latin1");
    } catch {
      continue; // It ended.
    }
    assert.ok(!seen.includes(KEY), `the key is in the arguments or environment of ${pid}`);
  }
  holds("secrets go by standard input only");

  const answer = await consoleClient(pathsOf(remote.data).consoleSocket).ask("What is 17+25?", {
    timeoutMs: 60_000,
  });
  assert.match(answer.markdown, /42/);
  holds("a message is answered there");

  const archive = join(remote.home, ".cache", "nemoclaw", "release.tgz");
  const copied = statSync(archive).mtimeMs;
  const again = await deploy([]);
  assert.equal(again.code, 0, again.err);
  assert.match(again.err, /✓ copy the release \([0-9a-f]{12}\): done already/);
  assert.match(again.err, /✓ install it: done already[\s\S]*✓ onboard: done already/);
  assert.equal(statSync(archive).mtimeMs, copied);
  assert.match(again.out, /machine: nemoclaw \d+\.\d+\.\d+ is ready/);
  holds("again: nothing is done twice");

  // Cut off within the installation: the archive and its packages are there, the commands aren't.
  rmSync(join(remote.home, ".local", "bin"), { recursive: true });
  rmSync(join(remote.home, ".local", "share", "nemoclaw", "current"));
  const resumed = await deploy([]);
  assert.equal(resumed.code, 0, resumed.err);
  assert.match(resumed.err, /✓ copy the release \([0-9a-f]{12}\): done already[\s\S]*· install it/);
  assert.ok(existsSync(join(remote.home, ".local", "bin", "nemoclaw")));
  holds("goes on where it was cut off");
} finally {
  await remote.close();
  rmSync(here, { recursive: true, force: true });
}

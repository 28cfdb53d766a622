/**
 * `nemoclaw deploy`: the journey to a real sshd (issue 5, Must show 3) in a network namespace of the test's own; Brev by
 * a stand-in for its CLI; and what is refused before anything is touched.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { brevCreate } from "../../../src/cli/deploy/brev.ts";
import { judgeMachine, readFacts } from "../../../src/cli/deploy/probe.ts";
import * as scripts from "../../../src/cli/deploy/scripts.ts";
import { checkDestination } from "../../../src/cli/deploy/ssh.ts";
import { worst } from "../../../src/cli/preflight/finding.ts";
import { runCommand } from "../../helpers/command.ts";
import { inOwnNetwork, noInternet } from "../../helpers/internet.ts";
import { install, newHome, packRelease } from "../../scripts/install-kit.ts";
import { noSshd } from "./remote.ts";

describe("nemoclaw deploy --host", () => {
  const skip = noInternet() || noSshd();
  it("installs, onboards, starts and answers over a real sshd", { skip, timeout: 400_000 }, async () => {
    const temp = mkdtempSync(join(tmpdir(), "nc-warm-"));
    try {
      // The machine inside has no network: npm's cache must hold what the release needs.
      const release = packRelease(temp);
      install(newHome(temp, "warm"), ["--from", release]);
      const { code, output } = await inOwnNetwork(join(import.meta.dirname, "journey.ts"), [], [release]);
      assert.equal(code, 0, output);
      assert.equal(output.match(/^ok /gm)?.length, 7, output);
    } finally {
      rmSync(temp, { recursive: true, force: true });
    }
  });

  it("says what is wrong with a machine that can't be reached", async () => {
    const { code, err } = await runCommand("nemoclaw", ["deploy", "--host", "x@127.0.0.1", "--port", "9"], {
      home: tmpdir(),
    });
    assert.equal(code, 1);
    assert.match(
      err,
      /x@127\.0\.0\.1 can't be reached by ssh: .*refused[\s\S]*try: ssh x@127\.0\.0\.1 true/i,
    );
  });

  it("takes no destination that ssh would read as an option or command", () => {
    for (const wrong of ["-oProxyCommand=id", "a b", "a;id", "$(id)", "a@-b", "", "a@b@c", "h\nid"])
      assert.throws(() => checkDestination(wrong), { code: "usage" }, wrong);
    assert.equal(checkDestination("me@host-1.example.org"), "me@host-1.example.org");
  });

  it("refuses settings that could pass for another line", async () => {
    const args = ["deploy", "--host", "nowhere.invalid", "--provider", "demo\nPATH=/tmp"];
    const { code, err } = await runCommand("nemoclaw", args, { home: tmpdir() });
    assert.equal(code, 2, err);
    assert.match(err, /NEMOCLAW_PROVIDER: expected one line/);
  });
});

describe("deploy's scripts", () => {
  for (const [name, script] of Object.entries(scripts).filter(
    ([, value]) => typeof value === "string" && value !== scripts.UNIT,
  ))
    it(`${name} is a script that sh reads`, () => {
      assert.equal(spawnSync("sh", ["-n"], { input: script as string }).status, 0);
    });

  it("the probe's facts are read on this machine, whatever a login script prints", () => {
    const { stdout } = spawnSync("sh", ["-c", `echo welcome; ${scripts.PROBE}`], { encoding: "utf8" });
    const facts = readFacts(stdout);
    assert.equal(facts["system"], "Linux");
    assert.equal(facts["uid"], String(process.getuid?.()));
    assert.ok(Number(facts["memoryKb"]) > 100_000);
    assert.ok(Number(facts["diskKb"]) > 0);
  });

  it("a machine that won't do is named", () => {
    const good = { system: "Linux", machine: "x86_64", uid: "0", bash: "/bin/bash", userns: "yes" };
    const facts = { ...good, memoryKb: "8000000", diskKb: "50000000" };
    assert.equal(worst(judgeMachine(facts)), "ok");
    const bad = judgeMachine({ ...facts, memoryKb: "500000", userns: "" }).filter(
      ({ verdict }) => verdict === "fail",
    );
    assert.deepEqual(
      bad.map(({ name }) => name),
      ["memory", "user namespaces"],
    );
  });

  const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
  it("the unit is one that systemd takes", {
    skip: analyze ? false : "systemd-analyze is not installed",
  }, () => {
    const dir = mkdtempSync(join(tmpdir(), "nc-unit-"));
    const file = join(dir, "nemoclaw.service");
    // What is to be run isn't there on this machine: that is not what is asked.
    writeFileSync(file, scripts.UNIT.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
    const { stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    rmSync(dir, { recursive: true });
    assert.doesNotMatch(stderr, /nemoclaw\.service/);
  });
});

describe("nemoclaw deploy --target", () => {
  let dir = "";
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "nc-brev-"));
    const brev = `#!/bin/sh
echo "$@" >> ${dir}/calls
case "$1" in
  --version) echo "Current Version: v0.6.317" ;;
  ls) if [ -e ${dir}/made ]; then echo '[{"name":"remote-gpu","status":"RUNNING"}]'; else echo '[]'; fi ;;
  create) touch ${dir}/made ;;
esac
`;
    writeFileSync(join(dir, "brev"), brev);
    // The machine that Brev made isn't reachable from here: ssh says so.
    writeFileSync(
      join(dir, "ssh"),
      `#!/bin/sh\necho "$@" >> ${dir}/ssh-calls\necho "ssh: no route" >&2\nexit 255\n`,
    );
    for (const name of ["brev", "ssh"]) chmodSync(join(dir, name), 0o755);
  });
  after(() => rmSync(dir, { recursive: true }));
  const target = ["deploy", "--target", "remote-gpu", "--instance-type", "A100"];

  it("without the brev CLI says how to get it, and what works without", async () => {
    const { code, err } = await runCommand("nemoclaw", target, { home: tmpdir() });
    assert.equal(code, 1);
    assert.match(err, /brev CLI, which isn't installed[\s\S]*--host user@host/);
  });

  it("--dry-run makes nothing", async () => {
    const { code, err } = await runCommand("nemoclaw", [...target, "--dry-run"], { home: tmpdir() });
    assert.equal(code, 0);
    assert.match(err, /would: brev create remote-gpu --gpu-name A100/);
  });

  it("makes the instance once, then goes there by ssh under its name", async () => {
    const env = { PATH: `${dir}:${process.env["PATH"]}` };
    for (let n = 0; n < 2; n++) {
      const { code, err } = await runCommand("nemoclaw", target, { home: dir, env });
      assert.equal(code, 1);
      assert.match(err, /remote-gpu can't be reached by ssh: ssh: no route/);
    }
    const calls = readFileSync(join(dir, "calls"), "utf8").trim().split("\n");
    assert.deepEqual(
      calls.filter((call) => call.startsWith("create")),
      ["create remote-gpu --gpu-name A100"],
    );
    assert.ok(calls.includes("refresh"));
    assert.match(readFileSync(join(dir, "ssh-calls"), "utf8"), / -- remote-gpu exec \/bin\/sh -c /);
  });

  it("knows GPUs from instance types", () => {
    assert.deepEqual(brevCreate("x", "H100"), ["create", "x", "--gpu-name", "H100"]);
    assert.deepEqual(brevCreate("x", "g5.xlarge"), ["create", "x", "--type", "g5.xlarge"]);
    assert.deepEqual(brevCreate("x", undefined), ["create", "x"]);
  });
});

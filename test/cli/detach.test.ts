/** `nemoclaw start --detach`: comes back when the service takes messages, says why when it can't, and starts nothing twice. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { askControl, type ServiceStatus } from "../../src/cli/supervisor/control.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { furnishedHome } from "../helpers/service.ts";

const NEMOCLAW = join(import.meta.dirname, "..", "..", "bin", "nemoclaw");
let home = "";
before(async () => {
  home = await furnishedHome();
});
after(() => {
  run("stop", "--all");
  rmSync(home, { recursive: true });
});

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [NEMOCLAW, ...args], {
    env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home, OPENAI_API_KEY: "sk-for-the-gateway-0123" },
    encoding: "utf8",
    timeout: 120_000,
  });
  return { code: status, out: stdout, err: stderr };
}
const status = () => askControl<ServiceStatus>(pathsOf(home).status, { op: "status" });

describe("nemoclaw start --detach", () => {
  it("that can't start: the reason, where it is, once, exit code 2, and nothing is left running", async () => {
    const file = join(home, "config.yaml");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, "log: {level: loud}\n");
    const { code, err } = run("start", "--detach");
    writeFileSync(file, good);
    assert.equal(code, 2);
    assert.match(err, /^nemoclaw: the service did not start: .*config\.yaml:1:14: log\.level/m);
    assert.equal(err.match(/log\.level/g)?.length, 1, err);
    await assert.rejects(status(), /not running/);
  });

  it("runs on its own, with its secrets in files and not in its environment", async () => {
    const { code, err } = run("start", "--detach");
    assert.equal(code, 0, err);
    assert.match(err, /· gateway ready[\s\S]*READY\nruns in the background \(pid \d+\)/);
    assert.doesNotMatch(err, /INFO: /, "the log's lines are in the log");
    const { pid, state, services } = await status();
    assert.equal(state, "ready");
    for (const { pid: child } of services)
      assert.doesNotMatch(readFileSync(`/proc/${child}/environ`, "utf8"), /sk-for-the/);
    const parent = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    assert.notEqual(Number(parent), process.pid, "it has outlived the command");
  });

  it("again: says that it runs; a service by name is looked at, not started twice", async () => {
    const { pid } = await status();
    const again = run("start", "--detach");
    assert.deepEqual([again.code, again.err.includes(`runs already (pid ${pid})`)], [0, true]);
    const named = run("start", "console");
    assert.deepEqual([named.code, /^● console ready \(pid \d+\)/.test(named.err)], [0, true]);
    const foreground = run("start", "--no-prompt");
    assert.equal(foreground.code, 75);
    assert.equal((await status()).pid, pid);
  });

  it("stop tells when it has ended", async () => {
    assert.deepEqual(run("stop", "--all"), { code: 0, out: "", err: "stopped, agents included\n" });
    await assert.rejects(status(), /not running/);
  });
});

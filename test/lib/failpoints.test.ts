import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

const MODULE = join(import.meta.dirname, "../../src/lib/failpoints.ts");
const PROGRAM = `const { failpoint } = await import(${JSON.stringify(MODULE)});
for (let i = 1; i <= 3; i++) { console.log(i); failpoint("claim.after-claim"); failpoint("settle.after-script"); }`;

function run(env: Record<string, string>): { reached: string; signal: string | null } {
  const { stdout, signal } = spawnSync(process.execPath, ["--input-type=module", "-e", PROGRAM], {
    env: { PATH: process.env["PATH"], ...env },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { reached: stdout.trim().split("\n").join(""), signal };
}

describe("failpoints", () => {
  it("do nothing unless armed", () => assert.deepEqual(run({}), { reached: "123", signal: null }));

  it("kill at the first or nth pass", () => {
    assert.deepEqual(run({ NEMOCLAW_FAILPOINT: "claim.after-claim" }), { reached: "1", signal: "SIGKILL" });
    assert.deepEqual(run({ NEMOCLAW_FAILPOINT: "settle.after-script@2" }), {
      reached: "12",
      signal: "SIGKILL",
    });
    assert.deepEqual(run({ NEMOCLAW_FAILPOINT: "outbox.final-sent" }), { reached: "123", signal: null });
  });

  it("armed by a file they fire exactly once over all processes", () => {
    const dir = mkdtempSync(join(tmpdir(), "nc-fp-"));
    try {
      writeFileSync(join(dir, "claim.after-claim"), "kill");
      assert.deepEqual(run({ NEMOCLAW_FAILPOINT_DIR: dir }), { reached: "1", signal: "SIGKILL" });
      assert.deepEqual(run({ NEMOCLAW_FAILPOINT_DIR: dir }), { reached: "123", signal: null });
      assert.match(readdirSync(dir).join(), /^claim\.after-claim\.fired\.\d+$/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

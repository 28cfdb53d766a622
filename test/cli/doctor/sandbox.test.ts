/** What the doctor says of one sandbox. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type SandboxHealth, sandboxFindings } from "../../../src/cli/doctor/sandbox.ts";

const LIMITS = { memoryBytes: 1_000 << 20, pids: 100, diskBytes: 1_000 << 20, inodes: 1_000 };
const HEALTHY: SandboxHealth = {
  ...{
    name: "my-agent",
    found: true,
    phase: "warm",
    stopped: false,
    agent: "warm",
    lastStop: "",
    running: true,
  },
  stats: { memoryBytes: 200 << 20, pids: 20, diskBytes: 10 << 20, inodes: 50 },
  limits: LIMITS,
};

describe("doctor of a sandbox", () => {
  it("a healthy one passes every check", () =>
    assert.deepEqual(
      sandboxFindings(HEALTHY).filter(({ verdict }) => verdict !== "ok"),
      [],
    ));

  const stats = HEALTHY.stats!;
  const cases: [trouble: Partial<SandboxHealth>, name: string, verdict: string, fix: RegExp][] = [
    [{ running: false, stats: null }, "service", "fail", /nemoclaw start/],
    [{ stopped: true }, "state", "warn", /nemoclaw my-agent start/],
    [{ agent: "failed" }, "agent", "fail", /logs.*restart/],
    [{ lastStop: "oom" }, "last-end", "warn", /memoryBytes/],
    [{ lastStop: "disk" }, "last-end", "warn", /diskBytes/],
    [{ stats: { ...stats, memoryBytes: 950 << 20 } }, "memory", "warn", /memoryBytes/],
    [{ stats: { ...stats, pids: 90 } }, "processes", "warn", /limits\.pids/],
    [{ stats: { ...stats, diskBytes: 999 << 20 } }, "disk", "warn", /diskBytes/],
    [{ stats: { ...stats, inodes: 1_000 } }, "files", "warn", /inodes/],
  ];
  for (const [trouble, name, verdict, fix] of cases)
    it(`names ${JSON.stringify(trouble).slice(0, 60)} with its fix, and nothing else`, () => {
      const found = sandboxFindings({ ...HEALTHY, ...trouble }).filter((one) => one.verdict !== "ok");
      assert.deepEqual(
        found.map((one) => [one.name, one.verdict]),
        [[name, verdict]],
      );
      assert.match(found[0]?.fix ?? "", fix);
    });
});

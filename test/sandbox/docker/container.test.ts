/** The one template as a value: what differs between engines. All else is checked on real containers (test/conformance). */
import assert from "node:assert/strict";
import { cpus } from "node:os";
import { test } from "node:test";
import { sandboxContainer } from "../../../src/sandbox/docker/container.ts";
import { Limits } from "../../../src/sandbox/driver.ts";

const parts = {
  info: {
    ...{ id: `p_${"a".repeat(20)}`, name: "box", state: "stopped" as const, runName: "s_1", bootId: "b_1" },
    ...{ pid: 0, startTime: 0, uid: 5_000, limits: Limits.parse({}), lastStop: "", oomKills: 0 },
    agent: { model: "demo/demo-1", contextWindow: 131_072, maxTokens: 8_192 },
  },
  ...{ image: "i", tag: "t", containerName: "n", home: "/h", config: "/c", egress: "/e", control: "/k" },
  ...{ guest: "/g", runtime: "/r", lock: "/l", log: "/o", seccomp: "{}", program: [], lockWaitSeconds: 0 },
};

test("where systemd makes Docker's control groups, sandboxes are in the slice that the units name", () => {
  const group = (inSlice: boolean) =>
    sandboxContainer({ ...parts, hostUsers: false, inSlice }).HostConfig?.CgroupParent;
  assert.equal(group(true), "nemoclaw-sandboxes.slice");
  assert.equal(group(false), undefined);
});

test("a share of the processors is asked for as such; all there are, or more, is no cap", () => {
  const ask = (share: number) => {
    const info = { ...parts.info, limits: Limits.parse({ cpus: share }) };
    return sandboxContainer({ ...parts, info, hostUsers: false, inSlice: false }).HostConfig?.NanoCpus;
  };
  assert.deepEqual([ask(0.5), ask(0), ask(cpus().length + 1)], [500_000_000, undefined, undefined]);
});

test("a daemon that maps users is asked not to", () => {
  const mode = (hostUsers: boolean) =>
    sandboxContainer({ ...parts, hostUsers, inSlice: false }).HostConfig?.UsernsMode;
  assert.deepEqual([mode(true), mode(false)], ["host", undefined]);
});

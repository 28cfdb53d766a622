/** The one template as a value, field by field. What the kernel makes of it: real containers in test/conformance. */
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

test("every field that is asked for, and no other", () => {
  const { Labels, User, Hostname, NetworkDisabled, HostConfig } = sandboxContainer({
    ...parts,
    ...{ hostUsers: false, inSlice: false },
  });
  const {
    Mounts = [],
    MaskedPaths,
    ReadonlyPaths,
    ...rest
  } = HostConfig as NonNullable<typeof HostConfig> & {
    MaskedPaths: string[];
    ReadonlyPaths: string[];
  };
  const { memoryBytes, pids, diskBytes } = parts.info.limits;
  assert.deepEqual(Labels, {
    ...{ "ai.nemoclaw.home": "t", "ai.nemoclaw.role": "sandbox" },
    ...{ "ai.nemoclaw.sandbox": parts.info.id, "ai.nemoclaw.boot": "b_1" },
  });
  assert.deepEqual([User, Hostname, NetworkDisabled], ["5000:5000", "box", true]);
  assert.deepEqual(rest, {
    ...{ NetworkMode: "none", IpcMode: "private", CgroupnsMode: "private" },
    ...{ CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges:true", "seccomp={}"], Privileged: false },
    ...{ ReadonlyRootfs: true, OomKillDisable: false, Init: false, AutoRemove: false },
    Tmpfs: { "/tmp": `rw,exec,nosuid,nodev,mode=1777,size=${512 << 20}` },
    ...{ ShmSize: 512 << 20, Memory: memoryBytes, MemorySwap: memoryBytes, PidsLimit: pids },
    Ulimits: [
      { Name: "core", Soft: 0, Hard: 0 },
      { Name: "nofile", Soft: 16_384, Hard: 16_384 },
      { Name: "fsize", Soft: diskBytes, Hard: diskBytes },
    ],
    ...{ RestartPolicy: { Name: "" }, LogConfig: { Type: "none", Config: {} } },
  });
  assert.ok(MaskedPaths.includes("/sys") && MaskedPaths.includes("/proc/kcore"));
  assert.ok(ReadonlyPaths.includes("/proc/sys") && ReadonlyPaths.includes("/proc/sysrq-trigger"));
  const writable = Mounts.filter(({ ReadOnly }) => ReadOnly !== true).map(({ Target }) => Target);
  assert.deepEqual(writable, ["/home/sandbox", "/run/nemoclaw/log"]);
  for (const { Type, BindOptions } of Mounts)
    assert.deepEqual([Type, BindOptions?.Propagation], ["bind", "rprivate"]);
});

test("processors are limited where a limit is set", () => {
  const nano = (cpus: number) => {
    const info = { ...parts.info, limits: { ...parts.info.limits, cpus } };
    return sandboxContainer({ ...parts, info, hostUsers: false, inSlice: false }).HostConfig?.NanoCpus;
  };
  assert.deepEqual([nano(0), nano(1.5)], [undefined, 1.5e9]);
});

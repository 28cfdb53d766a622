/** What all drivers have in common, where nothing needs to run: records after trouble, limits of disks despite it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { newId } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import { AgentSpec, Limits, type SandboxInfo } from "../../../src/sandbox/driver.ts";
import type { Cage } from "../../../src/sandbox/host/cage.ts";
import { DiskLimit } from "../../../src/sandbox/host/disk-limit.ts";
import { HostDriver } from "../../../src/sandbox/host/driver.ts";
import { type DiskUse, Homes } from "../../../src/sandbox/host/homes.ts";
import { silent } from "../../helpers/redis.ts";

const home = mkdtempSync("/tmp/hd");
const paths = pathsOf(home);
after(() => rmSync(home, { recursive: true, force: true }));

test("a sandbox whose making failed once is recorded and told of when it is made", async () => {
  const work = { measure: async () => ({ diskBytes: 0, inodes: 0 }), empty: async () => {} };
  const driver = await HostDriver.open({
    most: 2,
    ...{ paths, logger: silent, plainSwap: false, watchMs: 60_000, diskMs: 60_000 },
    cage: { kind: "process", adopt: async () => new Map(), close() {} } as unknown as Cage,
    homes: new Homes({ paths, logger: silent, work, owners: undefined, uidBase: undefined }),
  });
  try {
    const heard: string[] = [];
    driver.onChange((id) => heard.push(id));
    const spec = {
      id: newId("p"),
      name: "box",
      limits: Limits.parse({}),
      agent: AgentSpec.parse({ model: "a/b" }),
    };
    const { dir } = paths.user(spec.id);
    mkdirSync(dirname(dir), { recursive: true });
    writeFileSync(dir, "in the way");
    await assert.rejects(driver.create(spec));
    rmSync(dir);
    await driver.create(spec);
    assert.equal(existsSync(join(paths.launcher.records, `${spec.id}.json`)), true);
    assert.deepEqual(heard, [spec.id]);
    await driver.create(spec);
    assert.deepEqual(heard, [spec.id], "nothing new");
  } finally {
    driver.close();
  }
});

test("a home that takes for ever to measure keeps no other from its limit", async () => {
  const info = (id: string) => ({ id, limits: { diskBytes: 10, inodes: 10 } }) as SandboxInfo;
  const slow = Promise.withResolvers<DiskUse>();
  const homes = {
    trimLog() {},
    measure: ({ id }: SandboxInfo) =>
      id.startsWith("slow") ? slow.promise : Promise.resolve({ diskBytes: 11, inodes: 1 }),
  } as unknown as Homes;
  const stopped: string[] = [];
  const round = new DiskLimit(homes, silent).enforce(
    ["slow1", "slow2", "fat1", "fat2"].map(info),
    async (id) => stopped.push(id),
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(stopped, ["fat1", "fat2"]);
  slow.resolve({ diskBytes: 1, inodes: 1 });
  await round;
  assert.deepEqual(stopped, ["fat1", "fat2"]);
});

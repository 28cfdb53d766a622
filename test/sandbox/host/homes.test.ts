/** Directories that the launcher makes for others: what their owners can't do to it. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { makeLayout } from "../../../src/cli/supervisor/layout.ts";
import { usersFor } from "../../../src/cli/supervisor/users.ts";
import { newId } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import { AgentSpec, Limits, type SandboxInfo } from "../../../src/sandbox/driver.ts";
import { Homes } from "../../../src/sandbox/host/homes.ts";
import { silent } from "../../helpers/redis.ts";

const asRoot = process.getuid?.() === 0;
const [GATEWAY, WORKER] = [1_899_999_002, 1_899_999_003];
const home = mkdtempSync("/tmp/ho");
const paths = pathsOf(home);
const secret = join(home, "secret");
after(() => rmSync(home, { recursive: true, force: true }));
beforeEach(() => {
  makeLayout(home, usersFor(process.getuid?.() ?? 0, process.getgid?.() ?? 0), asRoot);
  rmSync(secret, { recursive: true, force: true });
  mkdirSync(secret, { mode: 0o700 });
});

const homes = () =>
  new Homes({
    ...{ paths, logger: silent, uidBase: undefined },
    owners: asRoot ? { gateway: GATEWAY, worker: WORKER } : undefined,
    work: { measure: async () => ({ diskBytes: 0, inodes: 0 }), empty: async () => {} },
  });
const info = (): SandboxInfo => ({
  ...{ id: newId("p"), name: "box", state: "stopped", runName: newId("s"), bootId: "", pid: 0, startTime: 0 },
  ...{ uid: process.getuid?.() ?? 0, limits: Limits.parse({}), agent: AgentSpec.parse({ model: "a/b" }) },
  ...{ lastStop: "", oomKills: 0 },
});

for (const dirOf of ["egressDir", "controlDir"] as const)
  test(`${dirOf}: its owner can't have the launcher work on something else by a link`, () => {
    const made = homes();
    const box = info();
    const parent = dirname(paths[dirOf]("x"));
    if (asRoot) assert.equal(statSync(parent).uid, 0, "nobody but root can put a link there");
    // Left over from when the directory was theirs.
    symlinkSync(secret, paths[dirOf](box.runName));
    if (asRoot) lchownSync(paths[dirOf](box.runName), GATEWAY, GATEWAY);
    assert.throws(() => made.prepare(box), { code: "sandbox-link" });
    assert.equal(statSync(secret).mode & 0o777, 0o700);
  });

test("what is missing of recorded sandboxes is made at start, and empty rests of others are removed", () => {
  const box = info();
  const [rest, full] = [paths.controlDir(newId("s")), paths.egressDir(newId("s"))];
  for (const dir of [rest, full]) mkdirSync(dir);
  mkdirSync(join(full, "trust"));
  chmodSync(full, 0o711);
  homes().restore([box]);
  assert.equal(existsSync(rest), false);
  assert.equal(existsSync(full), true);
  for (const [dir, owner] of [
    [paths.egressDir(box.runName), GATEWAY],
    [paths.controlDir(box.runName), WORKER],
  ] as const) {
    assert.equal(statSync(dir).isDirectory(), true);
    if (asRoot) assert.equal(statSync(dir).uid, owner);
  }
});

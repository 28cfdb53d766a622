/** The spool: complete or not there, capped, swept; as root nobody but its owner can list it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Spool } from "../../src/lib/spool.ts";

let dir: string;
let spool: Spool;
beforeEach(() => {
  dir = mkdtempSync("/tmp/nc-spool-");
  spool = new Spool(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function* pieces(bytes: Buffer, failAfter?: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) {
    if (failAfter !== undefined && at >= failAfter) throw new Error("the platform hung up");
    yield bytes.subarray(at, at + 10_000);
  }
}

describe("spool", () => {
  it("gives back what it was given, with size and digest", async () => {
    const bytes = randomBytes(123_457);
    const spooled = await spool.put(pieces(bytes), { maxBytes: bytes.length });
    assert.equal(spooled.size, bytes.length);
    assert.equal(spooled.sha256, createHash("sha256").update(bytes).digest("hex"));
    const file = await spool.open(spooled);
    assert.ok(bytes.equals(await file!.readFile()));
    await file!.close();
    await spool.remove(spooled.spool, spooled.spool);
    assert.equal(await spool.open(spooled), undefined);
  });

  it("an empty file is a file", async () => {
    const spooled = await spool.put([], { maxBytes: 0 });
    const file = await spool.open(spooled);
    assert.equal((await file!.stat()).size, 0);
    await file!.close();
  });

  it("one byte too many, or a source that fails, leaves nothing behind", async () => {
    const bytes = randomBytes(20_001);
    await assert.rejects(spool.put(pieces(bytes), { maxBytes: 20_000 }), { code: "file-too-large" });
    await assert.rejects(spool.put(pieces(bytes, 10_000), { maxBytes: 1e6 }), /hung up/);
    assert.deepEqual(readdirSync(dir), []);
  });

  it("opens no name that isn't one, no link, no file of another size", async () => {
    const { spool: name, size } = await spool.put([Buffer.from("abc")], { maxBytes: 10 });
    assert.equal(await spool.open({ spool: name, size: size + 1 }), undefined);
    assert.equal(await spool.open({ spool: "../../etc/passwd", size: 1 }), undefined);
    symlinkSync("/etc/passwd", join(dir, `f_${"a".repeat(20)}`));
    await assert.rejects(spool.open({ spool: `f_${"a".repeat(20)}`, size: 1 }), { code: "ELOOP" });
  });

  it("sweeps what is old and nothing else", async () => {
    const old = await spool.put([Buffer.from("old")], { maxBytes: 10 });
    const young = await spool.put([Buffer.from("young")], { maxBytes: 10 });
    utimesSync(join(dir, old.spool), 1, 1);
    assert.equal(await spool.sweep(60_000), 1);
    assert.deepEqual(readdirSync(dir), [young.spool]);
  });

  it("as root: another service makes and opens files by name, and can't list them", async (t) => {
    if (process.getuid?.() !== 0) return t.skip("needs root: as an ordinary user all services are one user");
    const [group, worker, bridge] = [1_950_000_100, 1_950_000_101, 1_950_000_102];
    chownSync(dir, worker, group);
    chmodSync(dir, 0o1730);
    const script = `
      import { Spool } from ${JSON.stringify(join(import.meta.dirname, "../../src/lib/spool.ts"))};
      import { readdirSync } from "node:fs";
      process.umask(0o077);
      const spool = new Spool(${JSON.stringify(dir)});
      const made = await spool.put([Buffer.from("hello")], { maxBytes: 10 });
      let listed = true;
      try { readdirSync(${JSON.stringify(dir)}) } catch { listed = false }
      console.log(JSON.stringify({ ...made, listed }));`;
    const run = spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script], {
      ...{ uid: bridge, gid: group, env: {}, encoding: "utf8", cwd: "/" },
    });
    // A clone in a closed directory can't be read by other users at all.
    if (/EACCES|ERR_MODULE_NOT_FOUND/.test(run.stderr))
      return t.skip("this clone can't be read by other users");
    assert.equal(run.stderr, "");
    const made = JSON.parse(run.stdout);
    assert.equal(made.listed, false);
    const stat = statSync(join(dir, made.spool));
    assert.deepEqual([stat.uid, stat.gid, stat.mode & 0o777], [bridge, group, 0o640]);
  });
});

/**
 * Backup, uninstall, restore with the real OpenClaw (two cold starts): its session, kept in its own files, goes on in
 * the restored home. `test/cli/backup/journey.test.ts` has the details with the fake agent.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { resolveBlueprint } from "../../src/sandbox/index.ts";
import { runCommand } from "../helpers/command.ts";
import { realRuntime } from "../helpers/runtime.ts";
import { startScriptedVendor, VENDOR_KEY, vendorConfig } from "../helpers/scripted-vendor.ts";
import { makeHome, startService } from "../helpers/service.ts";

const nemoclaw = (home: string, args: string[], more: { input?: string } = {}) =>
  runCommand("nemoclaw", args, { home, ...more });

test("the real agent's conversation goes on after backup and restore", { timeout: 400_000 }, async (t) => {
  const temp = mkdtempSync(join(tmpdir(), "nc-soakbak-"));
  t.after(() => rmSync(temp, { recursive: true, force: true }));
  const file = join(temp, "backup.tar.gz");
  const vendor = await startScriptedVendor();
  t.after(() => vendor.close());
  const config = { inference: vendorConfig(vendor) };
  const service = await startService({ agent: "real", config, env: { COMPATIBLE_API_KEY: VENDOR_KEY } });
  try {
    const wrote = await service.ask("write notes.txt: remember 4711", { timeoutMs: 180_000 });
    assert.equal(wrote.kind, "final", wrote.markdown);
    const secret = { input: "a passphrase for the test\n" };
    const saved = await nemoclaw(service.home, ["backup", "-o", file, "--passphrase-stdin"], secret);
    assert.equal(saved.code, 0, saved.err);
    assert.equal((await nemoclaw(service.home, ["uninstall", "--yes"])).code, 0);
    assert.equal(existsSync(service.home), false);
  } finally {
    if (existsSync(service.home)) await service.stop();
  }

  const home = makeHome();
  const done = await nemoclaw(home, ["restore", file, "--passphrase-stdin"], {
    input: "a passphrase for the test\n",
  });
  assert.equal(done.code, 0, done.err);
  const { digest } = await resolveBlueprint(join(import.meta.dirname, "..", ".."));
  await realRuntime(join(home, "runtime", digest));
  const restored = await startService({ home });
  try {
    const before = vendor.seen.length;
    const answer = await restored.ask("run cat notes.txt", { timeoutMs: 180_000 });
    assert.match(answer.markdown, /remember 4711/);
    const sent = JSON.stringify(vendor.seen.slice(before).map(({ body }) => body));
    assert.match(sent, /write notes\.txt: remember 4711/, "the model is told what was said before");
  } finally {
    await restored.stop();
  }
});

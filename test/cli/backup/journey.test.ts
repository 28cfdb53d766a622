/**
 * The operator's journey (issue 5, Must show 5): backup of a running service, uninstall, restore on a fresh home. People,
 * rules, sessions and files are back, and the conversation goes on where it was. Agent: the fake one; the real one does
 * the same in test/soak/backup.test.ts.
 */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import type { FakeVendor } from "../../fakes/vendor/index.ts";
import { runCommand } from "../../helpers/command.ts";
import { startScriptedVendor, VENDOR_KEY, vendorConfig } from "../../helpers/scripted-vendor.ts";
import { makeHome, startService, type TestService, waitUntil } from "../../helpers/service.ts";

const nemoclaw = (home: string, args: string[], more: { input?: string } = {}) =>
  runCommand("nemoclaw", args, { home, ...more });

const PASSPHRASE = "a passphrase for the test";

describe("backup, uninstall, restore", () => {
  let temp = "";
  let file = "";
  let vendor: FakeVendor;
  let service: TestService;
  let restored: TestService | undefined;
  before(async () => {
    temp = mkdtempSync(join(tmpdir(), "nc-jrn-"));
    file = join(temp, "backup.tar.gz");
    vendor = await startScriptedVendor();
    const config = { inference: vendorConfig(vendor) };
    service = await startService({ config, env: { COMPATIBLE_API_KEY: VENDOR_KEY } });
    assert.equal((await service.ask("write notes.txt: remember 4711")).kind, "final");
    assert.equal((await nemoclaw(service.home, ["policy-add", "npm"])).code, 0);
    // The fake agent lies in the runtime, which no backup holds: it would be installed anew.
    cpSync(service.paths.runtime, join(temp, "runtime"), { recursive: true });
  });
  after(async () => {
    await restored?.stop();
    if (existsSync(service.home)) await service.stop();
    await vendor.close();
    rmSync(temp, { recursive: true, force: true });
  });

  it("backs a running service up; what is asked meanwhile is answered afterwards", async () => {
    const running = nemoclaw(
      service.home,
      ["backup", "--output", file, "--with-secrets", "--passphrase-stdin"],
      { input: `${PASSPHRASE}\n` },
    );
    await waitUntil(
      async () =>
        (await service.status()).services.some(({ name, state }) => name === "worker" && state !== "ready"),
      20_000,
      () => "the worker didn't come to rest",
    );
    const asked = service.ask("What is 17+25?");
    const { code, out, err } = await running;
    assert.equal(code, 0, err);
    assert.match(out, /backup\.tar\.gz: 1 people's files/);
    assert.doesNotMatch(out + err, new RegExp(VENDOR_KEY));
    assert.match((await asked).markdown, /42/);
    assert.equal((await service.status()).state, "ready");
  });

  it("without a service ends agents that still run, and backs up too", async () => {
    const agents = (await service.sandboxes()).filter(({ state }) => state === "running");
    assert.equal(agents.length, 1, "an agent runs");
    assert.equal((await nemoclaw(service.home, ["stop"])).code, 0);
    const cold = join(temp, "cold.tar.gz");
    const { code, err } = await nemoclaw(service.home, ["backup", "-o", cold]);
    assert.equal(code, 0, err);
    assert.match(err, /1 agents that still ran were ended/);
    assert.match(err, /Secrets are not in it/);
    service = await service.again();
  });

  it("uninstalls only when it is told to", async () => {
    const asked = await nemoclaw(service.home, ["uninstall"]);
    assert.equal(asked.code, 2);
    assert.match(asked.err, /everybody's files[\s\S]*say --yes/);
    assert.equal((await service.status()).state, "ready");
  });

  it("uninstalls all, the running service first", async () => {
    const foreign = join(service.home, "mine.txt");
    writeFileSync(foreign, "not nemoclaw's");
    const first = await nemoclaw(service.home, ["uninstall", "--yes"]);
    assert.equal(first.code, 0, first.err);
    assert.match(first.err, /left where it is: (?:\.npm, )?mine\.txt/);
    assert.equal(await service.exited(), 0);
    assert.equal(readFileSync(foreign, "utf8"), "not nemoclaw's");
    assert.equal(existsSync(service.paths.redis.dir), false);
    rmSync(service.home, { recursive: true });
  });

  it("restores on a fresh home, where everything goes on", async () => {
    const home = makeHome();
    const wrong = await nemoclaw(home, ["restore", file, "--passphrase-stdin"], {
      input: "not the passphrase\n",
    });
    assert.equal(wrong.code, 1);
    const done = await nemoclaw(home, ["restore", file, "--passphrase-stdin"], { input: `${PASSPHRASE}\n` });
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /1 people's files/);
    cpSync(join(temp, "runtime"), join(home, "runtime"), { recursive: true });
    restored = await startService({ home });

    const before = vendor.seen.length;
    assert.match((await restored.ask("run cat notes.txt")).markdown, /remember 4711/);
    const sent = JSON.stringify(vendor.seen.slice(before).map(({ body }) => body));
    assert.match(sent, /write notes\.txt: remember 4711/, "the model is told what was said before");
    const rules = await nemoclaw(home, ["policy-list"]);
    assert.match(rules.out, /● npm/);
    const notes = lstatSync(join(restored.paths.user(OPERATOR_PRINCIPAL).home, "workspace", "notes.txt"), {
      throwIfNoEntry: false,
    });
    if (notes && process.getuid?.() === 0) assert.ok(notes.uid >= 1_900_000_000);
    const audit = await nemoclaw(home, ["audit", "verify"]);
    assert.equal(audit.code, 0, audit.out + audit.err);
  });

  it("uninstalls the program's part and keeps the data", async () => {
    const { home } = restored as TestService;
    const kept = await nemoclaw(home, ["uninstall", "--yes", "--keep-data"]);
    assert.equal(kept.code, 0, kept.err);
    assert.equal(existsSync(join(home, "runtime")), false);
    assert.ok(existsSync(join(home, "users", OPERATOR_PRINCIPAL, "home")));
    mkdirSync(join(home, "runtime"));
    cpSync(join(temp, "runtime"), join(home, "runtime"), { recursive: true });
    restored = await startService({ home });
    assert.match((await restored.ask("run cat notes.txt")).markdown, /remember 4711/);
  });
});

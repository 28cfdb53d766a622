/** Parts of backup and uninstall by themselves: the box of secrets, systemd's unit. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { removeUnit } from "../../../src/cli/backup/program.ts";
import { open, seal } from "../../../src/cli/backup/secret-box.ts";
import { readSecretFiles, writeSecretFiles } from "../../../src/cli/backup/secret-files.ts";
import { planUninstall } from "../../../src/cli/backup/uninstall.ts";
import { UNIT } from "../../../src/cli/deploy/scripts.ts";
import { saveAnswers } from "../../../src/cli/onboard/state.ts";
import { usersFor } from "../../../src/cli/supervisor/users.ts";
import { Fault } from "../../../src/lib/errors.ts";
import { pathsOf } from "../../../src/lib/paths.ts";

const code = (wanted: string) => (error: unknown) => error instanceof Fault && error.code === wanted;

describe("secrets in a backup", () => {
  it("open with the passphrase only, and not when changed", () => {
    const box = seal(new Map([["gateway/a.key", Buffer.from("hush")]]), "correct horse battery");
    assert.equal(open(box, "correct horse battery").get("gateway/a.key")?.toString(), "hush");
    assert.throws(() => open(box, "correct horse batterx"), code("backup-passphrase"));
    const parts = JSON.parse(box) as { sealed: string };
    const bytes = Buffer.from(parts.sealed, "base64");
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    const other = JSON.stringify({ ...parts, sealed: bytes.toString("base64") });
    assert.throws(() => open(other, "correct horse battery"), code("backup-passphrase"));
  });

  it("never are a sandbox's CA or this machine's logins, neither read nor put back", () => {
    const paths = pathsOf(mkdtempSync(join(tmpdir(), "nc-sec-")));
    const names = ["gateway/openai.key", "gateway/ca/p_a.pem", "redis/users.acl"];
    const files = new Map(names.map((name) => [name, Buffer.from("x")]));
    for (const name of names) {
      const file = join(paths.home, "secrets", name);
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, "x");
    }
    assert.deepEqual([...readSecretFiles(paths).keys()], ["gateway/openai.key"]);
    rmSync(join(paths.home, "secrets"), { recursive: true });
    writeSecretFiles(files, paths, usersFor(0, 0));
    assert.deepEqual(
      names.filter((name) => existsSync(join(paths.home, "secrets", name))),
      ["gateway/openai.key"],
    );
    rmSync(paths.home, { recursive: true });
  });
});

it("an uninstall takes a unit of ours away, and no other", () => {
  const root = mkdtempSync(join(tmpdir(), "nc-unit-"));
  const file = join(root, "etc", "systemd", "system", "nemoclaw.service");
  mkdirSync(join(file, ".."), { recursive: true });
  const asked: string[][] = [];
  const systemctl = (args: string[]) => asked.push(args);
  writeFileSync(file, "[Service]\nExecStart=/opt/mine\n");
  assert.deepEqual(removeUnit(root, 0, systemctl), []);
  assert.ok(existsSync(file));
  writeFileSync(file, UNIT);
  assert.deepEqual(removeUnit(root, 0, systemctl), [`${file} is gone`]);
  assert.deepEqual(asked, [["disable", "nemoclaw.service"], ["daemon-reload"]]);
  assert.equal(existsSync(file), false);
  rmSync(root, { recursive: true });
});

describe("what uninstall removes", () => {
  it("includes what an interrupted onboarding left, and names only what isn't ours", () => {
    const home = mkdtempSync(join(tmpdir(), "uninstall-"));
    writeFileSync(join(home, "host-id"), "h");
    writeFileSync(join(home, "notes.txt"), "the operator's own");
    saveAnswers(pathsOf(home), { v: 1, name: "my-agent" });
    const plan = planUninstall(home, false);
    assert.deepEqual([...plan.removed].sort(), ["host-id", "onboard.json"]);
    assert.deepEqual(plan.foreign, ["notes.txt"]);
    rmSync(home, { recursive: true });
  });
});

/** `nemoclaw audit`: what it prints, its exit codes, and that nothing in a row steers the terminal. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { storedProviderKeys } from "../../src/cli/supervisor/secrets.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { auditIn, row, SANDBOX } from "../gateway/audit/helpers.ts";

const COMMAND = join(import.meta.dirname, "../../src/cli/nemoclaw.ts");

function audit(home: string, ...args: string[]) {
  return spawnSync(process.execPath, [COMMAND, "audit", ...args, "--home", home], { encoding: "utf8" });
}

it("tail shows the last rows over all files, of one sandbox if wanted, and escapes what is in them", async () => {
  using one = auditIn();
  const log = one.open({ maxBytes: 1_500 });
  for (let i = 0; i < 9; i++)
    await log.decided(row({ sandboxId: i % 2 ? "p_other" : SANDBOX, host: `h${i}.example.com` }));
  await log.decided(
    row({ host: "\u001b[2Jx\nfake", verdict: "deny", reason: "no_rule", binary: "/bin/\u202ex" }),
  );
  await log.note("tap.refused", { sandboxId: SANDBOX, by: "telegram:9" });
  await log.close();
  assert.ok(one.files().length > 2);

  const plain = audit(one.home, "tail", "-n", "3");
  assert.equal(plain.status, 0, plain.stderr);
  const lines = plain.stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3);
  assert.match(
    lines[0]!,
    /allow {2}p_a+ {2}tunnel h8\.example\.com:443 {2}by \/usr\/bin\/curl, allowed, rule example$/,
  );
  assert.match(lines[1]!, /deny .*\\u\{1b\}\[2Jx\\u\{a\}fake:443 {2}by \/bin\/\\u\{202e\}x, no_rule/);
  assert.match(lines[2]!, /tap\.refused {2}p_a+ {2}by=telegram:9$/);

  const other = audit(one.home, "tail", "--sandbox", "p_other", "--json");
  const rows = other.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    rows.map(({ host }) => host),
    ["h1", "h3", "h5", "h7"].map((name) => `${name}.example.com`),
  );
});

it("tail --follow goes on through new files", async () => {
  using one = auditIn();
  const log = one.open({ maxBytes: 800 });
  await log.decided(row({ host: "before.example.com" }));
  const child = spawn(process.execPath, [COMMAND, "audit", "tail", "--follow", "--home", one.home], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  try {
    await once(child.stdout, "data");
    for (let i = 0; i < 6; i++) await log.decided(row({ host: `n${i}.example.com` }));
    const end = Date.now() + 5_000;
    while (!out.includes("n5.example.com") && Date.now() < end) await once(child.stdout, "data");
  } finally {
    child.kill();
    await log.close();
  }
  assert.deepEqual(out.match(/\w+(?=\.example\.com)/g), ["before", "n0", "n1", "n2", "n3", "n4", "n5"]);
});

it("verify: 0 and what it covers; 1 with file, line and reason", async () => {
  using one = auditIn();
  const log = one.open();
  for (let i = 0; i < 3; i++) await log.decided(row());
  await log.close();
  const good = audit(one.home, "verify");
  assert.deepEqual([good.status, good.stderr], [0, ""]);
  assert.match(good.stdout, /^intact: 3 rows in 1 files, 1–3\nlast anchor: row 3, /);

  const file = one.files()[0]!;
  const lines = readFileSync(file, "utf8").split("\n");
  writeFileSync(file, lines.toSpliced(1, 1).join("\n"));
  const bad = audit(one.home, "verify");
  assert.equal(bad.status, 1);
  assert.ok(bad.stderr.includes(`${file}:2  row 2 is missing before row 3`), bad.stderr);
  assert.equal(JSON.parse(audit(one.home, "verify", "--json").stdout).kind, "broken");

  rmSync(one.places.keyFile);
  const blind = audit(one.home, "verify");
  assert.equal(blind.status, 1);
  assert.match(blind.stderr, /audit\.key isn't there[\s\S]*→ /);
});

it("a home without an audit is told so", () => {
  const home = mkdtempSync(join(tmpdir(), "audit2-"));
  try {
    for (const what of ["tail", "verify"]) {
      const { status, stderr } = audit(home, what);
      assert.equal(status, 1);
      assert.match(stderr, /there is no audit in [\s\S]*→ has `nemoclaw start` run/);
    }
  } finally {
    rmSync(home, { recursive: true });
  }
});

it("the audit's key is no provider's", async () => {
  using one = auditIn();
  await one.open().close();
  writeFileSync(join(one.home, "secrets", "gateway", "openai.key"), "x");
  assert.deepEqual(storedProviderKeys(pathsOf(one.home)), ["openai"]);
});

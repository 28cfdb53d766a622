/** The writer: order, rotation, restarts, torn ends, hostile text, secrets, and what a row costs. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { basename } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { verifyAudit } from "../../../src/gateway/audit/index.ts";
import { auditIn, row, SANDBOX } from "./helpers.ts";

it("an allowed row is in the file when it resolves; the close row follows; all fields are there", async () => {
  using audit = auditIn();
  const log = audit.open({ userOf: (sandbox) => `user of ${sandbox}` });
  await log.decided(
    row({ approvalId: "a_1", decidedBy: "telegram:7", sni: null, method: "GET", path: "/x" }),
  );
  const { time, mac, ...fields } = audit.rows()[0]!;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.match(String(mac), /^[0-9a-f]{64}$/);
  assert.deepEqual(fields, {
    seq: 1,
    event: "decision",
    id: "5b1d1f0e-0000-4000-8000-000000000000",
    user: `user of ${SANDBOX}`,
    sandbox: SANDBOX,
    program: "/usr/bin/curl",
    scheme: "tunnel",
    host: "api.example.com",
    port: 443,
    address: "192.0.2.1",
    method: "GET",
    path: "/x",
    verdict: "allow",
    reason: "allowed",
    layer: "operator",
    rule: "example",
    policyHash: "0123456789abcdef",
    approvalId: "a_1",
    decidedBy: "telegram:7",
    sni: null,
  });
  log.closed(row({ event: "close", bytesUp: 5, bytesDown: 7, ms: 9 }));
  await sleep(60);
  const close = audit.rows()[1]!;
  assert.deepEqual([close["event"], close["bytesUp"], close["bytesDown"], close["ms"]], ["close", 5, 7, 9]);
  await log.close();
  assert.equal(verifyAudit(audit.places).kind, "intact");
  assert.equal(statSync(audit.places.keyFile).mode & 0o777, 0o600);
  assert.equal(statSync(audit.files()[0]!).mode & 0o777, 0o600);
  await assert.rejects(async () => log.decided(row()), { code: "audit-backlog" });
});

for (const fsync of ["second", "row"] as const) {
  it(`rows are in the order in which they came, whoever waits for them (fsync ${fsync})`, async () => {
    using audit = auditIn();
    const log = audit.open({ fsync });
    const waiting: unknown[] = [];
    for (let i = 0; i < 3_000; i++) {
      if (i % 3 === 0) log.closed(row({ event: "close", ms: i }));
      else waiting.push(log.decided(row({ verdict: i % 3 === 1 ? "allow" : "deny", ms: i })));
      if (i % 250 === 0) await sleep(i % 500 === 0 ? 0 : 2);
    }
    await Promise.all(waiting);
    await log.close();
    const rows = audit.rows();
    assert.deepEqual(
      rows.map((one) => one["ms"]),
      Array.from({ length: 3_000 }, (_, i) => i),
    );
    assert.deepEqual(
      rows.map((one) => one["seq"]),
      Array.from({ length: 3_000 }, (_, i) => i + 1),
    );
    const verdict = verifyAudit(audit.places);
    assert.deepEqual([verdict.kind, verdict.unanchored], ["intact", 0]);
  });
}

it("a new file by size and by day; old ones go, and verify knows that the log removed them itself", async () => {
  using audit = auditIn();
  let now = Date.parse("2026-03-04T23:59:00Z");
  const log = audit.open({ maxBytes: 2_000, keepFiles: 4, now: () => now });
  for (let i = 0; i < 12; i++) await log.decided(row());
  now += 120_000;
  await log.decided(row());
  now -= 120_000; // The clock goes back: names don't.
  for (let i = 0; i < 24; i++) await log.decided(row());
  await log.close();
  const names = audit.files().map((file) => basename(file));
  assert.equal(names.length, 4);
  assert.ok(
    names.every((name) => name.startsWith("egress-2026-03-05-")),
    names.join(),
  );
  const verdict = verifyAudit(audit.places);
  assert.deepEqual([verdict.kind, verdict.problems, verdict.last], ["intact", [], 37]);
  assert.ok(verdict.first > 1);
  rmSync(audit.files()[0]!);
  assert.equal(verifyAudit(audit.places).kind, "broken", "but not those that somebody else removes");
});

it("number and chain go on over restarts, in the same file", async () => {
  using audit = auditIn();
  for (let i = 0; i < 3; i++) {
    const log = audit.open();
    await log.decided(row());
    await log.note("policy.revision", { revision: i });
    await log.close();
  }
  assert.equal(audit.files().length, 1);
  assert.deepEqual(
    audit.rows().map((one) => one["seq"]),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal(verifyAudit(audit.places).kind, "intact");
});

it("behind half a row it goes on in a fresh file, says so, and verify calls it torn", async () => {
  using audit = auditIn();
  const log = audit.open();
  await log.decided(row());
  await log.close();
  appendFileSync(audit.files()[0]!, '{"seq":2,"time":"20');
  const again = audit.open();
  await again.decided(row());
  await again.close();
  assert.equal(audit.files().length, 2);
  const verdict = verifyAudit(audit.places);
  assert.deepEqual([verdict.kind, verdict.torn], ["intact", [{ file: audit.files()[0]!, bytes: 19 }]]);
  const note = JSON.parse(readFileSync(audit.files()[1]!, "utf8").split("\n")[0]!);
  assert.deepEqual([note.kind, note.fields.bytes], ["audit.torn", 19]);
});

it("rows that were cut off while nothing ran stay missing after the next start", async () => {
  using audit = auditIn();
  const log = audit.open();
  for (let i = 0; i < 4; i++) await log.decided(row());
  await log.close();
  const text = readFileSync(audit.files()[0]!, "utf8");
  truncateSync(audit.files()[0]!, text.indexOf('{"seq":3'));
  const again = audit.open();
  await again.decided(row());
  await again.close();
  assert.ok(audit.logs.some((line) => line["code"] === "audit-shorter"));
  const { kind, problems } = verifyAudit(audit.places);
  assert.equal(kind, "broken");
  assert.match(problems[0]!.what, /^rows 3–4 are missing before row 5/);
});

it("a file that is removed under the running log is missed, and the log goes on in another", async () => {
  using audit = auditIn();
  const log = audit.open();
  await log.decided(row());
  rmSync(audit.files()[0]!);
  await sleep(1_300);
  await log.decided(row());
  await log.close();
  assert.equal(audit.rows()[0]!["seq"], 2);
  assert.equal(verifyAudit(audit.places).kind, "broken");
});

it("the head is anchored within a second of a row, without a close", async () => {
  using audit = auditIn();
  const log = audit.open();
  for (let i = 0; i < 5; i++) await log.decided(row());
  await sleep(1_300);
  assert.equal(verifyAudit(audit.places).anchor?.seq, 5);
  await log.decided(row());
  assert.equal(verifyAudit(audit.places).unanchored, 1);
  await log.close();
});

it("whatever is in a row, it is one line of printable ASCII that parses to the same", async () => {
  using audit = auditIn();
  const log = audit.open();
  const nasty = [
    'a\n{"seq":9}',
    "\u001b[31mred\u0007",
    'q"\\"\\',
    `","mac":"${"0".repeat(64)}"}`,
    "\u2028\u202e\u0085é𝄞",
    "\u0000\u007f\r\t",
  ];
  for (const host of nasty)
    await log.decided(row({ host, binary: host, path: host, rule: host, sni: host, reason: host }));
  await log.decided(row({ host: `x\ud800` }));
  await log.decided(row({ host: "h".repeat(100_000), port: Number.NaN }));
  await log.note("tap.refused", { sandboxId: SANDBOX, 'k"\n': nasty.join(""), n: Number.NaN, no: undefined });
  await log.close();
  assert.match(audit.text(), /^[\x20-\x7e\n]*$/);
  const rows = audit.rows();
  assert.equal(rows.length, nasty.length + 3);
  for (const [i, host] of nasty.entries()) assert.equal(rows[i]!["host"], host);
  assert.equal(rows.at(-1)!["sandbox"], SANDBOX);
  assert.ok(audit.text().length < 20_000);
  assert.equal(verifyAudit(audit.places).kind, "intact");
});

it("no secret and no query gets in", async () => {
  using audit = auditIn();
  const log = audit.open();
  const secret = "CANARY0123456789abcdefghijklmnop";
  await log.decided(row({ method: "GET", path: `/a?q=${secret}` }));
  await log.decided(row({ method: "GET", path: `/b#${secret}` }));
  await log.decided(row({ method: "GET", path: `/bot123456789:${secret}AAAA/sendMessage` }));
  await log.note("credential.added", { name: "github", header: `Bearer ${secret}`, path: `/x?${secret}` });
  await log.close();
  assert.ok(!audit.text().includes("CANARY"), audit.text());
  assert.deepEqual(
    audit
      .rows()
      .map((one) => one["path"])
      .slice(0, 2),
    ["/a", "/b"],
  );
});

it("60,000 rows, one at a time and in crowds, verify", async () => {
  using audit = auditIn();
  const log = audit.open();
  for (let i = 0; i < 20_000; i++) await log.decided(row());
  for (let i = 0; i < 400; i++) await Promise.all(Array.from({ length: 100 }, () => log.decided(row())));
  await log.close();
  assert.equal(verifyAudit(audit.places).kind, "intact");
});

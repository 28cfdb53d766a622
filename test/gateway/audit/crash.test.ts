/** What the disk and the system do to the audit: `kill -9` in the middle of writing, and a disk that is full. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { verifyAudit } from "../../../src/gateway/audit/index.ts";
import { auditIn, row } from "./helpers.ts";

/** Set in the run within a mount namespace of its own. */
const disk = process.env["AUDIT_TEST_DISK"];
const cantMount = process.getuid?.() === 0 ? false : "needs root, to mount a small disk";

it("kill -9 while rows are written: what was reported is there, it verifies, and the next start goes on", {
  skip: disk === undefined ? false : "this run is about the disk",
}, async () => {
  using audit = auditIn();
  let next = 0;
  for (let round = 0; round < 6; round++) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "killed-writer.ts"), audit.home, String(next)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await once(child.stdout, "data");
    setTimeout(() => child.kill("SIGKILL"), 50 + round * 37 + (round === 5 ? 1_200 : 0));
    await once(child, "close");
    const reported = said.split("\n").slice(0, -1).map(Number);
    assert.ok(reported.length > 40);
    const ids = new Set(audit.rows().map((one) => one["id"]));
    const missing = reported.filter((i) => !ids.has(`row-${i}`));
    assert.deepEqual(missing, []);
    assert.deepEqual(verifyAudit(audit.places).problems, []);
    next = Math.max(...reported) + 1_000_000;
  }
  assert.ok(audit.files().length > 1);
  const log = audit.open({ keepFiles: 100_000 });
  await log.decided(row());
  await log.close();
  const verdict = verifyAudit(audit.places);
  assert.deepEqual([verdict.kind, verdict.unanchored, verdict.rows], ["intact", 0, verdict.last]);
});

if (disk === undefined) {
  it("a full disk, in a mount namespace of its own", { skip: cantMount }, () => {
    using audit = auditIn();
    const script = 'mount -t tmpfs -o size=512k,mode=700 audit2 "$1" && exec "$2" --test "$3"';
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout: out, status } = spawnSync(
      "unshare",
      [
        "-m",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
        audit.home,
        process.execPath,
        import.meta.filename,
      ],
      {
        env: { ...env, AUDIT_TEST_DISK: audit.home },
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    assert.equal(status, 0, out);
    assert.match(out, /full disk: rejects/);
    assert.match(out, /fail 0/);
  });
} else {
  it("full disk: rejects, never half a row, and goes on by itself when there is room", async () => {
    assert.ok(statfsSync(disk).blocks * statfsSync(disk).bsize <= 1024 * 1024, "the small disk is mounted");
    for (const crowd of [1, 64]) {
      using audit = auditIn(disk);
      const log = audit.open({ maxBytes: 30_000 });
      await log.decided(row({ id: "first" }));
      const { bavail, bsize } = statfsSync(disk);
      // Leave room for some rows only: the end of it falls in the middle of a write.
      writeFileSync(join(disk, "filler"), Buffer.alloc((bavail - 20) * bsize));
      const written: string[] = [];
      let refused = 0;
      for (let i = 0; i < 400; i += crowd) {
        await Promise.all(
          Array.from({ length: crowd }, async (_, j) => {
            const id = `row-${i + j}`;
            try {
              await log.decided(row({ id, rule: "r".repeat(300) }));
              written.push(id);
            } catch (error) {
              assert.equal((error as { code?: string }).code, "audit-unwritable");
              refused += 1;
            }
          }),
        );
      }
      assert.ok(refused > 100 && written.length > 10, `${refused} refused, ${written.length} written`);
      assert.equal(log.decided(row({ verdict: "deny" })), undefined);
      log.closed(row({ event: "close" }));
      await Promise.resolve(log.decided(row())).catch(() => {});
      // Once per stretch: a short row may still find room between long ones.
      const said = audit.logs.filter((line) => line["code"] === "audit-unwritable").length;
      assert.ok(said >= 1 && said <= 3, `said ${said} times for ${refused} rows`);

      rmSync(join(disk, "filler"));
      await log.decided(row({ id: "after" }));
      await log.close();
      const rows = audit.rows();
      const ids = rows.map((one) => one["id"]).filter((id) => String(id).startsWith("row-"));
      assert.deepEqual(ids, written, "exactly those that were reported as written");
      const lost = rows
        .filter((one) => one["kind"] === "audit.lost")
        .map((one) => Number((one["fields"] as Record<string, unknown>)["decisions"]));
      assert.ok(lost.reduce((sum, count) => sum + count, 0) >= refused, `${lost} of ${refused}`);
      assert.equal(rows.at(-1)!["id"], "after");
      const verdict = verifyAudit(audit.places);
      assert.deepEqual([verdict.problems, verdict.torn], [[], []]);
    }
  });
}

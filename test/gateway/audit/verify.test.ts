/** The chain as a property: what was written verifies; any single change before the last anchor is found. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { it } from "node:test";
import fc from "fast-check";
import { worthKeeping } from "../../../src/gateway/audit/anchors.ts";
import { verifyAudit } from "../../../src/gateway/audit/index.ts";
import { auditIn, row } from "./helpers.ts";

const ROWS = 40;

/** An audit of several files and its untouched text. */
async function written() {
  const audit = auditIn();
  const log = audit.open({ maxBytes: 6_000 });
  for (let i = 0; i < ROWS; i++) await log.decided(row({ ms: i, host: `h${i % 7}.example.com` }));
  await log.close();
  const files = audit.files();
  const original = files.map((file) => readFileSync(file, "utf8"));
  const restore = () => {
    for (const [i, file] of files.entries()) writeFileSync(file, original[i]!);
  };
  return { audit, files, original, restore };
}

type Change = { kind: string; apply(lines: string[]): string[] };
const at = fc.nat({ max: ROWS - 1 });
const index = (i: number, lines: string[]) => i % lines.length;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(at, fc.nat(), fc.integer({ min: 33, max: 126 })).map(([i, where, code]) => ({
    kind: `edit ${i} ${where} ${code}`,
    apply: (lines: string[]) => {
      const line = lines[index(i, lines)]!;
      const spot = where % line.length;
      return lines.with(
        index(i, lines),
        line.slice(0, spot) + String.fromCharCode(code) + line.slice(spot + 1),
      );
    },
  })),
  at.map((i) => ({ kind: `delete ${i}`, apply: (lines: string[]) => lines.toSpliced(index(i, lines), 1) })),
  fc.tuple(at, at).map(([i, j]) => ({
    kind: `swap ${i} ${j}`,
    apply: (lines: string[]) => {
      const [a, b] = [index(i, lines), index(j, lines)];
      return lines.with(a, lines[b]!).with(b, lines[a]!);
    },
  })),
  fc.tuple(at, at).map(([i, j]) => ({
    kind: `insert a copy of ${i} at ${j}`,
    apply: (lines: string[]) => lines.toSpliced(index(j, lines), 0, lines[index(i, lines)]!),
  })),
  fc.tuple(at, fc.string()).map(([i, text]) => ({
    kind: `insert at ${i}`,
    apply: (lines: string[]) => lines.toSpliced(index(i, lines), 0, text.replaceAll("\n", "")),
  })),
  fc.tuple(at, fc.stringMatching(/^[0-9a-f]{64}$/)).map(([i, mac]) => ({
    kind: `forge ${i}`,
    apply: (lines: string[]) => {
      const before = /"seq":(\d+)/.exec(lines[index(i, lines)]!)![1];
      const forged = `{"seq":${before},"time":"x","event":"decision","verdict":"deny","mac":"${mac}"}`;
      return lines.toSpliced(index(i, lines), 0, forged);
    },
  })),
  at.map((i) => ({ kind: `cut to ${i}`, apply: (lines: string[]) => lines.slice(0, index(i, lines)) })),
);

it("untouched, it verifies; any single change before the last anchor is found", async () => {
  const { audit, files, original, restore } = await written();
  using _ = audit;
  assert.ok(files.length > 2);
  assert.deepEqual(verifyAudit(audit.places).problems, []);
  fc.assert(
    fc.property(fc.nat({ max: files.length - 1 }), change, (which, { apply }) => {
      const lines = original[which]!.split("\n").slice(0, -1);
      const changed = apply(lines)
        .map((line) => `${line}\n`)
        .join("");
      fc.pre(changed !== original[which]);
      writeFileSync(files[which]!, changed, "utf8");
      try {
        const { kind, problems } = verifyAudit(audit.places);
        assert.equal(kind, "broken");
        assert.ok(problems[0]!.file.includes(audit.home) && problems[0]!.what);
      } finally {
        restore();
      }
    }),
    { numRuns: 600 },
  );
  assert.equal(verifyAudit(audit.places).kind, "intact");
});

it("any cut in the middle of bytes and any missing or exchanged file is found", async () => {
  const { audit, files, original, restore } = await written();
  using _ = audit;
  for (let bytes = 0; bytes < original.at(-1)!.length; bytes += 37) {
    truncateSync(files.at(-1)!, bytes);
    assert.equal(verifyAudit(audit.places).kind, "broken", `${bytes} bytes left`);
    restore();
  }
  for (const file of files) {
    rmSync(file);
    assert.equal(verifyAudit(audit.places).kind, "broken");
    restore();
  }
  writeFileSync(files[0]!, original[1]!);
  writeFileSync(files[1]!, original[0]!);
  assert.equal(verifyAudit(audit.places).kind, "broken");
  for (const file of files) rmSync(file);
  assert.match(verifyAudit(audit.places).problems[0]!.what, /^rows 1–40 are missing at the end/);
});

it("names the file and line, and what is wrong", async () => {
  const { audit, files, original } = await written();
  using _ = audit;
  writeFileSync(files[1]!, original[1]!.replace('"verdict":"allow"', '"verdict":"deny"'));
  const { problems } = verifyAudit(audit.places);
  assert.deepEqual([problems.length, problems[0]!.file, problems[0]!.line], [1, files[1], 1]);
  assert.match(problems[0]!.what, /was changed or inserted/);
});

it("changed, missing and foreign anchors are found; a cut last anchor is nobody's fault", async () => {
  const { audit } = await written();
  using _ = audit;
  const file = audit.places.anchorsFile;
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace(/"seq":\d+/, '"seq":1'));
  assert.match(verifyAudit(audit.places).problems[0]!.what, /this anchor was changed/);
  writeFileSync(file, `${text}{"kind":"ti`);
  assert.equal(verifyAudit(audit.places).kind, "intact");
  await audit.open().close();
  assert.equal(verifyAudit(audit.places).kind, "intact", "and the next start takes it out");
  rmSync(file);
  assert.match(verifyAudit(audit.places).problems[0]!.what, /there is no anchor/);
  const log = audit.open();
  await log.decided(row());
  await log.close();
  assert.ok(audit.text().includes('"kind":"audit.unanchored"'));
});

it("rows written with another key don't pass", async () => {
  using one = auditIn();
  using other = auditIn();
  for (const audit of [one, other]) {
    const log = audit.open();
    await log.decided(row());
    await log.close();
  }
  writeFileSync(one.files()[0]!, readFileSync(other.files()[0]!));
  assert.equal(verifyAudit(one.places).kind, "broken");
  rmSync(one.places.keyFile);
  assert.equal(verifyAudit(one.places).kind, "no-key");
});

it("of the anchors those are kept that still prove something", () => {
  const anchor = (kind: "open" | "tick" | "hour" | "rotate" | "prune" | "close", seq: number) => ({
    kind,
    time: "t",
    seq,
    head: "0".repeat(64),
    file: "f",
  });
  const all = [
    anchor("open", 0),
    anchor("rotate", 5),
    anchor("tick", 7),
    anchor("rotate", 9),
    anchor("prune", 5),
    anchor("tick", 11),
    anchor("hour", 11),
    anchor("close", 12),
    anchor("tick", 13),
  ];
  assert.deepEqual(
    worthKeeping(all).map(({ kind, seq }) => `${kind} ${seq}`),
    ["rotate 9", "prune 5", "hour 11", "close 12", "tick 13"],
  );
});

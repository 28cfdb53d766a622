/** The transcript: written once per id, durable, bounded. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type NewEntry, Transcript } from "../../../src/bridges/console/transcript.ts";

describe("transcript", () => {
  let dir: string;
  const entry = (id: string): NewEntry => ({
    id,
    chat: "main",
    role: "final",
    markdown: `text ${id}`,
    replyTo: "",
    turnId: "",
  });
  before(() => {
    dir = mkdtempSync("/tmp/nct-");
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("takes an id once, also at the same time and after a restart", async () => {
    const file = join(dir, "a", "t.jsonl");
    let transcript = await Transcript.open(file);
    const heard: string[] = [];
    transcript.listen((one) => heard.push(one.id));
    await Promise.all([
      transcript.append(entry("x")),
      transcript.append(entry("x")),
      transcript.append(entry("y")),
    ]);
    await transcript.close();
    transcript = await Transcript.open(file);
    await transcript.append(entry("x"));
    await transcript.append(entry("z"));
    assert.deepEqual(
      transcript.after(0).map(({ id, seq }) => [id, seq]),
      [
        ["x", 1],
        ["y", 2],
        ["z", 3],
      ],
    );
    assert.deepEqual(
      transcript.after(2).map(({ id }) => id),
      ["z"],
    );
    assert.deepEqual(heard, ["x", "y"]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await transcript.close();
  });

  it("drops old lines and keeps counting", async () => {
    const file = join(dir, "b", "t.jsonl");
    const transcript = await Transcript.open(file);
    for (let i = 1; i <= 2_005; i++) await transcript.append(entry(`e${i}`));
    const lines = readFileSync(file, "utf8").trim().split("\n");
    assert.ok(lines.length < 1_100, `${lines.length} lines`);
    assert.equal(transcript.lastSeq, 2_005);
    await transcript.close();
    const again = await Transcript.open(file);
    assert.equal(again.lastSeq, 2_005);
    assert.equal(again.after(0).length, 1_000);
    await again.close();
  });
});

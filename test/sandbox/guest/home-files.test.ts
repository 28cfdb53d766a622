/** Files cross by pieces; no path, link or device leads out of the home. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { getFile, putFile } from "../../../src/sandbox/guest/home-files.ts";
import { forgetOutbox, listFiles, takeOutbox } from "../../../src/sandbox/guest/home-list.ts";
import { FILE_CHUNK, LIST_PAGE } from "../../../src/sandbox/guest/protocol.ts";
import { Turns } from "../../../src/sandbox/guest/turns.ts";

const dir = mkdtempSync("/tmp/hf-");
const home = join(dir, "home");
mkdirSync(join(home, "sub"), { recursive: true });
writeFileSync(join(dir, "secret"), "outside");
after(() => rmSync(dir, { recursive: true, force: true }));

test("a file in pieces arrives whole and appears only then; reading gives the same bytes", async () => {
  const bytes = Buffer.from(Array.from({ length: FILE_CHUNK * 2 + 17 }, (_, i) => i % 251));
  for (let at = 0; at < bytes.length; at += FILE_CHUNK) {
    const last = at + FILE_CHUNK >= bytes.length;
    assert.throws(() => readFileSync(join(home, "in/x.bin")), /ENOENT/);
    await putFile(home, "in/x.bin", at, bytes.subarray(at, at + FILE_CHUNK), { last });
  }
  const read: Buffer[] = [];
  for (let at = 0, eof = false; !eof; ) {
    const piece = await getFile(home, "in/x.bin", at);
    assert.equal(piece.size, bytes.length);
    read.push(piece.data);
    at += piece.data.length;
    eof = piece.eof;
  }
  assert.deepEqual(Buffer.concat(read), bytes);
});

test("a piece at the wrong place is refused, the first piece starts anew", async () => {
  await putFile(home, "y", 0, Buffer.from("aaaa"), { last: false });
  await assert.rejects(putFile(home, "y", 2, Buffer.from("b"), { last: true }), /begins at 4/);
  await putFile(home, "y", 0, Buffer.from("c"), { last: true });
  assert.equal(readFileSync(join(home, "y"), "utf8"), "c");
});

test("nothing outside the home is read or written", async () => {
  symlinkSync(join(dir, "secret"), join(home, "link"));
  symlinkSync(dir, join(home, "out"));
  symlinkSync(join(dir, "made"), join(home, ".target.nemoclaw-part"));
  execFileSync("mkfifo", [join(home, "fifo")]);
  for (const path of [
    "link",
    "out/secret",
    "../secret",
    "/etc/passwd",
    "sub/../../secret",
    "",
    ".",
    "a\0b",
  ]) {
    await assert.rejects(getFile(home, path, 0), Error, path);
    if (path !== "link")
      await assert.rejects(putFile(home, path, 0, Buffer.from("x"), { last: true }), Error, path);
  }
  await assert.rejects(putFile(home, "target", 0, Buffer.from("x"), { last: true }), /ELOOP/);
  await assert.rejects(getFile(home, "fifo", 0), /not a plain file/);
  await assert.rejects(getFile(home, "sub", 0), /not a plain file/);
  // Writing where a link stands replaces the link, never what it points to.
  await putFile(home, "link", 0, Buffer.from("mine"), { last: true });
  assert.equal(readFileSync(join(dir, "secret"), "utf8"), "outside");
  assert.equal(readFileSync(join(home, "link"), "utf8"), "mine");
});

test("fresh: never over another file, the same bytes only once", async () => {
  const put = (text: string) =>
    putFile(home, "inbox/a.b.txt", 0, Buffer.from(text), { last: true, fresh: true, mode: 0o4755 });
  assert.equal((await put("one")).path, "inbox/a.b.txt");
  assert.equal((await put("one")).path, "inbox/a.b.txt");
  assert.equal((await put("two")).path, "inbox/a.b (2).txt");
  symlinkSync(join(dir, "secret"), join(home, "inbox/a.b (3).txt"));
  assert.equal((await put("outside")).path, "inbox/a.b (4).txt");
  assert.equal(readFileSync(join(home, "inbox/a.b.txt"), "utf8"), "one");
  assert.deepEqual(
    readdirSync(join(home, "inbox")).filter((name) => name.startsWith(".")),
    [],
  );
  assert.equal(statSync(join(home, "inbox/a.b.txt")).mode & 0o7777, 0o755);
});

test("lists in pages, names links without following them", async () => {
  const tree = join(dir, "tree");
  mkdirSync(join(tree, "b/deep"), { recursive: true });
  for (let i = 0; i < LIST_PAGE + 50; i++) writeFileSync(join(tree, "b/deep", `${i}`.padStart(4, "0")), "x");
  writeFileSync(join(tree, "b.txt"), "after b and what it holds");
  symlinkSync(dir, join(tree, "a-link"));
  const first = await listFiles(tree, "", true, "");
  assert.deepEqual([first.files.length, first.eof], [LIST_PAGE, false]);
  const second = await listFiles(tree, "", true, first.files.at(-1)!.path);
  assert.equal(second.eof, true);
  const all = [...first.files, ...second.files].map(({ path }) => path);
  assert.equal(new Set(all).size, LIST_PAGE + 50 + 4);
  assert.deepEqual([all[0], all[1], all[2], all.at(-1)], ["a-link", "b", "b/deep", "b.txt"]);
  assert.equal(first.files[0]?.kind, "other");
  const flat = await listFiles(tree, "", false, "");
  assert.deepEqual(
    flat.files.map(({ path }) => path),
    ["a-link", "b", "b.txt"],
  );
  assert.deepEqual((await listFiles(tree, "b.txt", true, "")).files, [
    { path: "b.txt", kind: "file", size: 25, mode: 0o644 },
  ]);
  await assert.rejects(listFiles(tree, "a-link/home", true, ""), /ELOOP|ENOTDIR/);
});

test("two turns at once: an answer takes the files that it names, the last one the rest", async () => {
  const turns = new Turns(
    async () => {},
    () => {},
  );
  const begin = (turnId: string) =>
    turns.start({
      ...{ turnId, fence: 1, sessionKey: `${turnId}:1`, text: "t", mode: "warm", timeoutMs: 1_000 },
    });
  const take = async (turnId: string) =>
    (await takeOutbox(home, turnId, turns.takesFiles(turnId))).map(({ path }) => path);
  const put = (name: string) => {
    mkdirSync(join(home, "outbox"), { recursive: true });
    writeFileSync(join(home, "outbox", name), name);
  };
  const [first, second] = [begin("t_a"), begin("t_b")];
  for (const name of ["secret-of-a.pdf", "chart.png"]) put(name);
  second.end({ kind: "final", text: "I made `chart.png`." });
  assert.deepEqual(await take("t_b"), ["chart.png"]);
  put("late.txt");
  first.end({ kind: "final", text: "Done." });
  // It has answered, but its files were not asked for yet.
  const third = begin("t_c");
  third.end({ kind: "final", text: "Hello." });
  assert.deepEqual(await take("t_c"), []);
  assert.deepEqual(await take("t_a"), ["late.txt", "secret-of-a.pdf"]);
  // A turn that fails will ask for nothing: it holds nobody up.
  begin("t_d").end({ kind: "failed", code: "agent-error", message: "", retryable: false });
  put("after.txt");
  begin("t_e").end({ kind: "final", text: "" });
  assert.deepEqual(await take("t_e"), ["after.txt"]);
  rmSync(join(home, "outbox"), { recursive: true });
});

test("the outbox is taken once per turn, plain files only, and forgotten", async () => {
  assert.deepEqual(await takeOutbox(home, "t_1"), []);
  mkdirSync(join(home, "outbox/dir"), { recursive: true });
  writeFileSync(join(home, "outbox/r.pdf"), "report");
  symlinkSync(join(dir, "secret"), join(home, "outbox/stolen"));
  const taken = await takeOutbox(home, "t_1");
  assert.deepEqual(
    taken.map(({ path, size }) => [path, size]),
    [["r.pdf", 6]],
  );
  writeFileSync(join(home, "outbox/next.txt"), "of the next turn");
  assert.deepEqual((await takeOutbox(home, "t_2")).length, 1);
  assert.deepEqual(await takeOutbox(home, "t_1"), taken, "the same again");
  assert.equal((await getFile(home, "outbox/.sent/t_1/r.pdf", 0)).data.toString(), "report");
  await forgetOutbox(home, "t_1");
  assert.deepEqual(await takeOutbox(home, "t_1"), []);
  await assert.rejects(takeOutbox(home, "../../x"), /turn's id/);
  rmSync(join(home, "outbox"), { recursive: true });
  symlinkSync(dir, join(home, "outbox"));
  assert.deepEqual(await takeOutbox(home, "t_3"), [], "an outbox that is a link is none");
});

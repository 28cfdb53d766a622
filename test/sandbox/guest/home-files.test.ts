/** Files cross by pieces; no path, link or device leads out of the home. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { getFile, putFile } from "../../../src/sandbox/guest/home-files.ts";
import { FILE_CHUNK } from "../../../src/sandbox/guest/protocol.ts";

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
    await putFile(home, "in/x.bin", at, bytes.subarray(at, at + FILE_CHUNK), last);
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
  await putFile(home, "y", 0, Buffer.from("aaaa"), false);
  await assert.rejects(putFile(home, "y", 2, Buffer.from("b"), true), /begins at 4/);
  await putFile(home, "y", 0, Buffer.from("c"), true);
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
    if (path !== "link") await assert.rejects(putFile(home, path, 0, Buffer.from("x"), true), Error, path);
  }
  await assert.rejects(putFile(home, "target", 0, Buffer.from("x"), true), /ELOOP/);
  await assert.rejects(getFile(home, "fifo", 0), /not a plain file/);
  await assert.rejects(getFile(home, "sub", 0), /not a plain file/);
  // Writing where a link stands replaces the link, never what it points to.
  await putFile(home, "link", 0, Buffer.from("mine"), true);
  assert.equal(readFileSync(join(dir, "secret"), "utf8"), "outside");
  assert.equal(readFileSync(join(home, "link"), "utf8"), "mine");
});

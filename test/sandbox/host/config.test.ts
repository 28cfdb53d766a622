/** Copies that sandboxes read of what lies where they can't go: readable, whatever the launcher's umask is. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { readableBySandboxes } from "../../../src/sandbox/host/config.ts";

for (const part of ["bin/node", "."])
  test(`a copy of ${part} can be read and run by others under a strict umask`, () => {
    const [source, home] = [mkdtempSync("/tmp/cs"), mkdtempSync("/tmp/ch")];
    const umask = process.umask(0o077);
    try {
      chmodSync(home, 0o711);
      mkdirSync(join(source, "bin"));
      writeFileSync(join(source, "bin/node"), "#!", { mode: 0o700 });
      const copy = readableBySandboxes(source, join(home, "lib"), [part], true);
      const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
      assert.equal(mode(join(copy, "bin/node")), "755");
      for (const dir of [dirname(copy), copy, join(copy, "bin")]) assert.equal(mode(dir), "755", dir);
    } finally {
      process.umask(umask);
      for (const dir of [source, home]) rmSync(dir, { recursive: true, force: true });
    }
  });

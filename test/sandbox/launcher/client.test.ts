/** The client of a launcher that says what can't be understood: a request fails, the process that asked goes on. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";

for (const line of ["no json", "{}", '{"event":"sandbox","sandboxId":"p","info":{"new":"shape"}}'])
  test(`an answer of another release: ${line}`, async () => {
    const dir = mkdtempSync("/tmp/lc");
    let asked = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => {
        // The second launcher is ours again.
        socket.write(asked++ === 0 ? `${line}\n` : `{"id":1,"ok":true,"result":[]}\n`);
      });
    });
    const path = join(dir, "l.sock");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const client = new LauncherClient({ socket: path, timeoutMs: 5_000 });
    try {
      assert.deepEqual(await client.list(), []);
      assert.equal(asked, 2);
    } finally {
      client.close();
      server.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

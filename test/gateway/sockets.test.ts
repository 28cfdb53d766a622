/** What a sandbox may read is there before its socket is, and a failure there doesn't keep the socket away. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";
import pino from "pino";
import { EgressSockets } from "../../src/gateway/sockets.ts";
import { pathsOf } from "../../src/lib/paths.ts";

for (const fails of [false, true]) {
  test(`prepare comes before the socket${fails ? "; it may fail" : ""}`, async () => {
    const home = mkdtempSync("/tmp/so");
    const paths = pathsOf(home);
    const prepared: [string, string, boolean][] = [];
    let handedOver = 0;
    const sockets = new EgressSockets({
      paths,
      logger: pino({ level: "silent" }),
      launcher: { handOver: async () => ++handedOver },
      prepare: (id, dir) => {
        prepared.push([id, dir, existsSync(paths.egressSocket("run-name-1"))]);
        if (fails) throw new Error("disk full");
      },
      serve: () => createServer(),
      forget: () => {},
    });
    try {
      sockets.update("p_a", { id: "p_a", runName: "run-name-1" });
      assert.deepEqual(prepared, [["p_a", paths.egressDir("run-name-1"), false]]);
      assert.deepEqual(sockets.listening, ["p_a"]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(handedOver, 1);
      assert.ok(existsSync(paths.egressSocket("run-name-1")));
    } finally {
      sockets.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
}

test("what lay beside a destroyed sandbox's socket goes with it", async () => {
  const home = mkdtempSync("/tmp/so");
  const paths = pathsOf(home);
  const sockets = new EgressSockets({
    ...{ paths, logger: pino({ level: "silent" }), launcher: { handOver: async () => 1 } },
    prepare: (_, dir) => void mkdirSync(`${dir}/trust`),
    ...{ serve: () => createServer(), forget: () => {} },
  });
  try {
    sockets.update("p_a", { id: "p_a", runName: "run-name-1" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    sockets.update("p_a", null);
    assert.deepEqual(readdirSync(paths.egressDir("run-name-1")), []);
  } finally {
    sockets.close();
    rmSync(home, { recursive: true, force: true });
  }
});

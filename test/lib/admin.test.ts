/** The admin socket: who may open it, one object per line, limits, and errors that an operator can act on. */
import assert from "node:assert/strict";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { adminCall } from "../../src/lib/admin/client.ts";
import { adminMethod } from "../../src/lib/admin/methods.ts";
import { type AdminServer, serveAdmin } from "../../src/lib/admin/server.ts";
import { MAX_REQUEST } from "../../src/lib/admin/wire.ts";
import { Fault } from "../../src/lib/errors.ts";
import { scratch } from "../gateway/policy/live-kit.ts";
import { silent } from "../helpers/redis.ts";

const dir = scratch();
const path = join(dir.dir, "gateway", "admin.sock");
let server: AdminServer;
const methods = {
  echo: adminMethod(z.strictObject({ text: z.string().default("none") }), async (given) => given),
  slow: adminMethod(z.strictObject({ ms: z.number() }), async ({ ms }) => sleep(ms, "done")),
  refuse: adminMethod(z.strictObject({}), async () => {
    throw new Fault({ code: "no-way", message: "it can't be", hint: "do otherwise" });
  }),
  crash: adminMethod(z.strictObject({}), async () => {
    throw new Error("secret detail /etc/x");
  }),
  huge: adminMethod(z.strictObject({}), async () => "x".repeat(17 * 1024 * 1024)),
};

before(async () => {
  server = await serveAdmin(path, methods, silent);
});
after(async () => {
  await server.close();
  dir.remove();
});

/** Sends bytes, reads everything until the server ends the connection or `lines` have come. */
async function talk(bytes: string | Buffer, lines = 1): Promise<Record<string, unknown>[]> {
  const peer = connect(path);
  peer.on("error", () => {});
  peer.write(bytes);
  const got: Record<string, unknown>[] = [];
  for await (const line of createInterface({ input: peer })) {
    got.push(JSON.parse(line) as Record<string, unknown>);
    if (got.length === lines) break;
  }
  peer.destroy();
  return got;
}
const request = (id: unknown, method: string, params: unknown = {}) =>
  `${JSON.stringify({ id, method, params })}\n`;
const codeOf = (reply: Record<string, unknown> | undefined) =>
  (reply?.["error"] as { code: string } | undefined)?.code;

describe("the admin socket", () => {
  it("is its owner's alone", () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  });
  it("answers, several requests on one connection, out of order when one is slow", async () => {
    assert.deepEqual(await adminCall(path, "echo", { text: "hi" }), { text: "hi" });
    assert.deepEqual(await adminCall(path, "echo"), { text: "none" });
    const got = await talk(request("a", "slow", { ms: 50 }) + request(2, "echo", { text: "x" }), 2);
    assert.deepEqual(got, [
      { id: 2, ok: true, result: { text: "x" } },
      { id: "a", ok: true, result: "done" },
    ]);
  });
  it("takes a request in pieces", async () => {
    const peer = connect(path);
    const replies = createInterface({ input: peer })[Symbol.asyncIterator]();
    for (const byte of Buffer.from(request(1, "echo", { text: "ümlaut" }))) {
      peer.write(Buffer.from([byte]));
      await sleep(1);
    }
    const { value } = (await replies.next()) as { value: string };
    assert.deepEqual(JSON.parse(value), { id: 1, ok: true, result: { text: "ümlaut" } });
    peer.destroy();
  });
  const BAD: [name: string, bytes: string, code: string][] = [
    ["no JSON", "hello\n", "bad-request"],
    ["no object", "[1]\n", "bad-request"],
    ["another shape", '{"id":1,"method":"echo","params":{},"more":1}\n', "bad-request"],
    ["an unknown method", request(1, "policy.nuke"), "unknown-method"],
    ["a property of all objects", request(1, "constructor"), "unknown-method"],
    ["wrong parameters", request(1, "echo", { text: 5 }), "bad-params"],
    ["unknown parameters", request(1, "echo", { txet: "x" }), "bad-params"],
    ["a method that fails for a reason", request(1, "refuse"), "no-way"],
    ["a method that crashes", request(1, "crash"), "internal"],
    ["an answer that is too long", request(1, "huge"), "reply-too-long"],
  ];
  for (const [name, bytes, code] of BAD) {
    it(`${name}: ${code}, and the connection goes on`, async () => {
      const [first, second] = await talk(bytes + request(2, "echo"), 2).then((both) =>
        both.sort((a) => (a["ok"] ? 1 : -1)),
      );
      assert.equal(codeOf(first), code);
      assert.ok(!JSON.stringify(first).includes("secret detail"));
      assert.deepEqual(second, { id: 2, ok: true, result: { text: "none" } });
    });
  }
  it("a line without an end is cut off at the limit, others go on", async () => {
    const got = await talk(Buffer.alloc(MAX_REQUEST + 2, 97), 5);
    assert.deepEqual(got.map(codeOf), ["too-long"], "and the connection is ended");
    assert.deepEqual(await adminCall(path, "echo"), { text: "none" });
  });
  it("has a limit of requests at once on a connection, and of connections", async () => {
    const many = Array.from({ length: 20 }, (_, i) => request(i, "slow", { ms: 100 })).join("");
    const got = await talk(many, 20);
    assert.equal(got.filter((reply) => !reply["ok"] && codeOf(reply) === "too-many-requests").length, 4);
    const peers = Array.from({ length: 32 }, () => connect(path));
    await Promise.all(peers.map((peer) => new Promise((resolve) => peer.once("connect", resolve))));
    await sleep(20);
    const refused = await talk("");
    assert.equal(codeOf(refused[0]), "too-many-connections");
    for (const peer of peers) peer.destroy();
    await sleep(20);
    assert.deepEqual(await adminCall(path, "echo"), { text: "none" });
  });
  it("a socket that a dead gateway left is replaced", async () => {
    const stale = dir.file("stale.sock");
    writeFileSync(stale, "");
    chmodSync(stale, 0o644);
    const again = await serveAdmin(stale, methods, silent);
    assert.deepEqual(await adminCall(stale, "echo"), { text: "none" });
    await again.close();
  });
});

describe("asking", () => {
  const code = (wanted: string, hint?: RegExp) => (error: unknown) => {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, wanted);
    if (hint) assert.match(error.hint ?? "", hint);
    return true;
  };
  it("says when nobody listens, when it takes too long, and why it was refused", async () => {
    await assert.rejects(
      adminCall(dir.file("none.sock"), "echo"),
      code("service-not-running", /nemoclaw start/),
    );
    await assert.rejects(adminCall(path, "slow", { ms: 500 }, { timeoutMs: 50 }), code("admin-timeout"));
    await assert.rejects(adminCall(path, "refuse"), code("no-way", /do otherwise/));
  });
  it("can be given up, before and while it waits", async () => {
    const end = new AbortController();
    const asked = adminCall(path, "slow", { ms: 5_000 }, { signal: end.signal });
    const since = performance.now();
    setTimeout(() => end.abort(), 20);
    await assert.rejects(asked, code("admin-cancelled"));
    assert.ok(performance.now() - since < 2_000);
    await assert.rejects(adminCall(path, "echo", {}, { signal: end.signal }), code("admin-cancelled"));
  });
  it("says when the gateway ends meanwhile", async () => {
    const short = await serveAdmin(dir.file("short.sock"), methods, silent);
    const asked = adminCall(dir.file("short.sock"), "slow", { ms: 5_000 });
    await sleep(50);
    await Promise.all([assert.rejects(asked, code("admin-lost")), short.close()]);
  });
});

/**
 * Tunnels at the moments when one part of the proxy hands a connection to the next, and when one side leaves before the
 * other has all: no byte is lost, nothing stays behind.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import type { PolicyPort } from "../../src/gateway/egress/proxy/ports.ts";
import type { Harness, HarnessOptions } from "./harness.ts";
import { policyOf } from "./harness.ts";
import { CONNECT, GET, withProxy } from "./proxy-kit.ts";

const POLICY = policyOf(
  "version: 1\nnetwork_policies: { raw: { endpoints: [{ host: raw.example.com, port: 443, tls: skip }] } }",
);
const HEAD = CONNECT("raw.example.com:443");
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const closeRows = ({ rows }: Harness) => rows.filter(({ event }) => event === "close");

/** An upstream that keeps what it got, in the order of connections. */
function keeping(): { raw: NonNullable<HarnessOptions["raw"]>; got: Buffer[] } {
  const got: Buffer[] = [];
  const raw = (socket: Socket) => {
    const at = got.push(Buffer.alloc(0)) - 1;
    socket.on("data", (piece: Buffer) => {
      got[at] = Buffer.concat([got[at] as Buffer, piece]);
    });
    socket.on("end", () => socket.end());
  };
  return { raw, got };
}

describe("handing over", () => {
  it("a head that comes in two pieces, cut anywhere, takes none of the bytes behind it", async () => {
    const { raw, got } = keeping();
    const bytes = randomBytes(5_000);
    const all = Buffer.concat([Buffer.from(HEAD), bytes]);
    await withProxy({ policy: POLICY, raw }, async (harness) => {
      for (let cut = 1; cut <= HEAD.length + 1; cut++) {
        const client = harness.client().send(all.subarray(0, cut));
        await sleep(3);
        client.send(all.subarray(cut));
        assert.ok(await client.until(() => got[cut - 1]?.length === bytes.length), `cut at ${cut}`);
        assert.deepEqual(got[cut - 1], bytes);
        client.socket.destroy();
      }
    });
  });

  it("more than the reader keeps, sent before upstream is dialled, arrives whole and in order", async () => {
    const { raw, got } = keeping();
    const bytes = randomBytes(700_000);
    const audit = { decided: () => sleep(150), closed: () => {} } as unknown as HarnessOptions["audit"] &
      object;
    await withProxy({ policy: POLICY, raw, audit }, async (_, client) => {
      client.send(Buffer.concat([Buffer.from(HEAD), bytes.subarray(0, 10)]));
      await sleep(20);
      client.socket.end(bytes.subarray(10));
      assert.ok(await client.gone(5_000));
      assert.equal(digest(got[0] as Buffer), digest(bytes));
    });
  });

  it("an upstream that ended its side first still gets all that the client sends", async () => {
    const bytes = randomBytes(2_000_000);
    const got: Buffer[] = [];
    let ended = false;
    const raw: HarnessOptions["raw"] = (socket) => {
      socket.end("no more from here\n");
      socket.on("end", () => {
        ended = true;
      });
      // Slow: something is always on its way.
      socket.on("data", (piece: Buffer) => {
        got.push(piece);
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      });
    };
    await withProxy({ policy: POLICY, raw }, async (harness, client) => {
      client.send(HEAD);
      assert.ok(await client.answered());
      client.socket.end(bytes);
      assert.ok(await client.until(() => ended, 10_000), "upstream hears of the end");
      assert.equal(digest(Buffer.concat(got)), digest(bytes));
      assert.ok(await client.until(() => closeRows(harness).length === 1));
    });
  });

  it("what waits for a slow upstream when the client has gone for good still gets there", async () => {
    let upstream: Socket | undefined;
    let got = 0;
    const raw: HarnessOptions["raw"] = (socket) => {
      upstream = socket.pause();
      socket.end();
      socket.on("data", (piece: Buffer) => {
        got += piece.length;
      });
      socket.pause();
    };
    await withProxy({ policy: POLICY, raw }, async (_, client) => {
      client.send(HEAD);
      assert.ok(await client.answered());
      for (let sent = 0; sent < 40; sent++) {
        client.send(randomBytes(6_000));
        await sleep(2);
      }
      client.socket.end();
      assert.ok(await client.until(() => client.closed));
      await sleep(100);
      upstream?.resume();
      await client.until(() => got === 240_000, 2_000);
      assert.equal(got, 240_000);
    });
  });

  it("an upstream that never takes the rest is given up after the silence that a tunnel may have", async () => {
    const raw: HarnessOptions["raw"] = (socket) => void socket.pause().end();
    await withProxy({ policy: POLICY, raw, limits: { idleMs: 400 } }, async (harness, client) => {
      client.send(HEAD);
      assert.ok(await client.answered());
      // As much as fits on the way, so that the client's end is read.
      for (let sent = 0; sent < 40; sent++) {
        client.send(randomBytes(6_000));
        await sleep(2);
      }
      client.socket.end();
      assert.ok(await client.until(() => closeRows(harness).length === 1, 2_000));
    });
  });

  it("a client that leaves while its row is written leaves nothing behind that each change of policy judges", async () => {
    let asked = 0;
    let changed = () => {};
    const port: PolicyPort = {
      current: () => {
        asked += 1;
        return { policy: POLICY, grants: [] };
      },
      onChange: (listener) => {
        changed = listener;
        return () => {};
      },
    };
    let closed = 0;
    const audit = {
      decided: () => sleep(100),
      closed: () => {
        closed += 1;
      },
    } as unknown as HarnessOptions["audit"] & object;
    const raw: HarnessOptions["raw"] = (socket) =>
      void socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    await withProxy({ port, raw, audit, limits: { tunnels: 1 } }, async (harness, client) => {
      // An answer that it never reads: its end is a reset then.
      const leaving = connect(harness.path).pause();
      leaving.write(GET("http://raw.example.com:443/"));
      assert.ok(await client.until(() => closed === 1));
      closed = 0;
      leaving.write(HEAD);
      assert.ok(await client.until(() => harness.dials.length === 2));
      await sleep(30);
      leaving.destroy();
      assert.ok(await client.until(() => closed === 1), "and its close row is written");
      await sleep(20);
      asked = 0;
      changed();
      assert.equal(asked, 0);
      const next = harness.client().send(HEAD);
      assert.ok(await next.answered());
      assert.equal(next.status, 200, "its place is free");
      next.socket.destroy();
    });
  });

  it("an upstream that is gone before the row is written has a close row, and the client an end", async () => {
    const rows: string[] = [];
    const audit = {
      decided: () => sleep(100),
      closed: ({ event }: { event: string }) => void rows.push(event),
    } as unknown as HarnessOptions["audit"] & object;
    const raw: HarnessOptions["raw"] = () => {};
    const options: HarnessOptions = { policy: POLICY, raw, audit };
    await withProxy(options, async (harness, client) => {
      client.send(HEAD);
      assert.ok(await client.until(() => harness.upstreamSockets.length === 1));
      (harness.upstreamSockets[0] as Socket & { resetAndDestroy(): void }).destroy();
      assert.ok(await client.gone());
      client.socket.destroy();
      assert.ok(await client.until(() => rows.length === 1));
    });
  });

  it("a client that has ended its side reads why it was refused, also with bytes behind its head", async () => {
    const resolve = { resolve: () => sleep(200).then(() => ["10.0.0.1"]) };
    await withProxy({ policy: POLICY, resolve }, async (_, client) => {
      client.socket.end(`${HEAD}and more`);
      assert.ok(await client.answered(), "an answer");
      assert.ok(client.status >= 400);
    });
  });
});

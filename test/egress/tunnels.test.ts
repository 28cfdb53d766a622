/**
 * What goes through a tunnel: any bytes, half-closes, and no more than the reader takes.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { Harness, type HarnessOptions, policyOf } from "./harness.ts";

const POLICY = policyOf(
  "version: 1\nnetwork_policies: { raw: { endpoints: [{ host: raw.example.com, port: 443, tls: skip }] } }",
);

async function withHarness(
  options: HarnessOptions,
  work: (harness: Harness) => Promise<void>,
): Promise<void> {
  const harness = await Harness.start({ policy: POLICY, ...options });
  try {
    await work(harness);
  } finally {
    harness.close();
  }
}

describe("tunnels", () => {
  const open = async (harness: Harness) => {
    const client = harness
      .client()
      .send("CONNECT raw.example.com:443 HTTP/1.1\r\nHost: raw.example.com:443\r\n\r\n");
    assert.ok(await client.answered());
    assert.equal(client.status, 200);
    return client.clear();
  };
  it("carry any bytes both ways, and pass half-closes on", async () => {
    const up = randomBytes(3_000_000);
    const down = randomBytes(3_000_000);
    const got = createHash("sha256");
    const raw: HarnessOptions["raw"] = (socket) => {
      socket.on("data", (piece: Buffer) => got.update(piece));
      // Answers only once the client has ended: proof that the half-close came through, and that this side stays open.
      socket.on("end", () => socket.end(down));
    };
    await withHarness({ raw }, async (harness) => {
      const client = await open(harness);
      client.socket.end(up);
      assert.ok(await client.gone(5_000));
      assert.equal(got.digest("hex"), createHash("sha256").update(up).digest("hex"));
      assert.deepEqual(client.received, down);
      await client.until(() => harness.rows.some((row) => row.event === "close"));
      const close = harness.rows.find((row) => row.event === "close");
      assert.deepEqual([close?.bytesUp, close?.bytesDown], [up.length, down.length]);
    });
  });

  it("sys-19: a reader that stops costs little memory, and loses nothing", async () => {
    const total = 64 * 1024 * 1024;
    let sent = 0;
    const raw: HarnessOptions["raw"] = (socket: Socket) => {
      const piece = Buffer.alloc(256 * 1024, 7);
      const more = () => {
        while (sent < total) {
          sent += piece.length;
          if (!socket.write(piece)) return void socket.once("drain", more);
        }
        socket.end();
      };
      more();
    };
    await withHarness({ raw }, async (harness) => {
      const client = harness.client();
      client.send("CONNECT raw.example.com:443 HTTP/1.1\r\nHost: raw.example.com:443\r\n\r\n");
      assert.ok(await client.answered());
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const stopped = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(sent, stopped, "upstream is held back");
      // Everything that is on its way, both kernels' buffers and the test's own included.
      assert.ok(stopped < 2 * 1024 * 1024, `${stopped} bytes taken from upstream`);
      let received = 0;
      client.socket.removeAllListeners("data").on("data", (bytes: Buffer) => {
        received += bytes.length;
      });
      client.socket.resume();
      assert.ok(await client.gone(10_000));
      assert.ok(received + client.received.length >= total);
    });
  });
});

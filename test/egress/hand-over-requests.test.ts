/**
 * Bytes at the borders between the proxy's readers: a first message of TLS, bodies and what is pipelined behind them, a
 * connection that the model's server takes over. Cut anywhere, none is lost, doubled or given to another.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import type { HarnessOptions } from "./harness.ts";
import { policyOf } from "./harness.ts";
import { CONNECT, EXACT, GET, withProxy } from "./proxy-kit.ts";
import { clientHello } from "./tls-bytes.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const digest = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const RAW = policyOf(
  "version: 1\nnetwork_policies: { raw: { endpoints: [{ host: raw.example.com, port: 443 }] } }",
);

/** The model's server: answers with what it understood of each request. */
function echo(): { inference: NonNullable<HarnessOptions["inference"]>; close(): void } {
  const server = createServer((req, res) => {
    const hash = createHash("sha256");
    let size = 0;
    req.on("data", (piece: Buffer) => {
      size += piece.length;
      hash.update(piece);
    });
    req.on("end", () => res.end(`${req.method} ${size} ${hash.digest("hex")}\n`));
  });
  return {
    inference: { host: "inference.local", serve: (stream) => void server.emit("connection", stream) },
    close: () => server.close(),
  };
}

describe("bytes at borders", () => {
  it("a ClientHello cut anywhere, with bytes behind it, goes up as it came", async () => {
    const got: Buffer[] = [];
    const raw = (socket: Socket) => {
      const at = got.push(Buffer.alloc(0)) - 1;
      socket.on("data", (piece: Buffer) => {
        got[at] = Buffer.concat([got[at] as Buffer, piece]);
      });
    };
    const hello = clientHello("raw.example.com");
    const all = Buffer.concat([hello, randomBytes(9_000)]);
    await withProxy({ policy: RAW, raw }, async (harness) => {
      let n = 0;
      for (let cut = 1; cut <= hello.length + 1; cut += cut < 60 ? 1 : 7) {
        const client = harness
          .client()
          .send(Buffer.concat([Buffer.from(CONNECT("raw.example.com:443")), all.subarray(0, cut)]));
        await sleep(2);
        assert.equal(
          got[n]?.length ?? 0,
          cut >= hello.length ? all.subarray(0, cut).length : 0,
          "nothing before it is judged",
        );
        client.send(all.subarray(cut));
        assert.ok(await client.until(() => got[n]?.length === all.length), `cut at ${cut}`);
        assert.equal(digest(got[n] as Buffer), digest(all));
        client.socket.destroy();
        n += 1;
      }
    });
  });

  for (const chunked of [false, true]) {
    it(`a large ${chunked ? "chunked " : ""}body and the request behind it, in pieces of any size`, async () => {
      const body = randomBytes(500_000);
      const framed = chunked
        ? Buffer.concat(
            [...Array(50).keys()].flatMap((i) => [
              Buffer.from("2710\r\n"),
              body.subarray(i * 10_000, (i + 1) * 10_000),
              Buffer.from(i < 49 ? "\r\n" : "\r\n0\r\n\r\n"),
            ]),
          )
        : body;
      const length = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`;
      const post = `POST http://api.example.com/a HTTP/1.1\r\nHost: api.example.com\r\n${length}\r\n\r\n`;
      const all = Buffer.concat([Buffer.from(post), framed, Buffer.from(GET("http://api.example.com/b"))]);
      const respond: HarnessOptions["respond"] = (_, res) => res.end("ok");
      await withProxy({ policy: EXACT, respond }, async (harness) => {
        for (const size of [all.length, 65_536, 4_093]) {
          const client = harness.client();
          for (let at = 0; at < all.length; at += size) {
            client.send(all.subarray(at, at + size));
            if (at % 5 === 0) await sleep(1);
          }
          assert.ok(
            await client.until(({ text }) => text.match(/200 OK/g)?.length === 2),
            `pieces of ${size}`,
          );
          const [first, second] = harness.seen.splice(0);
          assert.equal(digest(Buffer.from(first?.body ?? "", "latin1")), digest(body));
          assert.deepEqual([second?.method, second?.url, second?.body], ["GET", "/b", ""]);
          client.socket.destroy();
        }
      });
    });
  }

  for (const tunnelled of [false, true]) {
    it(`a request to the model's server, ${tunnelled ? "in a tunnel" : "as it is"}, is its own to the byte`, async () => {
      const server = echo();
      const to = tunnelled ? "/v1/x" : "http://inference.local/v1/x";
      const request = (body: Buffer) =>
        Buffer.concat([
          Buffer.from(tunnelled ? CONNECT("inference.local:80") : ""),
          Buffer.from(
            `POST ${to} HTTP/1.1\r\nHost: inference.local\r\nContent-Length: ${body.length}\r\n\r\n`,
          ),
          body,
        ]);
      try {
        await withProxy({ policy: EXACT, inference: server.inference }, async (harness) => {
          const small = request(Buffer.from("hello"));
          const large = request(randomBytes(400_000));
          const cuts = [...small.keys()].slice(1).map((cut): [Buffer, number] => [small, cut]);
          for (const [bytes, cut] of [...cuts, [large, 65_536], [large, 200_000], [large, large.length]] as [
            Buffer,
            number,
          ][]) {
            const client = harness.client().send(bytes.subarray(0, cut));
            await sleep(2);
            client.send(bytes.subarray(cut));
            const body = bytes.subarray(bytes.indexOf("\r\n\r\n", bytes.indexOf("POST")) + 4);
            const wanted = `POST ${body.length} ${digest(body)}\n`;
            assert.ok(
              await client.until(({ text }) => text.includes(wanted)),
              `cut at ${cut} of ${bytes.length}`,
            );
            client.socket.destroy();
          }
        });
      } finally {
        server.close();
      }
    });
  }
});

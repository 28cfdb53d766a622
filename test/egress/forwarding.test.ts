/** What the proxy carries: bodies both ways, keep-alive, WebSockets, back-pressure, broken peers, the model's server. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { Harness, type HarnessOptions, policyOf } from "./harness.ts";

const POLICY = policyOf(`
version: 1
network_policies:
  api: { endpoints: [{ host: api.example.com, port: 80 }, { host: raw.example.com, port: 443, tls: skip }] }
  ws: { endpoints: [{ host: ws.example.com, port: 80, protocol: websocket, enforcement: enforce, access: full }] }
  rest: { endpoints: [{ host: rest.example.com, port: 80, protocol: rest, enforcement: enforce, access: full }] }
`);

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

const HOST = "Host: api.example.com\r\n";

describe("forwarded requests", () => {
  it("bodies arrive whole: measured, chunked, in any pieces", async () => {
    await withHarness(
      { respond: (req, res) => res.end(req.headers["content-type"] ?? "ok") },
      async (harness) => {
        const body = randomBytes(300_000).toString("base64");
        const chunked = body
          .match(/[\s\S]{1,7001}/g)!
          .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
          .join("");
        for (const [framing, bytes] of [
          [`Content-Length: ${body.length}\r\n`, body],
          ["Transfer-Encoding: chunked\r\n", `${chunked}0\r\nX-Trailer: dropped\r\n\r\n`],
        ] as const) {
          const client = harness
            .client()
            .send(`POST http://api.example.com/x HTTP/1.1\r\n${HOST}${framing}\r\n`);
          for (let at = 0; at < bytes.length; at += 50_001) {
            client.send(bytes.slice(at, at + 50_001));
            await new Promise((resolve) => setImmediate(resolve));
          }
          assert.ok(await client.until((c) => c.text.endsWith("ok")));
          assert.equal(client.status, 200);
          assert.equal(harness.seen.at(-1)?.body, body);
          client.socket.destroy();
        }
      },
    );
  });

  it("answers arrive whole: measured, chunked, closed by the end; for HTTP/1.0 too", async () => {
    const body = randomBytes(500_000).toString("hex");
    const respond: HarnessOptions["respond"] = (req, res) => {
      if (req.url === "/measured") return res.writeHead(200, { "content-length": body.length }).end(body);
      if (req.url === "/close") return res.socket!.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`);
      res.write(body.slice(0, 1000));
      return setTimeout(() => res.end(body.slice(1000)), 20);
    };
    await withHarness({ respond }, async (harness) => {
      for (const path of ["/measured", "/chunked", "/close"]) {
        for (const version of ["1.1", "1.0"]) {
          const client = harness
            .client()
            .send(`GET http://api.example.com${path} HTTP/${version}\r\n${HOST}Connection: close\r\n\r\n`);
          assert.ok(await client.gone());
          const chunked = /transfer-encoding: chunked/i.test(client.text);
          assert.equal(chunked, version === "1.1" && path !== "/measured");
          const raw = client.text.slice(client.text.indexOf("\r\n\r\n") + 4);
          assert.equal(chunked ? raw.replace(/(^|\r\n)[0-9a-f]+\r\n/g, "").trimEnd() : raw, body);
        }
      }
    });
  });

  it("HEAD, 204 and 304 have no body and keep the connection", async () => {
    const respond: HarnessOptions["respond"] = (req, res) =>
      void res
        .writeHead(
          req.url === "/204" ? 204 : req.url === "/304" ? 304 : 200,
          req.method === "HEAD" ? { "content-length": 99 } : {},
        )
        .end();
    await withHarness({ respond }, async (harness) => {
      const client = harness.client();
      for (const [method, path, status] of [
        ["HEAD", "/", 200],
        ["GET", "/204", 204],
        ["GET", "/304", 304],
      ] as const) {
        client.clear().send(`${method} http://api.example.com${path} HTTP/1.1\r\n${HOST}\r\n`);
        assert.ok(await client.answered());
        assert.equal(client.status, status);
        assert.ok(client.text.endsWith("\r\n\r\n"));
      }
      assert.equal(harness.seen.length, 3);
      client.socket.destroy();
    });
  });

  it("a refused HEAD is answered without a body", async () => {
    await withHarness({}, async (harness) => {
      const client = harness.client().send("HEAD http://evil.com/ HTTP/1.1\r\nHost: evil.com\r\n\r\n");
      assert.ok(await client.gone());
      assert.equal(client.status, 403);
      assert.ok(client.text.endsWith("\r\n\r\n"));
    });
  });

  it("upstream sees one Host, no proxy header, the canonical path, and our own Connection", async () => {
    await withHarness({}, async (harness) => {
      const client = harness
        .client()
        .send(
          "GET http://rest.example.com/a/../b//c?x=%2e%7E HTTP/1.1\r\nHost: REST.example.com.\r\nProxy-Connection: keep-alive\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nTE: trailers\r\nX-Kept: a\r\nX-Kept: b\r\n\r\n",
        );
      assert.ok(await client.answered());
      const { url, rawHeaders } = harness.seen[0]!;
      assert.equal(url, "/b/c?x=.~");
      assert.deepEqual(rawHeaders, [
        "Host",
        "rest.example.com",
        "X-Kept",
        "a",
        "X-Kept",
        "b",
        "Connection",
        "close",
      ]);
      client.socket.destroy();
    });
  });

  it("100-continue is answered here, once upstream is reached", async () => {
    await withHarness({}, async (harness) => {
      const client = harness
        .client()
        .send(
          `POST http://api.example.com/x HTTP/1.1\r\n${HOST}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
        );
      assert.ok(await client.until((c) => c.text.startsWith("HTTP/1.1 100 Continue\r\n\r\n")));
      client.clear().send("hi");
      assert.ok(await client.until((c) => c.text.endsWith("ok")));
      assert.equal(harness.seen[0]?.headers.expect, undefined);
      client.socket.destroy();
    });
  });

  it("a body that breaks off never becomes a request, a malformed chunk is 400", async () => {
    await withHarness({}, async (harness) => {
      const cut = harness
        .client()
        .send(`POST http://api.example.com/x HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nabc`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      cut.socket.end();
      assert.ok(await cut.gone());
      const bad = harness
        .client()
        .send(
          `POST http://api.example.com/x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
      bad.send("zz\r\n");
      assert.ok(await bad.gone());
      assert.equal(bad.status, 400);
      assert.equal(harness.seen.length, 0);
    });
  });

  it("an answer that breaks off cuts the connection, so that nobody takes it for whole", async () => {
    const respond: HarnessOptions["respond"] = (req, res) => {
      res.writeHead(200, req.url === "/measured" ? { "content-length": 1000 } : {});
      res.write("part");
      setTimeout(() => res.destroy(), 30);
    };
    await withHarness({ respond }, async (harness) => {
      for (const path of ["/measured", "/chunked"]) {
        const client = harness.client().send(`GET http://api.example.com${path} HTTP/1.1\r\n${HOST}\r\n`);
        assert.ok(await client.gone());
        assert.ok(!client.text.endsWith("0\r\n\r\n"));
      }
    });
  });

  it("a broken or silent upstream is 502 or 504", async () => {
    await withHarness(
      { raw: (socket) => void socket.on("data", () => socket.destroy()) },
      async (harness) => {
        const client = harness.client().send(`GET http://api.example.com/ HTTP/1.1\r\n${HOST}\r\n`);
        assert.ok(await client.gone());
        assert.equal(client.status, 502);
      },
    );
    await withHarness(
      {
        raw: (socket) =>
          void socket.write(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          ),
      },
      async (harness) => {
        const client = harness.client().send(`GET http://api.example.com/ HTTP/1.1\r\n${HOST}\r\n`);
        assert.ok(await client.gone());
        assert.equal(client.status, 502, "ambiguous framing from upstream");
      },
    );
    await withHarness({ raw: () => {}, limits: { responseMs: 100 } }, async (harness) => {
      const client = harness.client().send(`GET http://api.example.com/ HTTP/1.1\r\n${HOST}\r\n`);
      assert.ok(await client.gone());
      assert.equal(client.status, 504);
    });
  });

  it("a client that leaves ends the upstream request", async () => {
    await withHarness({ raw: () => {} }, async (harness) => {
      const client = harness.client().send(`GET http://api.example.com/ HTTP/1.1\r\n${HOST}\r\n`);
      assert.ok(await client.until(() => harness.upstreamSockets.length === 1));
      let ended = false;
      harness.upstreamSockets[0]!.resume()
        .on("close", () => {
          ended = true;
        })
        .on("end", () => harness.upstreamSockets[0]!.end());
      client.socket.destroy();
      // A half-close is no leaving: only writing to somebody who is gone, or the reset, tells. The answer does it here.
      harness.upstreamSockets[0]!.write(
        `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${"x".repeat(100_000)}`,
      );
      assert.ok(await client.until(() => ended, 2_000));
    });
  });

  it("h2c and other upgrades are not passed on", async () => {
    await withHarness({}, async (harness) => {
      const client = harness
        .client()
        .send(
          `GET http://api.example.com/ HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n`,
        );
      assert.ok(await client.answered());
      assert.deepEqual(
        [
          harness.seen[0]?.headers.upgrade,
          harness.seen[0]?.headers["http2-settings"],
          harness.seen[0]?.headers.connection,
        ],
        [undefined, undefined, "close"],
      );
      client.socket.destroy();
    });
  });
});

describe("WebSockets", () => {
  const upgrade = (host: string) =>
    `GET http://${host}/ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`;
  const raw: HarnessOptions["raw"] = (socket, count) => {
    socket.once("data", (bytes: Buffer) => {
      count(bytes.length);
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nhello",
      );
      socket.on("data", (more: Buffer) => socket.write(`echo ${more.toString()}`));
    });
  };
  it("pass both ways after the handshake, where the policy has one", async () => {
    await withHarness({ raw }, async (harness) => {
      const client = harness.client().send(upgrade("ws.example.com"));
      assert.ok(await client.until((c) => c.text.endsWith("hello")));
      assert.equal(client.status, 101);
      client.clear().send("frame");
      assert.ok(await client.until((c) => c.text === "echo frame"));
      harness.reload(policyOf("egress: { allowed: [] }"));
      assert.ok(await client.gone(1_000), "closed by a tightened policy");
    });
  });
  it("are refused where requests alone are allowed", async () => {
    await withHarness({ raw }, async (harness) => {
      const client = harness.client().send(upgrade("rest.example.com"));
      assert.ok(await client.gone());
      assert.equal(client.status, 403);
      assert.equal(harness.dials.length, 0);
    });
  });
});

describe("the model's own server", () => {
  it("takes over its connections, with every byte, by absolute form and by tunnel", async () => {
    const model = createServer((req, res) => {
      let body = "";
      req.on("data", (piece) => {
        body += piece;
      });
      req.on("end", () => res.end(`model got ${req.method} ${req.url} ${body}`));
    });
    const taken: boolean[] = [];
    const inference = {
      host: "inference.local",
      serve: (stream: Socket, tunnelled: boolean) => {
        taken.push(tunnelled);
        model.emit("connection", stream);
      },
    };
    await withHarness({ inference: inference as never }, async (harness) => {
      const direct = harness
        .client()
        .send(
          "POST http://inference.local/v1/x HTTP/1.1\r\nHost: inference.local\r\nContent-Length: 2\r\n\r\nhi",
        );
      assert.ok(await direct.until((c) => c.text.endsWith("model got POST http://inference.local/v1/x hi")));
      const tunnel = harness
        .client()
        .send("CONNECT inference.local:80 HTTP/1.1\r\nHost: inference.local:80\r\n\r\n");
      assert.ok(await tunnel.answered());
      tunnel.clear().send("GET /v1/models HTTP/1.1\r\nHost: inference.local\r\n\r\n");
      assert.ok(await tunnel.until((c) => c.text.includes("model got GET /v1/models")));
      assert.deepEqual(taken, [false, true]);
      assert.equal(harness.dials.length, 0);
      assert.deepEqual(harness.asked, [], "never looked up");
      direct.socket.destroy();
      tunnel.socket.destroy();
    });
    model.close();
  });
});

/**
 * TLS that is looked into: each request is judged, upstream is verified and sees nothing that wasn't allowed.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { newCa } from "../../src/gateway/egress/inspect/certificate.ts";
import type { Approver } from "../../src/gateway/egress/proxy/ports.ts";
import { type HarnessOptions, PUBLIC, policyOf } from "./harness.ts";
import { inside, READ_ONLY, upstreamOf, withInspection } from "./inspect-kit.ts";
import { CONNECT } from "./proxy-kit.ts";
import { clientHello } from "./tls-bytes.ts";

type Respond = NonNullable<HarnessOptions["respond"]>;

const FULL = policyOf(
  "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: full }] } }",
);

describe("inspected TLS", () => {
  it("GET passes, POST is refused inside, and upstream hears nothing of it", async () => {
    await withInspection({}, async ({ harness, open }) => {
      const client = await open("api.example.com");
      assert.equal((client.socket as TLSSocket).getPeerCertificate().subjectaltname, "DNS:api.example.com");
      assert.equal(harness.dials.length, 0, "nothing is dialled for the tunnel itself");
      client.send(inside("GET", "/one?x=1"));
      assert.ok(await client.until((c) => c.text.endsWith("ok")), client.text);
      assert.equal(client.status, 200);
      assert.deepEqual(
        harness.seen.map(({ method, url, headers }) => [method, url, headers.host]),
        [["GET", "/one?x=1", "api.example.com"]],
      );
      const wire = harness.upstreamWire;
      client.clear().send(`${inside("POST", "/one", "Content-Length: 3\r\n")}abc`);
      assert.ok(await client.gone());
      assert.equal(client.status, 403);
      assert.equal(client.body["error"], "policy_denied");
      assert.deepEqual([harness.seen.length, harness.dials.length, harness.upstreamWire], [1, 1, wire]);
      const rows = harness.rows.filter((row) => row.event === "decision");
      assert.deepEqual(
        rows.map((row) => [row.scheme, row.method, row.verdict]),
        [
          ["tunnel", undefined, "allow"],
          ["https", "GET", "allow"],
          ["https", "POST", "deny"],
        ],
      );
      assert.ok(await client.until(() => harness.rows.filter((row) => row.event === "close").length === 2));
      const close = harness.rows.find((row) => row.event === "close" && row.scheme === "https");
      assert.ok(close?.bytesUp && close.bytesDown, JSON.stringify(close));
    });
  });

  it("a session is kept alive, and each request in it is judged", async () => {
    await withInspection({}, async ({ harness, open }) => {
      const client = await open("api.example.com");
      for (let i = 0; i < 4; i++) {
        client.clear().send(inside(i % 2 ? "HEAD" : "GET", `/${i}`));
        assert.ok(await client.until((c) => c.text.endsWith(i % 2 ? "\r\n\r\n" : "ok")));
        assert.equal(client.status, 200);
      }
      client.clear().send(inside("GET", "/a") + inside("GET", "/b") + inside("DELETE", "/c"));
      assert.ok(await client.gone());
      assert.deepEqual(
        [...client.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
        ["200", "200", "403"],
      );
      assert.equal(harness.seen.length, 6);
    });
  });

  it("upstream's connection serves the next request too, if that has no body; a stale one is replaced", async () => {
    await withInspection({ policy: FULL }, async ({ harness, open }) => {
      const client = await open("api.example.com");
      const ask = async (method: string, more = "") => {
        client.clear().send(inside(method, "/", more));
        assert.ok(await client.until((c) => c.text.endsWith("ok")), client.text);
        assert.equal(client.status, 200);
        return harness.dials.length;
      };
      assert.deepEqual([await ask("GET"), await ask("GET"), await ask("GET")], [1, 1, 1]);
      assert.equal(await ask("POST", "Content-Length: 0\r\n"), 2);
      // Upstream ends what waits: while nobody looks, and just when it is used.
      for (const socket of harness.upstreamSockets) socket.end();
      await sleep(50);
      assert.equal(await ask("GET"), 3);
      for (const socket of harness.upstreamSockets) socket.destroy();
      assert.equal(await ask("GET"), 4);
      const https = harness.rows.filter((row) => row.scheme === "https");
      assert.ok(
        https.every((row) => row.address === PUBLIC || row.event === "close"),
        JSON.stringify(https),
      );
      const closes = https.filter((row) => row.event === "close");
      assert.ok(
        closes.every((row) => row.bytesUp! < 3_000),
        "bytes are counted per request",
      );
      client.socket.destroy();
      const open_ = () => harness.upstreamSockets.filter((socket) => !socket.destroyed).length;
      assert.ok(await client.until(() => open_() === 0), "nothing stays open");
    });
  });

  it("upstream's wish to close is heard", async () => {
    const respond: Respond = (_req, res) => void res.setHeader("connection", "close").end("ok");
    await withInspection({ respond }, async ({ harness, open }) => {
      const client = await open("api.example.com");
      for (let i = 1; i <= 3; i++) {
        client.clear().send(inside("GET", "/"));
        assert.ok(await client.until((c) => c.text.endsWith("ok")));
        assert.equal(harness.dials.length, i);
      }
    });
  });

  it("what a person lets through is held inside the session, and goes then", async () => {
    const policy = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }] } }",
      "ask",
    );
    const questions: string[] = [];
    const approver: Approver = {
      hold: async (question) => {
        questions.push(`${question.scheme} ${question.method} ${question.path}`);
        await sleep(100);
        return { kind: "allowed", approvalId: "ap_1", by: "u1", scope: "once" };
      },
      consume: async () => false,
    };
    await withInspection({ policy, approver }, async ({ harness, open }) => {
      const client = (await open("api.example.com"))
        .send(inside("POST", "/x", "Content-Length: 2\r\n"))
        .send("hi");
      assert.ok(await client.until((c) => c.text.endsWith("ok")), client.text);
      assert.deepEqual(questions, ["https POST /x"]);
      assert.equal(harness.seen[0]?.body, "hi");
    });
  });

  it("tls-1: another server name is closed, and nothing is dialled", async () => {
    await withInspection({}, async ({ harness, open }) => {
      await assert.rejects(open("api.example.com", { servername: "evil.com" }));
      assert.equal(harness.dials.length, 0);
      assert.ok(harness.rows.some((row) => row.reason === "sni_mismatch" && row.sni === "evil.com"));
    });
  });

  it("tls-5: behind an inspected name another Host is refused", async () => {
    await withInspection({}, async ({ harness, open }) => {
      for (const request of [
        inside("GET", "/", "", "evil.com"),
        inside("GET", "https://evil.com/"),
        inside("GET", "http://api.example.com/"),
        inside("GET", "/", "Host: evil.com\r\n"),
        inside("GET", "/", "", "api.example.com:8443"),
        "CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n",
      ]) {
        const client = (await open("api.example.com")).send(request);
        assert.ok(await client.gone());
        assert.equal(client.status, 400, request);
      }
      assert.equal(harness.dials.length, 0);
    });
  });

  it("a client that doesn't trust the CA leaves, and the row says so", async () => {
    await withInspection({}, async ({ harness }) => {
      const client = harness.client().send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      // No client: a hello that offers nothing in common.
      client.send(clientHello("api.example.com"));
      assert.ok(await client.gone());
      assert.ok(await client.until(() => harness.rows.some((row) => row.reason === "client_tls_failed")));
      assert.equal(harness.dials.length, 0);
    });
  });

  it("only HTTP/1.1 is spoken", async () => {
    await withInspection({}, async ({ open }) => {
      const client = await open("api.example.com", { alpn: ["h2", "http/1.1"] });
      assert.equal((client.socket as TLSSocket).alpnProtocol, "http/1.1");
      await assert.rejects(open("api.example.com", { alpn: ["h2"] }));
    });
  });

  for (const [what, world] of [
    ["an unknown authority", () => upstreamOf(newCa(Date.now()))],
    ["another name", (ca: Parameters<typeof upstreamOf>[0]) => upstreamOf(ca, "other.example.com")],
    [
      "an end in the past",
      (ca: Parameters<typeof upstreamOf>[0]) => upstreamOf(ca, undefined, Date.now() - 3 * 86_400_000),
    ],
  ] as const) {
    it(`an upstream certificate of ${what} is a 502, and no request is sent`, async () => {
      await withInspection({ world }, async ({ harness, open }) => {
        const client = (await open("api.example.com")).send(inside("GET", "/secret"));
        assert.ok(await client.gone());
        assert.equal(client.status, 502, client.text);
        assert.equal(client.body["error"], "upstream_tls_invalid");
        assert.equal(harness.seen.length, 0);
        assert.ok(
          harness.rows.some((row) => row.event === "close" && row.reason.startsWith("upstream_tls_invalid")),
        );
      });
    });
  }

  it("an upstream that speaks no TLS is a 502", async () => {
    const raw = (socket: import("node:net").Socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\n");
    await withInspection({ raw }, async ({ open }) => {
      const client = (await open("api.example.com")).send(inside("GET", "/"));
      assert.ok(await client.gone());
      assert.equal(client.status, 502);
    });
  });

  it("bodies pass both ways whole, chunked and measured, also large ones", async () => {
    const large = Buffer.alloc(2_000_000, "x");
    const policy = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: full }] } }",
    );
    const respond = (_req: unknown, res: import("node:http").ServerResponse) => void res.end(large);
    await withInspection({ policy, respond }, async ({ harness, open }) => {
      const client = await open("api.example.com");
      client.send(inside("PUT", "/up", `Content-Length: ${large.length}\r\n`)).send(large);
      assert.ok(await client.until((c) => c.received.length > large.length, 10_000));
      assert.equal(harness.seen[0]?.body.length, large.length);
      client.clear().send(`${inside("PUT", "/up", "Transfer-Encoding: chunked\r\n")}5\r\nhello\r\n0\r\n\r\n`);
      assert.ok(await client.until((c) => c.received.length > large.length, 10_000));
      assert.equal(harness.seen[1]?.body, "hello");
    });
  });

  it("a client that ends its side still gets its answer", async () => {
    const respond = (_req: unknown, res: import("node:http").ServerResponse) =>
      void setTimeout(() => res.end("late"), 200);
    await withInspection({ respond }, async ({ open }) => {
      const client = await open("api.example.com");
      client.socket.allowHalfOpen = true;
      client.socket.end(inside("GET", "/"));
      assert.ok(await client.gone());
      assert.ok(client.text.endsWith("late"), client.text);
    });
  });

  it("a reader that stops holds upstream back", async () => {
    const total = 64 * 1024 * 1024;
    let sent = 0;
    const respond = (_req: unknown, res: import("node:http").ServerResponse) => {
      const piece = Buffer.alloc(64 * 1024, 7);
      const more = () => {
        while (sent < total) {
          sent += piece.length;
          if (!res.write(piece)) return void res.once("drain", more);
        }
        res.end();
      };
      more();
    };
    await withInspection({ respond }, async ({ open }) => {
      const client = await open("api.example.com");
      client.send(inside("GET", "/big"));
      assert.ok(await client.answered());
      client.socket.pause();
      await sleep(500);
      const stopped = sent;
      await sleep(300);
      assert.equal(sent, stopped);
      assert.ok(stopped < 4 * 1024 * 1024, `${stopped} bytes taken`);
    });
  });

  it("a WebSocket passes where the policy says so, and nowhere else", async () => {
    const policy = policyOf(`
version: 1
network_policies:
  a:
    endpoints:
      - host: api.example.com
        port: 443
        protocol: websocket
        enforcement: enforce
        rules: [{ allow: { method: GET, path: /ws } }, { allow: { method: WEBSOCKET_TEXT, path: /ws } }]
`);
    const upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n";
    await withInspection({ policy }, async ({ harness, open }) => {
      harness.onUpgrade((_req, socket) => {
        socket.write(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
        );
        socket.on("data", (piece: Buffer) => socket.write(`echo:${piece.toString()}`));
      });
      const client = (await open("api.example.com")).send(inside("GET", "/ws", upgrade));
      assert.ok(await client.until((c) => c.text.endsWith("hello")), client.text);
      assert.equal(client.status, 101);
      client.send("frame");
      assert.ok(await client.until((c) => c.text.endsWith("echo:frame")));
      const other = (await open("api.example.com")).send(inside("GET", "/other", upgrade));
      assert.ok(await other.gone());
      assert.equal(other.status, 403);
    });
    await withInspection({}, async ({ open }) => {
      const client = (await open("api.example.com")).send(inside("GET", "/ws", upgrade));
      assert.ok(await client.gone());
      assert.equal(client.status, 403, "rest allows no WebSocket");
    });
  });

  it("a reload closes inspected tunnels that are no longer allowed, and judges the next request by what is new", async () => {
    const none = policyOf("egress: { allowed: [{ host: b.example.com, port: 443 }] }");
    const posts = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, protocol: rest, enforcement: enforce, rules: [{ allow: { method: POST, path: /** } }] }] } }",
    );
    await withInspection({}, async ({ harness, open }) => {
      const client = await open("api.example.com");
      client.send(inside("GET", "/"));
      assert.ok(await client.until((c) => c.text.endsWith("ok")));
      harness.reload(posts);
      client.clear().send(inside("GET", "/"));
      assert.ok(await client.gone());
      assert.equal(client.status, 403);
      harness.reload(READ_ONLY);
      const closing = await open("api.example.com");
      const started = performance.now();
      harness.reload(none);
      assert.ok(await closing.gone(1_000));
      assert.ok(performance.now() - started < 1_000);
    });
  });

  it("a blind tunnel ends when its host is to be inspected from now on", async () => {
    const blind = policyOf("egress: { allowed: [{ host: api.example.com, port: 443 }] }");
    await withInspection({ policy: blind, raw: () => {} }, async ({ harness }) => {
      const client = harness.client().send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      client.send(clientHello("api.example.com"));
      await sleep(50);
      assert.equal(client.closed, false);
      harness.reload(READ_ONLY);
      assert.ok(await client.gone(1_000));
    });
  });

  it("an audit that can't be written refuses the tunnel", async () => {
    const audit = { decided: () => Promise.reject(new Error("full")), closed: () => {} };
    await withInspection({ audit }, async ({ harness }) => {
      const client = harness.client().send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 503);
      assert.equal(client.body["error"], "audit_unavailable");
    });
  });

  it("plain HTTP in a tunnel to an inspected endpoint is judged the same", async () => {
    const policy = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, ports: [80, 443], protocol: rest, enforcement: enforce, access: read-only }] } }",
    );
    await withInspection({ policy }, async ({ harness }) => {
      const client = harness.client().send(CONNECT("api.example.com:80"));
      assert.ok(await client.answered());
      client.clear().send(inside("GET", "/plain"));
      assert.ok(await client.until((c) => c.text.endsWith("ok")));
      client.clear().send(inside("POST", "/plain", "Content-Length: 0\r\n"));
      assert.ok(await client.gone());
      assert.equal(client.status, 403);
      assert.deepEqual(
        harness.seen.map((seen) => seen.url),
        ["/plain"],
      );
    });
  });
});

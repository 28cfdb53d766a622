/**
 * Scenarios of the proxy under load and failure, each under its id: program identity, self-connection, resources,
 * reload, audit rows. Those of names, requests and TLS are in `scenarios.test.ts`.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { tcpConnector } from "../../src/gateway/egress/proxy/ports.ts";
import { Harness, type HarnessOptions, PUBLIC, policyOf, SINK } from "./harness.ts";
import { CONNECT, EXACT, GET, tunnel, withProxy } from "./proxy-kit.ts";
import { clientHello } from "./tls-bytes.ts";

describe("egress scenarios: the proxy under load and failure", () => {
  it("sys-05: a rule for a program is judged on the owner of the socket, claimed port or not", async () => {
    const policy = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443 }], binaries: [{ path: /usr/bin/git }] } }",
    );
    const programOf = async (port: number) => ({ 40001: "/usr/bin/git", 40002: "/usr/bin/relay" })[port];
    const statusFor = async (prefix: string) => {
      let status = 0;
      await withProxy({ policy, programOf }, async (_harness, client) => {
        client.send(prefix + CONNECT("api.example.com:443"));
        assert.ok(await client.answered());
        status = client.status;
      });
      return status;
    };
    assert.equal(await statusFor("PROXY TCP4 127.0.0.1 127.0.0.1 40001 3128\r\n"), 200);
    assert.equal(await statusFor("PROXY TCP4 127.0.0.1 127.0.0.1 40002 3128\r\n"), 403);
    assert.equal(await statusFor("PROXY TCP4 127.0.0.1 127.0.0.1 40003 3128\r\n"), 403, "unknown");
    assert.equal(await statusFor(""), 403, "unknown");
    assert.equal(
      await statusFor("PROXY TCP4 127.0.0.1 127.0.0.1 040001 3128\r\n"),
      400,
      "not the prefix, so part of the request",
    );
  });

  it("sys-06: the proxy itself is no destination", async () => {
    for (const to of ["127.0.0.1:3128", "localhost:3128"]) {
      await withProxy({}, async (harness, client) => {
        client.send(CONNECT(to));
        assert.ok(await client.answered());
        assert.equal(client.status, 403);
        assert.equal(client.body["error"], "self_connection");
        assert.equal(harness.dials.length, 0);
      });
    }
  });

  it("sys-07: control-plane ports stay shut where private ranges are open", async () => {
    const policy = policyOf(
      'egress: { allowed: [{ host: "10.0.0.5", port: "*" }, { host: db.internal.test, ports: [6379, 5432, 2375, 10250, 2379, 8443] }] }',
    );
    const resolve = { "db.internal.test": ["10.0.0.6"] };
    for (const port of [6379, 5432, 2375, 10250, 2379]) {
      for (const host of ["10.0.0.5", "db.internal.test"]) {
        await withProxy({ policy, resolve }, async (harness, client) => {
          client.send(CONNECT(`${host}:${port}`));
          assert.ok(await client.answered());
          assert.equal(client.status, 403);
          assert.equal(harness.dials.length, 0);
        });
      }
    }
    await withProxy({ policy, resolve }, async (harness, client) => {
      await tunnel(client, "db.internal.test:8443");
      assert.equal(harness.dials[0]?.address, "10.0.0.6");
    });
  });

  it("sys-16: a header that drips is answered 408 and cut", async () => {
    await withProxy({ limits: { headMs: 300 } }, async (_harness, client) => {
      const drip = setInterval(() => client.socket.writable && client.send("X"), 50);
      client.send("GET http://api.example.com/ HTTP/1.1\r\nX-");
      assert.ok(await client.gone(2_000));
      clearInterval(drip);
      assert.equal(client.status, 408);
    });
  });

  it("sys-17: 64 KB or 500 lines of header: 431", async () => {
    for (const more of [`X-Big: ${"a".repeat(64 * 1024)}\r\n`, "X-A: b\r\n".repeat(500)]) {
      await withProxy({}, async (harness, client) => {
        client.send(GET("http://api.example.com/", more));
        assert.ok(await client.gone());
        assert.equal(client.status, 431);
        assert.equal(harness.dials.length, 0);
      });
    }
  });

  it("sys-18: after the client's half-close everything still arrives, then the end", async () => {
    const megabyte = Buffer.alloc(1024 * 1024, "x");
    // The end arrives while the name is still being looked up.
    const slow = {
      resolve: () => new Promise<string[]>((resolve) => setTimeout(() => resolve([PUBLIC]), 50)),
    };
    await withProxy(
      { policy: EXACT, resolve: slow, respond: (_req, res) => setTimeout(() => res.end(megabyte), 100) },
      async (_harness, client) => {
        client.send(GET("http://api.example.com/", "Connection: close\r\n"));
        client.socket.end();
        assert.ok(await client.gone());
        assert.ok(client.received.length > megabyte.length);
      },
    );
  });

  it("sys-20: one sandbox's tunnels are limited, another's aren't touched", async () => {
    const options: HarnessOptions = { policy: EXACT, raw: SINK, limits: { tunnels: 20, connections: 40 } };
    await withProxy(options, async (crowded) => {
      const other = await Harness.start(options);
      try {
        const clients = Array.from({ length: 100 }, () =>
          crowded.client().send(CONNECT("api.example.com:443")),
        );
        await Promise.all(clients.map((client) => client.answered()));
        const statuses = clients.map((client) => client.status);
        assert.ok(statuses.filter((status) => status === 200).length <= 20);
        assert.equal(
          statuses.filter((status) => status === 429).length,
          100 - statuses.filter((status) => status === 200).length,
        );
        await tunnel(other.client(), "api.example.com:443");
        for (const client of clients) client.socket.destroy();
        await new Promise((resolve) => setTimeout(resolve, 100));
        await tunnel(crowded.client(), "api.example.com:443");
      } finally {
        other.close();
      }
    });
  });

  it("sys-21: an idle tunnel is closed, its slot freed, one close row with bytes written", async () => {
    await withProxy(
      { policy: EXACT, limits: { idleMs: 200, tunnels: 1 }, raw: SINK },
      async (harness, client) => {
        await tunnel(client, "api.example.com:443");
        const hello = clientHello("api.example.com");
        client.send(hello);
        assert.ok(await client.gone(2_000));
        await new Promise((resolve) => setTimeout(resolve, 50));
        const closes = harness.rows.filter((row) => row.event === "close");
        assert.equal(closes.length, 1);
        assert.equal(closes[0]?.bytesUp, hello.length);
        assert.equal(closes[0]?.id, harness.rows.find((row) => row.event === "decision")?.id);
        await tunnel(harness.client(), "api.example.com:443");
      },
    );
  });

  it("sys-22: refused at once 502, black hole 504 in time, nothing told about addresses", async () => {
    // Port 1 of loopback refuses; the dial that never ends stands for a black hole.
    const refusing: HarnessOptions = {
      policy: EXACT,
      dial: (_address, _port, signal) =>
        tcpConnector.dial({ family: 4, bytes: Uint8Array.of(127, 0, 0, 1), text: "127.0.0.1" }, 1, signal),
    };
    const started = performance.now();
    await withProxy(refusing, async (_harness, client) => {
      client.send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 502);
      assert.ok(performance.now() - started < 1_500);
      assert.ok(!client.text.includes(PUBLIC) && !client.text.includes("127.0.0.1"));
    });
    const hanging: HarnessOptions = {
      policy: EXACT,
      limits: { dialMs: 200 },
      dial: (_address, _port, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("gone")), { once: true }),
        ),
    };
    await withProxy(hanging, async (harness, client) => {
      client.send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 504);
      assert.equal(client.body["error"], "upstream_timeout");
      assert.equal(harness.rows[0]?.reason, "dial_timeout");
    });
  });

  it("sys-23: a tightened policy closes the tunnels that it no longer allows, and only those", async () => {
    const both = policyOf(
      "egress: { allowed: [{ host: api.example.com, port: 443 }, { host: b.example.com, port: 443 }] }",
    );
    const one = policyOf("egress: { allowed: [{ host: b.example.com, port: 443 }] }");
    await withProxy({ policy: both, raw: SINK }, async (harness, closing) => {
      const staying = harness.client();
      await tunnel(closing, "api.example.com:443");
      await tunnel(staying, "b.example.com:443");
      closing.send(clientHello("api.example.com"));
      staying.send(clientHello("b.example.com"));
      await closing.until(() => harness.upstreamBytes > 200);
      const started = performance.now();
      harness.reload(one);
      assert.ok(await closing.gone(1_000));
      assert.ok(performance.now() - started < 1_000);
      const before = harness.upstreamBytes;
      staying.send("more");
      assert.ok(await staying.until(() => harness.upstreamBytes === before + 4));
      assert.ok(harness.rows.some((row) => row.event === "close" && row.host === "api.example.com"));
      staying.socket.destroy();
    });
  });

  it("sys-25: what is written into a host or path can't break an audit line", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      client.send("GET http://api.example.com/a%0A%22%7B%1b[31m HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
      assert.ok(await client.answered());
      assert.equal(client.status, 400);
      const next = harness
        .client()
        .send("GET http://evil.com/%22%7D%E2%80%AE HTTP/1.1\r\nHost: evil.com\r\n\r\n");
      assert.ok(await next.answered());
      for (const row of harness.rows) {
        const line = JSON.stringify(row);
        assert.ok(!["\n", "\r", "\u001b", "\u202e"].some((char) => line.includes(char)));
        assert.deepEqual(JSON.parse(line), row);
      }
      assert.equal(harness.rows.length, 1);
    });
  });

  it("sys-26: credentials are never in an audit row", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      const secret = "s3cr3t-value-of-somebody";
      client.send(
        GET(
          `http://api.example.com/bot123456789:AAFakeFakeFakeFakeFakeFakeFakeFake00/x?token=${secret}`,
          `Proxy-Authorization: Basic ${secret}\r\nAuthorization: Bearer ${secret}\r\n`,
        ),
      );
      assert.ok(await client.answered());
      const text = JSON.stringify(harness.rows);
      assert.ok(harness.rows.length > 0 && !text.includes(secret) && !text.includes("AAFake"));
      assert.equal(harness.seen[0]?.headers["proxy-authorization"], undefined, "nor sent on");
      assert.equal(harness.seen[0]?.headers.authorization, `Bearer ${secret}`);
    });
  });
});

/**
 * Scenarios of the proxy itself, each under its id: DNS timing, keep-alive, TLS first bytes, self-connection, resources,
 * policy changes. Those that need a person are in `approvals.test.ts`.
 */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { policyOf, SINK } from "./harness.ts";
import { CONNECT, EXACT, GET, tunnel, withProxy } from "./proxy-kit.ts";
import { clientHello } from "./tls-bytes.ts";

describe("egress scenarios", () => {
  it("meta-6: this host's own interface addresses are refused, nothing is dialled", async () => {
    const own = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find((entry) => !entry.internal && entry.family === "IPv4");
    const address = own?.address ?? "8.8.4.4";
    await withProxy({ ownAddresses: [address] }, async (harness, client) => {
      client.send(CONNECT(`${address}:80`));
      assert.ok(await client.answered());
      assert.equal(client.status, 403);
      assert.equal(client.body["error"], "ssrf_blocked");
      assert.equal(harness.dials.length, 0);
    });
  });

  it("dns-07: a resolver that never answers: 504 in time, slot freed", async () => {
    const limits = { tunnels: 1 };
    await withProxy(
      { policy: EXACT, resolve: { resolve: () => new Promise(() => {}) }, resolveTimeoutMs: 200, limits },
      async (harness) => {
        for (let i = 0; i < 3; i++) {
          const client = harness.client().send(CONNECT("api.example.com:443"));
          const started = performance.now();
          assert.ok(await client.answered(3_000));
          assert.equal(client.status, 504);
          assert.ok(performance.now() - started < 600);
          assert.ok(!/resolv|dns/i.test(client.text), "no resolver detail for the sandbox");
        }
      },
    );
  });

  it("dns-08: a denied name is never looked up", async () => {
    await withProxy({ policy: EXACT }, async (harness) => {
      for (let i = 0; i < 50; i++) {
        const label = Buffer.from(`secret ${i}`).toString("hex").padEnd(60, "a");
        const client = harness.client().send(CONNECT(`${label}.exfil.example.com:443`));
        assert.ok(await client.answered());
        assert.equal(client.status, 403);
      }
      assert.deepEqual(harness.asked, []);
    });
  });

  it("match-40: unusable hosts are refused at load, by name", () => {
    for (const host of ["*", "**", "*.com", "foo.**.example.com", "foo.us-*.example.com"]) {
      assert.throws(
        () =>
          policyOf(`version: 1\nnetwork_policies: { a: { endpoints: [{ host: "${host}", port: 443 }] } }`),
        (error: Error) => error.message.includes(JSON.stringify(host)),
      );
    }
  });

  it("http-16: each request of a connection is judged", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      client.send(GET("http://api.example.com/one"));
      assert.ok(await client.until((c) => /(ok|\r\n\r\n)$/.test(c.text)));
      assert.equal(client.status, 200);
      assert.equal(client.ended, false, "kept alive");
      client.clear().send(GET("http://evil.com/"));
      assert.ok(await client.answered());
      assert.equal(client.status, 403);
      assert.ok(await client.gone());
      assert.deepEqual(
        harness.seen.map((seen) => [seen.url, seen.headers.host]),
        [["/one", "api.example.com"]],
      );
    });
  });

  it("http-16: pipelined requests are judged one by one, in order", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      client.send(
        GET("http://api.example.com/1") + GET("http://api.example.com/2") + GET("http://evil.com/"),
      );
      assert.ok(await client.gone());
      assert.deepEqual(
        [...client.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
        ["200", "200", "403"],
      );
      assert.deepEqual(
        harness.seen.map((seen) => seen.url),
        ["/1", "/2"],
      );
    });
  });

  it("http-17: a redirect passes untouched, its target is judged when the client asks for it", async () => {
    const location = "http://169.254.169.254/";
    await withProxy(
      { policy: EXACT, respond: (_req, res) => res.writeHead(302, { location }).end() },
      async (harness, client) => {
        client.send(GET("http://api.example.com/"));
        assert.ok(await client.until((c) => /(ok|\r\n\r\n)$/.test(c.text)));
        assert.equal(client.status, 302);
        assert.match(client.text, /location: http:\/\/169\.254\.169\.254\//i);
        client.clear().send(GET(location));
        assert.ok(await client.answered());
        assert.equal(client.status, 403);
        assert.equal(harness.dials.length, 1);
      },
    );
  });

  const HELLOS: [id: string, name: string | undefined, passes: boolean, reason: string][] = [
    ["tls-1: another server name", "evil.com", false, "sni_mismatch"],
    ["tls-1: a server name below the host", "x.api.example.com", false, "sni_mismatch"],
    ["tls-1: the right server name", "api.example.com", true, ""],
    ["tls-1: the right server name in capitals with a dot", "API.example.com.", true, ""],
    ["tls-2: no server name, for a rule by name", undefined, false, "sni_missing"],
  ];
  for (const [id, name, passes, reason] of HELLOS) {
    it(id, async () => {
      await withProxy({ policy: EXACT, raw: SINK }, async (harness, client) => {
        await tunnel(client, "api.example.com:443");
        const hello = clientHello(name);
        client.send(hello);
        if (passes) assert.ok(await client.until(() => harness.upstreamBytes === hello.length));
        else {
          assert.ok(await client.gone());
          assert.equal(harness.upstreamBytes, 0);
          const row = harness.rows.find((one) => one.reason === reason);
          assert.ok(row, "audited");
          assert.equal(row.sni, name ?? null);
        }
      });
    });
  }

  it("tls-2: no server name passes for an address, and where the endpoint says it may", async () => {
    const optional = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, sni: optional }] } }",
    );
    for (const [to, policy] of [
      ["8.8.8.8:443", undefined],
      ["api.example.com:443", optional],
    ] as const) {
      await withProxy({ raw: SINK, ...(policy ? { policy } : {}) }, async (harness, client) => {
        await tunnel(client, to);
        client.send(clientHello(undefined));
        assert.ok(await client.until(() => harness.upstreamBytes > 0));
      });
    }
  });

  it("tls-3: the same verdict however the hello is cut", async () => {
    for (const [name, passes] of [
      ["api.example.com", true],
      ["evil.com", false],
    ] as const) {
      const cuts: Buffer[][] = [
        [...clientHello(name)].map((byte) => Buffer.of(byte)),
        [clientHello(name, 20)],
        [clientHello(name, 1).subarray(0, 30), clientHello(name, 1).subarray(30)],
      ];
      for (const pieces of cuts) {
        await withProxy({ policy: EXACT, raw: SINK }, async (harness, client) => {
          await tunnel(client, "api.example.com:443");
          for (const piece of pieces) {
            client.send(piece);
            await new Promise((resolve) => setImmediate(resolve));
          }
          const size = Buffer.concat(pieces).length;
          if (passes) assert.ok(await client.until(() => harness.upstreamBytes === size));
          else assert.ok((await client.gone()) && harness.upstreamBytes === 0);
        });
      }
    }
  });

  it("tls-3: a hello that never ends is given up, in bytes and in time", async () => {
    await withProxy({ policy: EXACT, limits: { firstBytesMs: 200 } }, async (harness, client) => {
      await tunnel(client, "api.example.com:443");
      client.send(clientHello("api.example.com").subarray(0, 40));
      assert.ok(await client.gone(1_000));
      assert.equal(harness.upstreamBytes, 0);
    });
    await withProxy({ policy: EXACT }, async (harness, client) => {
      await tunnel(client, "api.example.com:443");
      const record = Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0]), Buffer.alloc(0x4000, 1)]);
      record.writeUIntBE(0x01ffffff, 5, 4);
      client.send(Buffer.concat([record, record]));
      assert.ok(await client.gone(1_000));
      assert.equal(harness.upstreamBytes, 0);
    });
  });

  it("tls-4: plain HTTP on port 443 is cut, on port 80 it is judged as a request", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      await tunnel(client, "api.example.com:443");
      client.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
      assert.ok(await client.gone());
      assert.equal(harness.upstreamBytes, 0);
      assert.ok(harness.rows.some((row) => row.reason === "tls_required"));
    });
    const readOnly = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 80, protocol: rest, enforcement: enforce, access: read-only }] } }",
    );
    await withProxy({ policy: readOnly }, async (harness, client) => {
      await tunnel(client, "api.example.com:80");
      client.send("GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
      assert.ok(await client.until((c) => /(ok|\r\n\r\n)$/.test(c.text)));
      client.clear().send("GET /b HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
      assert.ok(await client.until((c) => /(ok|\r\n\r\n)$/.test(c.text)));
      client.clear().send("POST /c HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 0\r\n\r\n");
      assert.ok(await client.answered());
      assert.equal(client.status, 403);
      assert.deepEqual(
        harness.seen.map((seen) => `${seen.method} ${seen.url}`),
        ["GET /a", "GET /b"],
      );
    });
  });

  it("tls-4: another Host inside a tunnel is refused", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      await tunnel(client, "api.example.com:80");
      client.send("GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
      assert.ok(await client.answered());
      assert.equal(client.status, 400);
      assert.equal(harness.upstreamBytes, 0);
    });
  });

  it("tls-4: other protocols only where the endpoint is marked", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      await tunnel(client, "api.example.com:443");
      client.send("\x00\x01\x02 something else");
      assert.ok(await client.gone());
      assert.equal(harness.upstreamBytes, 0);
    });
    const skip = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, tls: skip }] } }",
    );
    await withProxy({ policy: skip, raw: SINK }, async (harness, client) => {
      await tunnel(client, "api.example.com:443");
      client.send("\x00\x01\x02");
      assert.ok(await client.until(() => harness.upstreamBytes === 3));
    });
  });

  it("tls-5: what is behind an uninspected name can't be seen (documented); without an inspector an endpoint to be inspected is refused, never tunnelled blind", async () => {
    const judged = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }] } }",
    );
    await withProxy({ policy: judged }, async (harness, client) => {
      client.send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 403);
      assert.equal(client.body["error"], "inspection_unavailable");
      assert.equal(harness.dials.length, 0);
    });
  });

  it("tls-6: with an encrypted name the outer one is judged", async () => {
    await withProxy({ policy: EXACT }, async (harness, client) => {
      await tunnel(client, "api.example.com:443");
      client.send(clientHello("outer.example.net", undefined, true));
      assert.ok(await client.gone());
      assert.equal(harness.upstreamBytes, 0);
    });
  });
});

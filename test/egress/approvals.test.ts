/**
 * Scenarios of the held connection, as far as the proxy decides them: hold, release, time-out, the client that leaves,
 * what a tap can't open. The card, its record and who may tap are tested where they live.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Approver, HoldOutcome, Question } from "../../src/gateway/egress/proxy/ports.ts";
import type { Grant } from "../../src/gateway/policy/decide.ts";
import { type Client, Harness, type HarnessOptions, policyOf, SINK } from "./harness.ts";
import { clientHello } from "./tls-bytes.ts";

const CONNECT = (to: string) => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`;
const ASK = policyOf("egress: { denied: [{ host: never.example.com }] }", "ask");

/** A person who answers when told to. */
class Person implements Approver {
  readonly questions: { question: Question; signal: AbortSignal; answer: (outcome: HoldOutcome) => void }[] =
    [];
  readonly consumed: string[] = [];

  hold(question: Question, signal: AbortSignal): Promise<HoldOutcome> {
    return new Promise((answer) => this.questions.push({ question, signal, answer }));
  }

  async consume(grantId: string) {
    if (this.consumed.includes(grantId)) return false as const;
    this.consumed.push(grantId);
    return {};
  }

  /** Waits for the nth question. */
  async asked(count: number): Promise<void> {
    const deadline = performance.now() + 3_000;
    while (this.questions.length < count && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(this.questions.length, count);
  }
}

const ONCE: HoldOutcome = { kind: "allowed", approvalId: "a1", by: "telegram:1", scope: "once" };

async function withPerson(
  options: HarnessOptions,
  work: (harness: Harness, client: Client, person: Person) => Promise<void>,
): Promise<void> {
  const person = new Person();
  const harness = await Harness.start({ policy: ASK, approver: person, raw: SINK, ...options });
  const client = harness.client();
  try {
    await work(harness, client, person);
  } finally {
    client.socket.destroy();
    harness.close();
  }
}

describe("held connections", () => {
  it("sys-08: held, released by a tap, the tunnel works; the next one asks again", async () => {
    await withPerson({}, async (harness, client, person) => {
      client.send(CONNECT("new.example.com:443"));
      await person.asked(1);
      assert.equal(harness.dials.length, 0);
      assert.equal(harness.asked.length, 0, "not even looked up while held");
      assert.equal(client.received.length, 0);
      const { sandboxId, scheme, host, port, method } = person.questions[0]!.question;
      assert.deepEqual(
        { sandboxId, scheme, host, port, method },
        { sandboxId: "p_test", scheme: "tunnel", host: "new.example.com", port: 443, method: undefined },
      );
      person.questions[0]!.answer(ONCE);
      assert.ok(await client.answered());
      assert.equal(client.status, 200);
      client.send(clientHello("new.example.com"));
      assert.ok(await client.until(() => harness.upstreamBytes > 0));
      const row = harness.rows.find((one) => one.event === "decision");
      assert.deepEqual(
        [row?.verdict, row?.reason, row?.approvalId, row?.decidedBy],
        ["allow", "granted", "a1", "telegram:1"],
      );
      harness.client().send(CONNECT("new.example.com:443"));
      await person.asked(2);
    });
  });

  it("sys-09: twenty held connections all proceed when their question is answered", async () => {
    await withPerson({}, async (harness, _client, person) => {
      const clients = Array.from({ length: 20 }, () => harness.client().send(CONNECT("new.example.com:443")));
      await person.asked(20);
      for (const { answer } of person.questions) answer(ONCE);
      await Promise.all(clients.map((client) => client.answered()));
      assert.ok(clients.every((client) => client.status === 200));
      for (const client of clients) client.socket.destroy();
    });
  });

  it("sys-10: a client that leaves cancels the question; a later tap opens nothing", async () => {
    await withPerson({}, async (harness, client, person) => {
      client.send(CONNECT("new.example.com:443"));
      await person.asked(1);
      client.socket.destroy();
      await client.until(() => person.questions[0]!.signal.aborted);
      assert.ok(person.questions[0]!.signal.aborted);
      person.questions[0]!.answer(ONCE);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(harness.dials.length, 0);
      assert.equal(harness.asked.length, 0);
      assert.deepEqual(
        harness.rows.map((row) => [row.verdict, row.reason]),
        [["deny", "client_left"]],
      );
    });
  });

  it("sys-10: the same for a plain request", async () => {
    await withPerson({ raw: undefined as never }, async (harness, client, person) => {
      const post =
        "POST http://new.example.com/y HTTP/1.1\r\nHost: new.example.com\r\nContent-Length: 5\r\n\r\nhello";
      const get = "GET http://new.example.com/x HTTP/1.1\r\nHost: new.example.com\r\n\r\n";
      client.send(get);
      const other = harness.client().send(post);
      await person.asked(2);
      for (const one of [client, other]) one.socket.destroy();
      assert.ok(await client.until(() => person.questions.every((one) => one.signal.aborted)));
      assert.equal(harness.dials.length, 0);
    });
  });

  const OUTCOMES: [HoldOutcome, number, string][] = [
    [{ kind: "expired", approvalId: "a1" }, 403, "approval_timeout"],
    [{ kind: "denied", approvalId: "a1", by: "telegram:1" }, 403, "approval_denied"],
    [{ kind: "busy" }, 429, "too_many_approvals"],
    [{ kind: "unasked" }, 403, "policy_denied"],
  ];
  for (const [outcome, status, error] of OUTCOMES) {
    it(`sys-11: ${outcome.kind} is ${status} ${error}, audited, with what to do next`, async () => {
      await withPerson({}, async (harness, client, person) => {
        client.send(CONNECT("new.example.com:443"));
        await person.asked(1);
        person.questions[0]!.answer(outcome);
        assert.ok(await client.answered());
        assert.equal(client.status, status);
        assert.equal(client.body["error"], error);
        assert.equal(typeof client.body["agent_guidance"], "string");
        assert.equal(harness.dials.length, 0);
        assert.equal(harness.rows[0]?.reason, `approval_${outcome.kind}`);
      });
    });
  }

  it("dns-05: a name re-pointed while it was held is caught after the tap", async () => {
    const addresses = { "rebind.test": ["93.184.216.34"] };
    await withPerson({ resolve: addresses }, async (harness, client, person) => {
      client.send(CONNECT("rebind.test:443"));
      await person.asked(1);
      addresses["rebind.test"] = ["10.0.0.5"];
      person.questions[0]!.answer(ONCE);
      assert.ok(await client.answered());
      assert.equal(client.status, 403);
      assert.equal(client.body["error"], "ssrf_blocked");
      assert.equal(harness.dials.length, 0);
      assert.deepEqual([harness.rows[0]?.reason, harness.rows[0]?.address], ["private", "10.0.0.5"]);
      assert.ok(!client.text.includes("10.0.0.5"));
    });
  });

  it("no tap of any scope opens a private address", async () => {
    for (const scope of ["once", "session", "always"] as const) {
      await withPerson({ resolve: { "db.example.com": ["10.0.0.5"] } }, async (harness, client, person) => {
        client.send(CONNECT("db.example.com:443"));
        await person.asked(1);
        person.questions[0]!.answer({ ...ONCE, scope });
        assert.ok(await client.answered());
        assert.equal(client.status, 403);
        assert.equal(harness.dials.length, 0);
      });
    }
    const grants: Grant[] = [{ id: "g", scope: "session", host: "db.example.com", port: 443 }];
    await withPerson({ grants, resolve: { "db.example.com": ["10.0.0.5"] } }, async (harness, client) => {
      client.send(CONNECT("db.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.body["error"], "ssrf_blocked");
      assert.equal(harness.dials.length, 0);
    });
  });

  it("nobody is asked about what no tap could open", async () => {
    for (const to of [
      "10.0.0.5:443",
      "127.0.0.1:80",
      "localhost:80",
      "metadata.google.internal:80",
      "git.corp:443",
      "127.0.0.1.nip.io:443",
      "8.8.8.8:6379",
    ]) {
      await withPerson({}, async (_harness, client, person) => {
        client.send(CONNECT(to));
        assert.ok(await client.answered());
        assert.equal(client.status, 403, to);
        assert.equal(person.questions.length, 0, to);
      });
    }
  });

  it("the operator's denial can't be approved, not even when it comes during the hold", async () => {
    await withPerson({}, async (harness, client, person) => {
      client.send(CONNECT("never.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 403);
      assert.equal(person.questions.length, 0);
      const held = harness.client().send(CONNECT("soon.example.com:443"));
      await person.asked(1);
      harness.reload(policyOf("egress: { denied: [{ host: soon.example.com }] }", "ask"));
      person.questions[0]!.answer(ONCE);
      assert.ok(await held.answered());
      assert.equal(held.status, 403);
      assert.equal(harness.dials.length, 0);
    });
  });

  it("a single grant is used by exactly one of many; the others are asked about", async () => {
    const grants: Grant[] = [{ id: "g1", scope: "once", host: "new.example.com", port: 443 }];
    await withPerson({ grants }, async (harness, _client, person) => {
      const clients = Array.from({ length: 10 }, () => harness.client().send(CONNECT("new.example.com:443")));
      await person.asked(9);
      for (const { answer } of person.questions) answer({ kind: "expired" });
      await Promise.all(clients.map((client) => client.answered()));
      assert.deepEqual(clients.map((client) => client.status).sort(), [200, ...Array(9).fill(403)]);
      assert.deepEqual(person.consumed, ["g1"]);
      for (const client of clients) client.socket.destroy();
    });
  });

  it("a request is asked for with method and path, a WebSocket as such", async () => {
    await withPerson({ raw: undefined as never }, async (harness, client, person) => {
      client.send(
        "POST http://new.example.com/v1/../x?token=secret HTTP/1.1\r\nHost: new.example.com\r\nContent-Length: 2\r\n\r\nhi",
      );
      await person.asked(1);
      const { method, path, scheme } = person.questions[0]!.question;
      assert.deepEqual({ method, path, scheme }, { method: "POST", path: "/x", scheme: "http" });
      person.questions[0]!.answer(ONCE);
      assert.ok(await client.answered());
      assert.equal(client.status, 200);
      assert.deepEqual([harness.seen[0]?.url, harness.seen[0]?.body], ["/x?token=secret", "hi"]);
      const socket = harness.client();
      socket.send(
        "GET http://new.example.com/ws HTTP/1.1\r\nHost: new.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      );
      await person.asked(2);
      assert.equal(person.questions[1]!.question.method, "WEBSOCKET");
    });
  });

  it("requests inside an approved tunnel are covered, until it ends", async () => {
    const until = new AbortController();
    await withPerson({ raw: undefined as never }, async (harness, client, person) => {
      client.send(CONNECT("new.example.com:80"));
      await person.asked(1);
      person.questions[0]!.answer({ ...ONCE, until: until.signal } as HoldOutcome);
      assert.ok(await client.answered());
      for (const path of ["/a", "/b"]) {
        client.clear().send(`GET ${path} HTTP/1.1\r\nHost: new.example.com\r\n\r\n`);
        assert.ok(await client.until((c) => c.text.endsWith("ok")));
      }
      assert.equal(person.questions.length, 1);
      assert.equal(harness.seen.length, 2);
    });
  });

  it("what a single approval opened ends when its time is over", async () => {
    const until = new AbortController();
    await withPerson({}, async (harness, client, person) => {
      client.send(CONNECT("new.example.com:443"));
      await person.asked(1);
      person.questions[0]!.answer({ ...ONCE, until: until.signal } as HoldOutcome);
      assert.ok(await client.answered());
      client.send(clientHello("new.example.com"));
      assert.ok(await client.until(() => harness.upstreamBytes > 0));
      harness.reload(ASK);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(client.ended, false, "a reload that doesn't deny it leaves it open");
      until.abort();
      assert.ok(await client.gone(1_000));
    });
  });

  it("a session grant that is taken back closes its tunnels", async () => {
    const grants: Grant[] = [{ id: "g", scope: "session", host: "new.example.com", port: 443 }];
    await withPerson({ grants }, async (harness, client) => {
      client.send(CONNECT("new.example.com:443"));
      assert.ok(await client.answered());
      client.send(clientHello("new.example.com"));
      assert.ok(await client.until(() => harness.upstreamBytes > 0));
      harness.reload(ASK, []);
      assert.ok(await client.gone(1_000));
    });
  });

  it("an audit that can't be written denies", async () => {
    const audit = { decided: () => Promise.reject(new Error("disk full")), closed: () => {} };
    const policy = policyOf("egress: { allowed: [{ host: api.example.com, port: 443 }] }");
    await withPerson({ audit, policy }, async (harness, client) => {
      client.send(CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 503);
      assert.equal(client.body["error"], "audit_unavailable");
      assert.equal(harness.upstreamBytes, 0);
    });
  });
});

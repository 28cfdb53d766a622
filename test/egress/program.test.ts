/**
 * The program behind a connection: looked up once, waited for only where a decision or a person depends on it, and at
 * most 200 ms; unknown matches no rule and no grant that names a program.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProgramLookup, Question } from "../../src/gateway/egress/proxy/ports.ts";
import type { Grant } from "../../src/gateway/policy/decide.ts";
import { type HarnessOptions, policyOf, SINK } from "./harness.ts";
import { CONNECT, EXACT, GET, withProxy } from "./proxy-kit.ts";

const LINE = "PROXY TCP4 127.0.0.1 127.0.0.1 40001 3128\r\n";
const GIT = "/usr/bin/git";
const FOR_GIT = policyOf(
  `version: 1\nnetwork_policies: { a: { endpoints: [{ host: api.example.com, ports: [80, 443] }], binaries: [{ path: ${GIT} }] } }`,
);
const ASKS = policyOf("version: 1\nnetwork_policies: {}", "ask");

/** A lookup that takes its time and counts how often it is asked. */
function lookup(path: string | undefined, ms = 0): ProgramLookup & { asked: number } {
  const look = async () => {
    look.asked += 1;
    if (ms > 0) await sleep(ms);
    return path;
  };
  look.asked = 0;
  return look;
}

/** Status of one CONNECT, how long it took, and the rows. */
async function connect(options: HarnessOptions, prefix = LINE) {
  let result = { status: 0, ms: 0, decision: undefined as string | undefined };
  await withProxy({ raw: SINK, ...options }, async (harness, client) => {
    const began = performance.now();
    client.send(prefix + CONNECT("api.example.com:443"));
    assert.ok(await client.answered());
    const decision = harness.rows.find((row) => row.event === "decision")?.binary;
    result = { status: client.status, ms: performance.now() - began, decision };
  });
  return result;
}

describe("the program behind a connection", () => {
  it("a rule for a program waits for the answer: that program passes, others and unknown don't", async () => {
    const slow = await connect({ policy: FOR_GIT, programOf: lookup(GIT, 80) });
    assert.deepEqual([slow.status, slow.decision], [200, GIT]);
    const other = await connect({ policy: FOR_GIT, programOf: lookup("/usr/bin/curl", 80) });
    assert.deepEqual([other.status, other.decision], [403, "/usr/bin/curl"]);
    assert.equal((await connect({ policy: FOR_GIT, programOf: lookup(undefined) })).status, 403);
    assert.equal((await connect({ policy: FOR_GIT })).status, 403, "nobody to ask");
    const rejects: ProgramLookup = async () => Promise.reject(new Error("launcher gone"));
    assert.equal((await connect({ policy: FOR_GIT, programOf: rejects })).status, 403);
  });

  it("late is unknown, for good", async () => {
    await withProxy({ policy: FOR_GIT, programOf: lookup(GIT, 350) }, async (harness, client) => {
      const began = performance.now();
      client.send(LINE + GET("http://api.example.com/"));
      assert.ok(await client.answered());
      const ms = performance.now() - began;
      assert.equal(client.status, 403);
      assert.ok(ms >= 190 && ms < 340, `${ms} ms`);
      await sleep(400);
      assert.deepEqual(
        harness.rows.map((row) => row.binary),
        [undefined],
      );
    });
  });

  it("without such rules nobody waits; the close row has what became known meanwhile", async () => {
    const programOf = lookup(GIT, 150);
    await withProxy({ policy: EXACT, programOf, raw: SINK }, async (harness, client) => {
      const began = performance.now();
      client.send(LINE + CONNECT("api.example.com:443"));
      assert.ok(await client.answered());
      assert.equal(client.status, 200);
      assert.ok(performance.now() - began < 140);
      assert.equal(harness.rows[0]?.binary, undefined);
      await sleep(200);
      client.socket.destroy();
      assert.ok(await client.until(() => harness.rows.length === 2));
      assert.deepEqual([harness.rows[1]?.event, harness.rows[1]?.binary], ["close", GIT]);
    });
    assert.equal(programOf.asked, 1);
    assert.equal((await connect({ policy: EXACT, programOf: lookup(GIT) })).decision, GIT, "known in time");
  });

  it("one lookup for all requests of a connection, none without the line or for a refused head", async () => {
    const programOf = lookup(GIT);
    await withProxy({ policy: FOR_GIT, programOf }, async (harness, client) => {
      for (const prefix of [LINE, ""]) {
        client.clear().send(prefix + GET("http://api.example.com/"));
        assert.ok(await client.until((c) => c.text.endsWith("ok")));
      }
      assert.equal(harness.seen.length, 2);
    });
    assert.equal(programOf.asked, 1);
    await connect({ policy: EXACT, programOf }, "");
    assert.equal((await connect({ policy: FOR_GIT, programOf }, "PROXY UNKNOWN\r\n")).status, 403);
    assert.equal((await connect({ policy: EXACT, programOf }, "PROXY UNKNOWN\r\n")).status, 200);
    assert.equal((await connect({ policy: EXACT, programOf }, `PROXY UNKNOWN\r\n${LINE}`)).status, 400);
    assert.equal(programOf.asked, 1);
  });

  it("who is asked sees the program; who is denied has it on record", async () => {
    const questions: Question[] = [];
    const approver = {
      hold: async (question: Question) => {
        questions.push(question);
        return { kind: "denied" as const };
      },
      consume: async () => ({}),
    };
    for (const ms of [0, 60, 350]) {
      const { status, decision } = await connect({ policy: ASKS, approver, programOf: lookup(GIT, ms) });
      assert.equal(status, 403);
      assert.equal(decision, ms < 200 ? GIT : undefined);
    }
    assert.deepEqual(
      questions.map((question) => question.binary),
      [GIT, GIT, undefined],
    );
    const denied = await connect({
      policy: policyOf("version: 1\nnetwork_policies: {}"),
      programOf: lookup(GIT, 60),
    });
    assert.deepEqual([denied.status, denied.decision], [403, GIT]);
  });

  it("a grant holds for the program that it was shown for, and one for “unknown” for no known one", async () => {
    const grant = { id: "g1", scope: "session", host: "api.example.com", port: 443 } as const;
    const status = async (granted: Grant, path: string | undefined) =>
      (await connect({ policy: ASKS, grants: [granted], programOf: lookup(path, 60) })).status;
    assert.equal(await status({ ...grant, binary: GIT }, GIT), 200);
    assert.equal(await status({ ...grant, binary: GIT }, "/usr/bin/curl"), 403);
    assert.equal(await status({ ...grant, binary: GIT }, undefined), 403);
    assert.equal(await status(grant, undefined), 200);
    assert.equal(await status(grant, GIT), 403);
  });
});

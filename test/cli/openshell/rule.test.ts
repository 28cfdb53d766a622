/** `openshell rule …` and `policy delete` as programs, over real approvals and policies on a real Redis. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Approvals, approvalMethods } from "../../../src/gateway/approvals/index.ts";
import type { HoldOutcome, Question } from "../../../src/gateway/egress/proxy/index.ts";
import { policyMethods } from "../../../src/gateway/policy/live/index.ts";
import { type AdminServer, serveAdmin } from "../../../src/lib/admin/server.ts";
import { newId, OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import type { ApprovalRecord, Store } from "../../../src/store/index.ts";
import { allowing, type Gate, gate, scratch } from "../../gateway/policy/live-kit.ts";
import { runCommand } from "../../helpers/command.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";

let redis: TestRedis;
let store: Store;
let worker: Store;
let policies: Gate;
let approvals: Approvals;
let server: AdminServer;
const home = scratch();
const notes: [kind: string, fields: Record<string, unknown>][] = [];

before(async () => {
  redis = await startTestRedis();
  store = redis.store("gateway");
  worker = redis.store("worker");
  await Promise.all([store.ready(), worker.ready()]);
  policies = await gate(redis);
  approvals = new Approvals({
    ...{ store: store.approvals, asks: store.commandAsks, turns: store.contexts, logger: silent },
    limits: { holdMs: 20_000 },
    note: (kind, fields) => void notes.push([kind, fields]),
  });
  await approvals.start();
  const methods = { ...policyMethods(policies.desk), ...approvalMethods(approvals, store.approvals) };
  server = await serveAdmin(pathsOf(home.dir).adminSocket, methods, silent);
  await worker.contexts.begin(
    OPERATOR_PRINCIPAL,
    {
      ...{ turnId: newId("t"), kind: "turn", scopeId: "c_1:1", conversation: "console.main" },
      ...{ bridge: "console", deliver: { chat: "main" } },
    },
    600_000,
  );
});
after(async () => {
  await server.close();
  await approvals.close();
  await policies.book.close();
  for (const one of [store, worker]) await one.close();
  await redis.stop();
  home.remove();
});

const openshell = (...args: string[]) => runCommand("openshell", args, { home: home.dir });
const never = new AbortController().signal;

/** A connection that waits, and its card. */
async function held(host: string, more: Partial<Question> = {}) {
  const { desk } = approvals.of(OPERATOR_PRINCIPAL);
  const outcome: Promise<HoldOutcome> = desk.hold(
    {
      ...{ sandboxId: OPERATOR_PRINCIPAL, scheme: "tunnel", host, kind: "name", idn: false, port: 443 },
      ...{ policyHash: "h", binary: "/usr/bin/curl" },
      ...more,
    },
    never,
  );
  let record: ApprovalRecord | undefined;
  for (let i = 0; i < 400 && !record; i++) {
    record = (await store.approvals.pending(OPERATOR_PRINCIPAL)).find((one) => one.facts.host === host);
    if (!record) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(record);
  return { outcome, id: record.approvalId };
}

describe("openshell rule", () => {
  it("get shows what waits in OpenShell's shape; approve is for good", async () => {
    const { outcome, id } = await held("api.example.com");
    const got = await openshell("rule", "get", "my-agent");
    assert.equal(got.code, 0, got.err);
    assert.equal(
      got.out,
      [
        "Network Rules:  (version 0, 1 chunk)",
        "",
        `  Chunk: ${id}`,
        "  Status: pending",
        "  Rule: allow_api_example_com_443",
        "  Binary: /usr/bin/curl",
        "",
        "  Rationale: the agent said nothing about it",
        "  Security: first-time",
        "  Endpoints: api.example.com:443 (any method, any path)",
        "  Binaries: /usr/bin/curl",
        "",
      ].join("\n"),
    );
    const approved = await openshell("rule", "approve", "my-agent", "--chunk-id", id);
    assert.match(approved.out, /^OK Chunk approved\. Policy version: \d+, hash: \S+\n$/, approved.err);
    assert.equal((await outcome).kind, "allowed");
    assert.equal((await store.approvals.rules(OPERATOR_PRINCIPAL))[0]?.host, "api.example.com");
    const again = await openshell("rule", "approve", "--chunk-id", id.slice(0, 8));
    assert.deepEqual([again.code, again.out], [1, ""]);
    assert.match(again.err, /is decided already: allowed-always/);
  });
  it("approve --once lets through what waits and leaves no rule", async () => {
    const { outcome, id } = await held("once.example.com");
    const { code, err } = await openshell("rule", "approve", "--chunk-id", id, "--once");
    assert.equal(code, 0, err);
    const what = await outcome;
    assert.ok(what.kind === "allowed" && what.scope === "once");
    assert.equal((await store.approvals.rules(OPERATOR_PRINCIPAL)).length, 1);
  });
  it("reject refuses, its reason is on record; history tells both", async () => {
    const { outcome, id } = await held("bad.example.com");
    const rejected = await openshell("rule", "reject", "--chunk-id", id, "--reason", "not needed");
    assert.equal(rejected.out, "OK Chunk rejected.\n", rejected.err);
    assert.equal((await outcome).kind, "denied");
    const note = notes.find(([, fields]) => fields["approvalId"] === id);
    assert.equal(note?.[1]["reason"], "not needed");
    const { out } = await openshell("rule", "history", "my-agent");
    assert.match(
      out,
      /^Rule History:\n\n {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d approved \[[a-z0-9]{8}\] api\.example\.com:443/,
    );
    assert.match(out, /rejected \[[a-z0-9]{8}\] bad\.example\.com:443 \(denied by operator:operator\)\n$/);
    const json = JSON.parse((await openshell("rule", "get", "--status", "rejected", "-o", "json")).out);
    assert.deepEqual(
      json.chunks.map(({ host, status, outcome: how }: Record<string, string>) => [host, status, how]),
      [["bad.example.com", "rejected", "denied"]],
    );
  });
  it("approve-all skips what is flagged, clear refuses the rest", async () => {
    const plain = await held("raw.paste.example", { host: "api.example.com", port: 8443 } as never).catch(
      () => undefined,
    );
    assert.equal(plain, undefined, "another port of a known host is told apart by its host");
    const flagged = await held("pastebin.com");
    const all = await openshell("rule", "approve-all", "my-agent");
    assert.match(all.out, /^OK \d chunks approved, 1 flagged ones skipped\.\n$/, all.err);
    const cleared = await openshell("rule", "clear", "my-agent");
    assert.equal(cleared.out, "OK 1 chunks rejected.\n", cleared.err);
    assert.equal((await flagged.outcome).kind, "denied");
    assert.equal((await openshell("rule", "get")).out, "No network rules.\n");
  });
  it("wrong words are said with what to do", async () => {
    const cases: [args: string[], code: number, err: RegExp][] = [
      [["approve"], 2, /--chunk-id/],
      [["approve", "--chunk-id", "a_zzzzzz"], 1, /there is no approval a_zzzzzz[\s\S]*→/],
      [["approve", "--chunk-id", "a_zzzzzz", "--once", "--session"], 2, /exclude each other/],
      [["get", "nobody"], 1, /there is no sandbox nobody/],
      [["aprove"], 2, /Did you mean approve/],
      [["get", "--status", "odd"], 2, /pending/],
    ];
    const check = async ([args, code, err]: (typeof cases)[number]) => {
      const run = await openshell("rule", ...args);
      assert.equal(run.code, code, `${args.join(" ")}: ${run.err}`);
      assert.match(run.err, err);
    };
    await Promise.all(cases.map(check));
  });
});

describe("openshell policy delete", () => {
  it("takes a sandbox's own policy back; the default needs --global", async () => {
    const set = (...args: string[]) =>
      runCommand("openshell", ["policy", "set", ...args, "--policy", "-"], {
        home: home.dir,
        input: allowing("api.example.org"),
      });
    assert.equal((await set("my-agent")).code, 0);
    const deleted = await openshell("policy", "delete", "my-agent", "--wait");
    assert.equal(deleted.code, 0, deleted.err);
    assert.match(deleted.err, /✓ Policy version 2 loaded/);
    const { out } = await openshell("policy", "get", "my-agent", "--full");
    assert.doesNotMatch(out, /api\.example\.org/);
    assert.equal((await openshell("policy", "delete")).code, 2);
    assert.equal((await openshell("policy", "delete", "my-agent", "--global")).code, 2);
    await set();
    assert.equal((await openshell("policy", "delete", "--global")).code, 0);
    assert.doesNotMatch((await openshell("policy", "get", "--full")).out, /api\.example\.org/);
  });
});

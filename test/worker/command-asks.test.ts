/**
 * OpenClaw's own questions before commands: from the guest over the worker to a card and back, over real Redis with the
 * real ACL, a real gateway half and a fake guest.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Approvals } from "../../src/gateway/approvals/index.ts";
import { newId, principalOf } from "../../src/lib/ids.ts";
import type { ApprovalRecord, Store, TapVerb } from "../../src/store/index.ts";
import { silent } from "../helpers/redis.ts";
import { eventually, Harness } from "./helpers/harness.ts";

describe("command approvals", () => {
  let h: Harness;
  let gateway: Store;
  let approvals: Approvals;
  const notes: string[] = [];
  before(async () => {
    h = await Harness.start();
    await h.worker({ maxWarm: 100 });
    gateway = h.redis.store("gateway");
    await gateway.ready();
    approvals = new Approvals({
      store: gateway.approvals,
      asks: gateway.commandAsks,
      turns: gateway.contexts,
      logger: silent,
      deciders: { mayDecide: async (_, by) => by.identity === "7", anybody: async () => true },
      note: (kind) => void notes.push(kind),
    });
    await approvals.start();
  });
  after(async () => {
    await approvals.close();
    await gateway.close();
    const violations = h.violations();
    await h.stop();
    assert.deepEqual(violations, []);
  });

  /** Its turn waits for a word about a command. */
  async function asking(who: string): Promise<ApprovalRecord> {
    const principal = principalOf("console", who);
    approvals.of(principal);
    await h.say(who, `ask rm -r build`);
    let record: ApprovalRecord | undefined;
    await eventually(async () => {
      [record] = await gateway.approvals.pending(principal);
      return record !== undefined;
    });
    return record!;
  }

  async function tap(record: ApprovalRecord, verb: TapVerb, identity = "7"): Promise<string> {
    const { principal, approvalId, conversation, bridge } = record;
    const cards = h.bridge.cards(bridge);
    const message = "m1";
    await cards.setMessage(approvalId, {
      ...{ v: 1, state: "sent", message, conversation, principal, rev: record.rev },
    });
    const by = { via: "console", identity, name: "Ann" };
    const press = { kind: "decide" as const, v: 1, tapId: newId("k"), approvalId, verb, by };
    return (await cards.tap(principal, { ...press, bridge, conversation, message })).kind;
  }

  it("a tap lets the command run, and opens nothing outside", async () => {
    const record = await asking("ann");
    assert.equal(record.command?.line, "rm -r build");
    assert.equal(record.facts.host, "");
    assert.equal(await tap(record, "once"), "done");
    assert.deepEqual(await h.until("ann", 1), ["final: allow-once"]);
    assert.deepEqual(await gateway.approvals.grants(record.principal), []);
    assert.deepEqual(await gateway.approvals.rules(record.principal), []);
    assert.ok(notes.includes("command.decided"));
  });

  it("Deny is told to the agent; a stranger's tap and a choice that isn't offered do nothing", async () => {
    const record = await asking("bob");
    assert.equal(await tap(record, "once", "8"), "stranger");
    for (const verb of ["session", "always", "always-confirmed"] as const)
      assert.equal(await tap(record, verb), "gone", verb);
    assert.equal((await gateway.approvals.get(record.principal, record.approvalId))?.state, "pending");
    assert.equal(await tap(record, "deny"), "done");
    assert.deepEqual(await h.until("bob", 1), ["final: deny"]);
  });

  it("a turn that is stopped takes its card with it", async () => {
    const record = await asking("cat");
    await h.say("cat", "/stop");
    await eventually(
      async () => (await gateway.approvals.get(record.principal, record.approvalId))?.state === "cancelled",
    );
    assert.equal(await tap(record, "once"), "cancelled");
  });
});

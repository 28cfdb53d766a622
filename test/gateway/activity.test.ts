/** What the gateway shows live: rows once they are on record, who begins to wait, cards as they change, model calls. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gatewayFeed, shownApprover, shownAudit, shownCards } from "../../src/gateway/activity.ts";
import type { AuditRow, Question } from "../../src/gateway/egress/proxy/index.ts";
import type { ApprovalPort, ApprovalRecord } from "../../src/store/index.ts";
import { chat, SANDBOX, send, startRig } from "./harness.ts";

const row = (more: Partial<AuditRow> = {}): AuditRow => ({
  ...{ event: "decision", id: "c1", sandboxId: SANDBOX, scheme: "tunnel", host: "api.example.com" },
  ...{ port: 443, verdict: "allow", reason: "rule" },
  ...more,
});

describe("the gateway's activity", () => {
  it("shows an allowed row when it is written, a denied one at once, none that can't be written", async () => {
    const feed = gatewayFeed();
    const written = Promise.withResolvers<void>();
    const answers = [written.promise, Promise.reject(new Error("disk full")), undefined];
    const audit = shownAudit({ decided: () => answers.shift(), closed: () => {} }, feed);
    const first = audit.decided(row({ id: "c1" }));
    assert.equal(feed.read({}, 9).items.length, 0);
    written.resolve();
    await first;
    await assert.rejects(async () => audit.decided(row({ id: "c2" })), /disk full/);
    void audit.decided(row({ id: "c3", verdict: "deny" }));
    audit.closed(row({ id: "c1", event: "close" }));
    const shown = feed.read({}, 9).items.map((item) => item.kind === "request" && item.row.id);
    assert.deepEqual(shown, ["c1", "c3", "c1"]);
  });
  it("shows who begins to wait, and cards as they are written", async () => {
    const feed = gatewayFeed();
    const outcome = { kind: "denied" } as const;
    const question = { sandboxId: SANDBOX, host: "x.test", port: 80 } as Question;
    const approver = shownApprover({ hold: async () => outcome, consume: async () => false }, feed);
    assert.equal(await approver.hold(question, new AbortController().signal), outcome);
    const record = { approvalId: "a_1" } as ApprovalRecord;
    const cards = shownCards(
      {
        open: async () => ({ kind: "busy", open: 5 }),
        holding: async () => record,
        decide: async () => undefined,
        list: async () => [record],
      } as unknown as ApprovalPort,
      feed,
    );
    await cards.open(SANDBOX, {} as never, 5);
    await cards.holding(SANDBOX, "a_1", 1, 1, false);
    await cards.decide(SANDBOX, "a_1", { state: "denied", late: false, bridge: "b" });
    assert.deepEqual(await cards.list(SANDBOX), [record], "the rest is the store's");
    const shown = feed.read({}, 9).items;
    assert.deepEqual(
      shown.map(({ kind }) => kind),
      ["asked", "approval"],
    );
    assert.equal(shown[0]?.kind === "asked" && shown[0].question, question);
  });
  it("shows each call of the model with its tokens, and nothing of its content", async () => {
    await using r = await startRig({ config: { default: { provider: "demo" } } });
    const reply = await send(r.socket(), { body: chat("the secret word is pineapple") });
    assert.equal(reply.status, 200);
    await r.until(() => r.activity().length === 1);
    const [call] = r.activity();
    assert.ok(call?.kind === "inference");
    assert.equal(call.sandboxId, SANDBOX);
    assert.equal(call.verdict, "ok");
    assert.ok((call.input ?? 0) > 0 && (call.output ?? 0) > 0 && call.ms >= 0);
    assert.ok(!JSON.stringify(call).includes("pineapple"));
  });
});

/** What becomes of a turn's placeholder of which nobody knows whether it was posted, when its answer comes. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { turnAnchor } from "../../../src/bridges/core/anchors.ts";
import { Counters } from "../../../src/bridges/core/counters.ts";
import { type DeliverDeps, deliverAnswer } from "../../../src/bridges/core/deliver.ts";
import type { AnchorKey, BridgePlatform, Outcome } from "../../../src/bridges/core/port.ts";
import type { AnswerRecord } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";

const TURN = "t_aaaaaaaaaaaaaaaaaaaa";
const AT = { conversation: "test.1", turnId: TURN, deliver: { chat: "1" } };
const ANSWER = {
  ...{ ...AT, answerId: "a1", bridge: "test", at: 0 },
  body: { kind: "final", markdown: "THE FINAL" },
} as unknown as AnswerRecord;

/** A store with the turn's placeholder in this state, and a platform that answers posts in turn. */
function setUp(state: "sending" | "sent", id: string, posts: Outcome<string>[]) {
  const anchor = { state: state as string, id };
  const asked: Pick<AnchorKey, "key" | "again">[] = [];
  const edited: string[] = [];
  const deleted: string[] = [];
  const platform = {
    capabilities: { supportsDrafts: false, supportsButtons: false, supportsTyping: false },
    limits: { textUnits: 1_000, editIntervalMs: 1, typingIntervalMs: 1 },
    measure: () => 1,
    sendAnchor: async (_: unknown, { key, again }: AnchorKey) => {
      asked.push({ key, again });
      return posts.shift() ?? { kind: "ok", value: "new" };
    },
    editMessage: async (_: unknown, message: string) => {
      edited.push(message);
      return { kind: "ok", value: undefined };
    },
    deleteMessage: async (_: unknown, message: string) => {
      deleted.push(message);
      return { kind: "ok", value: undefined };
    },
  } as unknown as BridgePlatform;
  const store = {
    anchor: async () => ({ ...anchor }),
    setAnchor: async (_c: string, _t: string, now: string, value: string) =>
      void Object.assign(anchor, { state: now, id: value }),
    plan: async () => [{ state: "queued", attempt: 0, anchor: "" }],
    part: async () => {},
    done: async () => {},
  };
  const drafts = { takeOver: async () => ({ tainted: true }), forget: () => {} };
  const deps = {
    platform,
    store,
    drafts,
    counters: new Counters(),
    logger: silent,
  } as unknown as DeliverDeps;
  return { deps, asked, edited, deleted };
}

it("its post had no answer when the answer took over: it is looked for, and holds the final", async () => {
  const { deps, asked, edited, deleted } = setUp("sending", "", [{ kind: "ok", value: "found" }]);
  assert.deepEqual(await deliverAnswer(deps, ANSWER), { kind: "done" });
  assert.deepEqual(asked, [{ key: `turn.${TURN}`, again: true }]);
  assert.deepEqual([edited, deleted], [["found"], []]);
});

it("a late edit may still arrive at it: the final is a message of its own, and it goes away", async () => {
  const { deps, asked, edited, deleted } = setUp("sent", "old", []);
  assert.deepEqual(await deliverAnswer(deps, ANSWER), { kind: "done" });
  assert.deepEqual(asked, [{ key: "answer.a1.0.0", again: false }]);
  assert.deepEqual([edited, deleted], [["new"], ["old"]]);
});

it("an attempt that certainly had no effect doesn't make an earlier one's known", async () => {
  const unknown = { kind: "unknown", code: "reset" } as const;
  const refused = { kind: "not-applied", code: "429", retryAfterMs: 1 } as const;
  const { deps, asked } = setUp("sending", "", [unknown, refused]);
  for (let i = 0; i < 3; i++) await turnAnchor(deps, AT);
  assert.deepEqual(
    asked.map(({ again }) => again),
    [true, true, true],
  );
});

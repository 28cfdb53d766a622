/** Approval cards, the same on every platform: what people see and press. The gateway's half is the suite's. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApprovalRecord } from "../../../src/store/index.ts";
import type { Case } from "./cases.ts";
import { ask, eventually, type Shown, type World } from "./world.ts";

const it = (name: string, run: Case["run"]): Case => ({ name: `card: ${name}`, run });

/** The card as it is shown now. */
async function shown(w: World, me: string, approvalId: string): Promise<Shown | undefined> {
  const message = w.cards.messageOf(w.platform.home(me).bridge, approvalId)?.message;
  return (await w.platform.shown(me)).find(({ id }) => id === message);
}

async function opened(w: World, me: string, more: Partial<ApprovalRecord> = {}) {
  // A bot can't write first.
  if ((await w.platform.shown(me)).length === 0) await ask(w, me, "hello", /echo: hello/);
  const { approvalId } = w.cards.ask({ ...w.platform.home(me), ...more });
  const card = await eventually("a card", async () => {
    const found = await shown(w, me, approvalId);
    return found && found.buttons.length > 0 && found;
  });
  return { approvalId, card };
}

const becomes = (w: World, me: string, approvalId: string, want: RegExp) =>
  eventually(
    `card ${want}`,
    async () => want.test((await shown(w, me, approvalId))?.text ?? "") || undefined,
  );
const tapsOf = (w: World, approvalId: string) =>
  w.cards.taps.filter((tap) => tap.kind === "decide" && tap.approvalId === approvalId);

const OUTCOMES: [verb: string, name: string, want: RegExp][] = [
  ["o", "Allow once", /Allowed once/],
  ["s", "This session", /Allowed for this session/],
  ["a", "Always", /Always allowed/],
  ["d", "Deny", /Denied/],
];

/** All of them. */
export const CARD_CASES: Case[] = [
  it("shows target, choices and nothing to click but them", async (w, me) => {
    const { card } = await opened(w, me, { says: "curl **x** https://evil.example @everyone" });
    assert.match(card.text, /asks to reach\s+api\.example\.com:443/);
    assert.match(card.text, /the agent says: “/);
    assert.deepEqual(
      card.buttons.map(({ label }) => label),
      ["Allow once", "This session", "Always", "Deny"],
    );
    assert.deepEqual(card.links, []);
  }),
  ...OUTCOMES.map(([verb, name, want]) =>
    it(`${name} reaches the gateway once, with who and where, and the card shows it`, async (w, me) => {
      const { approvalId, card } = await opened(w, me);
      await w.platform.press(me, card.id, `ap:${approvalId}:${verb}`);
      await becomes(w, me, approvalId, want);
      assert.deepEqual((await shown(w, me, approvalId))?.buttons, []);
      const [tap, ...more] = tapsOf(w, approvalId);
      assert.equal(more.length, 0);
      const { bridge, conversation } = w.platform.home(me);
      assert.partialDeepStrictEqual(tap, {
        by: { via: w.platform.name, identity: me },
        ...{ bridge, conversation, message: card.id },
      });
    }),
  ),
  it("a second press learns what the first decided", async (w, me) => {
    const { approvalId, card } = await opened(w, me);
    await w.platform.press(me, card.id, `ap:${approvalId}:d`);
    await becomes(w, me, approvalId, /Denied/);
    const late = await w.platform.press(me, card.id, `ap:${approvalId}:o`);
    assert.match(await eventually("a word", () => w.platform.toast(me, late)), /Already decided: denied/);
    assert.equal(w.cards.record(approvalId).state, "denied");
  }),
  it("two presses at once decide once", async (w, me) => {
    const { approvalId, card } = await opened(w, me);
    await Promise.all(
      ["d", "o", "d"].map((verb) => w.platform.press(me, card.id, `ap:${approvalId}:${verb}`)),
    );
    await becomes(w, me, approvalId, /Denied|Allowed once/);
    const { state } = w.cards.record(approvalId);
    await sleep(300);
    assert.equal(w.cards.record(approvalId).state, state);
  }),
  it("a risky Always asks once more", async (w, me) => {
    const { approvalId, card } = await opened(w, me, { risks: ["dyndns"] });
    await w.platform.press(me, card.id, `ap:${approvalId}:a`);
    await becomes(w, me, approvalId, /Always allow this\?/);
    await w.platform.press(me, card.id, `ap:${approvalId}:y`);
    await becomes(w, me, approvalId, /Always allowed/);
  }),
  it("a stranger's press never reaches the gateway", async (w, me) => {
    const { approvalId, card } = await opened(w, me);
    const press = await w.platform.press(me, card.id, `ap:${approvalId}:o`, w.stranger);
    assert.match(await eventually("a word", () => w.platform.toast(me, press, w.stranger)), /can't decide/);
    assert.deepEqual(tapsOf(w, approvalId), []);
    assert.equal(w.cards.record(approvalId).state, "pending");
  }),
  it("the data of a card pressed on another message opens nothing", async (w, me) => {
    const { approvalId } = await opened(w, me);
    const other = await opened(w, me);
    const press = await w.platform.press(me, other.card.id, `ap:${approvalId}:o`);
    assert.match(await eventually("a word", () => w.platform.toast(me, press)), /not the question's own/);
    assert.equal(w.cards.record(approvalId).state, "pending");
  }),
  it("a card that was deleted is posted again while it is open", async (w, me) => {
    const { approvalId, card } = await opened(w, me);
    await w.platform.remove(me, card.id);
    w.cards.change(approvalId, { attempts: 2, holding: false, held: 0 });
    await eventually("another card", async () => {
      const now = await shown(w, me, approvalId);
      return now !== undefined && now.id !== card.id && now.buttons.length > 0;
    });
  }),
  it("what ended without a tap says so", async (w, me) => {
    const { approvalId } = await opened(w, me);
    w.cards.change(approvalId, { state: "expired", holding: false, held: 0 });
    await becomes(w, me, approvalId, /Nobody decided in time/);
  }),
];

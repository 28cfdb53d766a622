/** Answers that grow: native drafts with their Stop button in private chats, edits in groups and their topics. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

const FORUM = -1009;

describe("telegram streaming", () => {
  let s: Setup;
  before(async () => {
    s = await setUp(async (turn, show, cancelled) => {
      show("working");
      // In groups a line says who spoke.
      const said = turn.text.split("\n").at(-1) ?? "";
      if (said.startsWith("stream")) {
        show("waking");
        await sleep(300);
        show("tool", "running `git clone https://evil.example/x`…");
        await sleep(1_100);
        show("text", "so **far** [click](https://evil.example/?q=secret) and evil.example/y");
        await sleep(1_100);
        return { kind: "final", markdown: "so **far** so good" };
      }
      if (said.startsWith("forever")) {
        show("text", "half of it");
        while (!(await cancelled())) await sleep(30);
        return { kind: "notice", code: "cancelled", params: {} };
      }
      if (said.startsWith("quiet")) {
        await sleep(300);
        show("working");
        await sleep(900);
      }
      return { kind: "final", markdown: `echo: ${said}` };
    });
    await s.bridge.close(500);
    s.fake.bot.addGroup({ id: FORUM, is_forum: true, threads: [7, 8] });
    const roles: ReadonlySet<"user"> = new Set(["user"]);
    s.bridge = await s.start({
      owner: "bridge-s",
      admit: async ({ place, sender }) =>
        place.kind === "group" && !place.addressed
          ? { kind: "ignored", reason: "not addressed" }
          : { kind: "admitted", principal: principalOf("telegram", sender.id), roles },
    });
  });
  after(() => s.close());

  it("a private chat shows native drafts with a Stop button, and its final by an anchor", async () => {
    await s.ask(ANN, "stream please", /^so far so good$/, 8_000);
    const message = s.fake.bot.fromBot(ANN).at(-1)!;
    assert.deepEqual(message.history, ["…", "so far so good"]);
    assert.deepEqual(message.entities, [{ type: "bold", offset: 3, length: 3 }]);
    const drafts = s.fake.bot.draftsOf(ANN);
    assert.match(drafts[0]?.text ?? "", /Waking up/);
    assert.ok(drafts.some(({ text }) => /⚙️ running `git clone https:\/\/evil/.test(text)));
    assert.ok(drafts.some(({ text }) => text.startsWith("so far click")));
    assert.equal(new Set(drafts.map(({ draftId }) => draftId)).size, 1, "one draft per turn");
    const calls = s.fake.bot.callsOf("sendMessageDraft");
    assert.ok(calls.every(({ params, outcome }) => params["can_stop"] === true && outcome === "ok"));
    assert.equal(s.fake.bot.draft(ANN), undefined, "the final ended the draft");
  });

  it("says “Thinking…” when nothing else is to be said for a while", async () => {
    await s.ask(ANN, "quiet one", /^echo: quiet one$/, 4_000);
    const turn = s.worker.turns.at(-1)!;
    const shown = s.fake.bot.draftsOf(ANN).at(-1)!;
    assert.equal(shown.text, "");
    assert.equal(turn.text, "quiet one");
  });

  it("the native Stop ends that turn alone; what waits comes next", async () => {
    s.fake.bot.say(ANN, "forever 1");
    await until(() => s.fake.bot.draft(ANN)?.text.startsWith("half of it"), 3_000, "draft");
    s.fake.bot.say(ANN, "after the stop");
    await sleep(400);
    const pressed = performance.now();
    s.fake.bot.pressStop(ANN);
    const stopped = () =>
      s.fake.bot.fromBot(ANN).some(({ text }) => text.includes("This answer was stopped"));
    await until(stopped, 2_000, "stopped");
    assert.ok(performance.now() - pressed < 1_000, "within a second");
    await until(() => s.fake.bot.fromBot(ANN).some(({ text }) => text === "echo: after the stop"));
    assert.ok(!s.fake.bot.fromBot(ANN).some(({ text }) => /were dropped|was dropped/.test(text)));
  });

  it("a Stop for a turn that has ended stops nothing", async () => {
    const chat = { id: ANN, type: "private", first_name: "Ann" };
    s.fake.bot.updates.push("stopped_message_generation", { chat, draft_id: 12_345 });
    await s.ask(ANN, "still here", /^echo: still here$/);
    await until(() => s.fake.bot.unconfirmed() === 0);
  });

  it("a topic is a conversation of its own, streamed by edits at most one a second, answered in the topic", async () => {
    const at = (thread: number) => s.fake.bot.fromBot(FORUM).filter((message) => message.thread === thread);
    s.fake.bot.say(ANN, "@fake_claw_bot stream in seven".replace("@fake_claw_bot ", ""), {
      chat: FORUM,
      thread: 7,
    });
    s.fake.bot.say(ANN, "stream @fake_claw_bot", { chat: FORUM, thread: 7 });
    s.fake.bot.say(BOB, "hello @fake_claw_bot", { chat: FORUM, thread: 8 });
    await until(() => at(8).some(({ text }) => text === "echo: hello @fake_claw_bot"), 15_000, "topic 8");
    await until(() => at(7).some(({ text }) => text === "so far so good"), 20_000, "topic 7");
    assert.equal(at(7).length, 1, "who doesn't mention the bot isn't answered");
    const [message] = at(7);
    assert.equal(message?.history[0], "…");
    assert.ok(message?.history.some((text) => text.includes("Waking up")));
    const edits = s.fake.bot
      .callsOf("editMessageText")
      .filter(({ params }) => params["message_id"] === message?.id)
      .map(({ at: when }) => when);
    const previews = edits.slice(0, -1);
    for (const [i, when] of previews.entries())
      if (i > 0) assert.ok(when - previews[i - 1]! >= 950, `${when - previews[i - 1]!} ms between edits`);
    assert.equal(s.fake.bot.draftsOf(FORUM).length, 0, "no drafts in groups");
    const conversations = new Set(s.worker.turns.map((turn) => turn.conversation));
    for (const thread of [7, 8]) assert.ok(conversations.has(`telegram.7000000001.${FORUM}.${thread}`));
  });

  it("the General topic is addressed by no thread", async () => {
    s.fake.bot.say(ANN, "general @fake_claw_bot", { chat: FORUM });
    const answer = await until(() =>
      s.fake.bot.fromBot(FORUM).find(({ text }) => text === "echo: general @fake_claw_bot"),
    );
    assert.equal(answer.thread, undefined);
    assert.equal(s.worker.turns.at(-1)?.conversation, `telegram.7000000001.${FORUM}`);
  });
});

/** Commands in a chat: what people read, in their language, while turns run or not. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { commandMenu, wordsOf } from "../../../src/bridges/core/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { lookAtHome } from "../../../src/worker/home-look.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

describe("telegram commands", () => {
  let s: Setup;
  before(async () => {
    s = await setUp(async (turn) => {
      if (turn.text.startsWith("hang")) await sleep(1_200);
      if (turn.text === "fail") return { kind: "failure", code: "agent-crashed", reference: turn.turnId };
      return { kind: "final", markdown: `echo: ${turn.text}` };
    });
    await s.bridge.close(500);
    const offers = {
      ...{ models: ["demo/demo-1", "openai/gpt-5", "anthropic/claude-x"], model: "demo/demo-1" },
      dailyTokens: 1_000,
    };
    s.bridge = await s.start({ owner: "bridge-c", offers });
    s.fake.bot.addUser({ id: BOB, language_code: "de" });
  });
  after(() => s.close());
  const last = (user: number) => s.fake.bot.fromBot(user).at(-1)!;

  it("the menu is registered in every language, for private chats and groups", async () => {
    for (const scope of ["all_private_chats", "all_group_chats"]) {
      for (const language of ["de", "es", "fr", "ru"]) {
        const menu = await until(() => s.fake.bot.commandsOf(scope, language));
        assert.deepEqual(
          menu,
          commandMenu(wordsOf(language)).map(({ name, description }) => ({ command: name, description })),
        );
      }
    }
  });

  it("/help lists every command of the menu", async () => {
    const text = await s.ask(ANN, "/help", /your agent answers/);
    for (const { name, description } of commandMenu(wordsOf("en")))
      assert.ok(text.includes(`/${name} – ${description}`), name);
  });

  it("speaks the sender's language: answers of commands, notices of the store, failures of the worker", async () => {
    await s.ask(BOB, "/help", /dein Agent antwortet/);
    await s.ask(BOB, "/new", /Hier beginnt ein neues Gespräch/);
    await s.ask(BOB, "fail", /unerwartet stehen geblieben.*Kennung: t_/s);
    await s.ask(ANN, "fail", /stopped unexpectedly/);
  });

  it("/status says whether the agent works, for how long, and what waits", async () => {
    await s.ask(ANN, "/status", /Nothing is running.*No message waits.*Model: demo\/demo-1/s);
    s.fake.bot.say(ANN, "hang a little");
    await sleep(250);
    s.fake.bot.say(ANN, "next please");
    await sleep(150);
    await s.ask(ANN, "/status", /has been working for \d+ sec.*One message waits/s, 1_000);
    await until(() => s.worker.texts.includes("next please"));
  });

  it("/model lists, chooses by name, number and button, from the next message on", async () => {
    await s.ask(ANN, "/model", /uses demo\/demo-1.*2\. openai\/gpt-5/s);
    const list = s.fake.bot.fromBot(ANN).findLast(({ buttons }) => buttons.length > 0)!;
    assert.deepEqual(
      list.buttons.map(({ text }) => text),
      ["demo/demo-1", "openai/gpt-5", "anthropic/claude-x"],
    );
    s.fake.bot.say(ANN, "hang before");
    await sleep(150);
    const { callbackId } = s.fake.bot.press(ANN, ANN, list.id, { label: "openai/gpt-5" });
    await until(() =>
      s.fake.bot.fromBot(ANN).some(({ text }) => text.includes("conversation uses openai/gpt-5")),
    );
    assert.equal(s.fake.bot.callbackAnswer(callbackId), "");
    await s.ask(ANN, "after", /echo: after/);
    const turnOf = (text: string) => s.worker.turns.find((turn) => turn.text === text);
    assert.equal(turnOf("hang before")?.model, undefined);
    assert.equal(turnOf("after")?.model, "openai/gpt-5");
    await s.ask(ANN, "/model 3", /uses anthropic\/claude-x/);
    await s.ask(ANN, "/model gpt-5", /uses openai\/gpt-5/);
    await s.ask(ANN, "/model gpt-99 [x](https://evil.example)", /don't know the model gpt-99/);
    await s.ask(ANN, "/model demo/demo-1", /uses demo\/demo-1/);
  });

  it("messages of different models are different turns", async () => {
    s.fake.bot.say(ANN, "hang first");
    await sleep(150);
    for (const text of ["one", "/model 2", "two", "/model 1"]) {
      s.fake.bot.say(ANN, text);
      await sleep(60);
    }
    await until(() => s.worker.texts.includes("two"));
    const turn = s.worker.turns.find(({ text }) => text === "two");
    assert.equal(turn?.model, "openai/gpt-5");
  });

  it("/usage shows what was used and what is left", async () => {
    const text = await s.ask(ANN, "/usage", /used today/);
    assert.match(text, /0 tokens \(0 read, 0 written\)/);
    assert.match(text, /1,000 of 1,000 tokens left/);
  });

  it("/queue interrupt: a new message ends the running answer and comes next; others stay", async () => {
    await s.ask(ANN, "/queue", /No message waits.*followup ✓.*steer.*interrupt/s);
    await s.ask(ANN, "/queue sideways", /no way sideways/);
    await s.ask(ANN, "/queue interrupt", /ends the running answer/);
    s.fake.bot.say(ANN, "hang long");
    await sleep(250);
    s.fake.bot.say(ANN, "instead");
    await sleep(150);
    const look = await s.bridgeStore.conversations.look(`telegram.7000000001.${ANN}`);
    const turn = await s.workerStore.turns.get(`telegram.7000000001.${ANN}`);
    assert.equal(look.mode, "interrupt");
    assert.equal(turn?.text, "hang long");
    assert.deepEqual(await s.workerStore.turns.renew(turn!), { kind: "ok", cancel: true, joinable: false });
    await until(() => s.worker.texts.includes("instead"));
    await s.ask(ANN, "/queue followup", /wait until the running answer/);
  });

  it("/queue steer: a message that may join the running turn is told no waiting", async () => {
    await s.ask(BOB, "/queue steer", /erreicht eine neue Nachricht den laufenden Agenten/);
    s.fake.bot.say(BOB, "hang long");
    await sleep(250);
    const before = s.fake.bot.fromBot(BOB).length;
    s.fake.bot.say(BOB, "join in");
    await sleep(400);
    const turn = await s.workerStore.turns.get(`telegram.7000000001.${BOB}`);
    assert.equal(turn?.text, "hang long");
    assert.deepEqual((await s.workerStore.turns.renew(turn!)).kind, "ok");
    assert.ok(
      !s.fake.bot
        .fromBot(BOB)
        .slice(before)
        .some(({ text }) => text.includes("⏳")),
    );
    await s.ask(BOB, "/status", /nächsten Schritt/);
    s.fake.bot.say(BOB, "/stop");
    await s.ask(BOB, "/queue followup", /warten neue Nachrichten/);
  });

  it("/files lists what lies in inbox and outbox, or says that the agent sleeps", async () => {
    let asleep = true;
    const stop = await s.workerStore.homeAnswers.answer((principal) =>
      lookAtHome(
        {
          phase: "warm",
          client: {
            connected: !asleep,
            async listFiles(path) {
              assert.equal(principal, principalOf("telegram", String(ANN)));
              if (path === "outbox") throw new Error("no such folder");
              const file = { path: "re`port_[x](https://evil.example).pdf", kind: "file" as const };
              return { files: [{ ...file, size: 12_345, mode: 0o644 }], eof: true };
            },
          },
        },
        () => {},
      ),
    );
    await s.ask(ANN, "/files", /is asleep/);
    asleep = false;
    const text = await s.ask(ANN, "/files", /one file from you/);
    assert.match(text, /• re port_\[x\]\(https:\/\/evil\.example\)\.pdf, 12\.3 kB/);
    assert.match(text, /No file waits to be sent to you/);
    const { entities } = last(ANN);
    assert.ok(!entities.some(({ type }) => type === "text_link"));
    await stop();
    await s.ask(ANN, "/files", /can't be looked at/, 6_000);
  });

  it("a limit that is hit is said with its end, in the sender's language, and the message isn't taken", async () => {
    const offers = { models: [], model: "demo/demo-1" };
    const next = async (owner: string, more: object) => {
      await s.bridge.close(500);
      s.bridge = await s.start({ owner, offers: { ...offers, ...more } });
    };
    await next("bridge-fast", { messagesPerMinute: 2 });
    for (const text of ["first", "second"]) await s.ask(BOB, text, new RegExp(`echo: ${text}`));
    await s.ask(BOB, "third", /schneller, als ich sie annehmen darf \(2 pro Minute\).* in \d+ s noch einmal/);
    await s.ask(ANN, "somebody else's", /echo: somebody else's/);
    for (const [limit, words] of [
      ["dailyTokens", /Today's tokens are used up, so I did not take this message.* midnight UTC/],
      ["dailyMicros", /Today's budget is used up, so I did not take this message.* midnight UTC/],
    ] as const) {
      await next(limit, { [limit]: 0 });
      // What was used is read with the first message, which doesn't wait for it.
      await s.ask(ANN, `before ${limit}`, /echo: before/);
      await s.ask(ANN, `after ${limit}`, words);
    }
    await sleep(200);
    assert.ok(!s.worker.texts.some((text) => /third|after daily/.test(text)));
    await next("bridge-unlimited", {});
  });

  it("/export sends the conversation since /new as a file", async () => {
    await s.ask(BOB, "/new", /neues Gespräch/);
    await s.ask(BOB, "/export", /noch nichts zu exportieren/);
    await s.ask(BOB, "keep *this* 🐚", /echo: keep this/);
    s.fake.bot.say(BOB, "/export");
    const file = await until(() => last(BOB).file);
    assert.match(file.name, /^conversation-\d{4}-\d\d-\d\d\.md$/);
    const text = Buffer.from(file.base64, "base64").toString("utf8");
    assert.match(
      text,
      /^# Gespräch\n\n## Du, .*\n\nkeep \*this\* 🐚\n\n## Agent, .*\n\necho: keep \*this\* 🐚\n$/,
    );
    assert.match(last(BOB).text, /alles seit \/new/);
  });
});

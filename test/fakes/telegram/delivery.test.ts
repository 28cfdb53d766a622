/** Each rule of the Bot API about files, floods and updates that the fake enforces, and the troubles it makes on order. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { controlClient } from "./index.ts";
import { ANN, type Answer, GROUP, OFF, type Rules, startRules } from "./rules.ts";

describe("fake telegram: delivery", () => {
  let r: Rules;
  before(async () => {
    r = await startRules();
  });
  beforeEach(() => {
    // Each case starts with full buckets.
    r.pass(120_000);
  });
  after(() => r.fake.close());

  const call: Rules["call"] = (...args) => r.call(...args);
  const refused: Rules["refused"] = (...args) => r.refused(...args);
  const send: Rules["send"] = (...args) => r.send(...args);
  const sent: Rules["sent"] = (...args) => r.sent(...args);
  describe("files", () => {
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
    it("come by multipart as attach:// and go by getFile and download, byte for byte", async () => {
      const form = new FormData();
      form.set("chat_id", String(ANN));
      form.set("document", "attach://part1");
      form.set("part1", new Blob([bytes]), "a file.bin");
      const answer = (await (
        await fetch(`${r.fake.url}/bot${r.fake.token}/sendDocument`, { method: "POST", body: form })
      ).json()) as Answer;
      assert.equal(answer.ok, true, answer.description);
      assert.equal(answer.result.document.file_name, "a file.bin");
      const { result } = await call("getFile", { file_id: answer.result.document.file_id });
      const back = await fetch(`${r.fake.url}/file/bot${r.fake.token}/${result.file_path}`);
      assert.deepEqual(Buffer.from(await back.arrayBuffer()), bytes);
      assert.equal((await fetch(`${r.fake.url}/file/botwrong/${result.file_path}`)).status, 404);
    });
    it("from people can be fetched", async () => {
      r.fake.bot.sayFile(ANN, { name: "p.png", base64: bytes.toString("base64"), kind: "photo" });
      const update = r.fake.bot.updates.pending.at(-1)!["message"] as { photo: { file_id: string }[] };
      const { result } = await call("getFile", { file_id: update.photo.at(-1)!.file_id });
      const back = await fetch(`${r.fake.url}/file/bot${r.fake.token}/${result.file_path}`);
      assert.deepEqual(Buffer.from(await back.arrayBuffer()), bytes);
    });
    it("of an album come as one message each, in one group, the caption with its file", async () => {
      const { messageIds } = r.fake.bot.sayAlbum(ANN, [
        { name: "a.jpg", base64: "YQ==", kind: "photo", caption: "both" },
        { name: "b.jpg", base64: "Yg==", kind: "photo" },
      ]);
      const updates = r.fake.bot.updates.pending.slice(-2).map((update) => update["message"]) as {
        message_id: number;
        media_group_id: string;
        caption?: string;
      }[];
      assert.deepEqual(
        updates.map((one) => one.message_id),
        messageIds,
      );
      assert.equal(updates[0]?.media_group_id, updates[1]?.media_group_id);
      assert.deepEqual([updates[0]?.caption, updates[1]?.caption], ["both", undefined]);
      assert.throws(() => r.fake.bot.sayAlbum(ANN, [{ name: "a", base64: "" }]), /2 to 10/);
    });
    it("are never sent by URL, captions have 1024 units", async () => {
      await refused(
        "sendDocument",
        { chat_id: ANN, document: "https://evil.example/x" },
        /media sent by URL/,
      );
      await refused("sendPhoto", { chat_id: ANN, photo: "nope" }, /wrong file identifier/);
      await refused("getFile", { file_id: "nope" }, /wrong file_id/);
      const { result } = await call("sendDocument", {
        chat_id: ANN,
        document: [...r.fake.bot.state.files.keys()][0],
        caption: "x".repeat(1024),
      });
      assert.ok(result.message_id);
      await refused(
        "sendDocument",
        { chat_id: ANN, document: [...r.fake.bot.state.files.keys()][0], caption: "x".repeat(1025) },
        /caption is too long/,
      );
    });
  });

  describe("commands", () => {
    it("have names and descriptions of the right shape", async () => {
      assert.equal(
        (await call("setMyCommands", { commands: [{ command: "new", description: "x" }] })).result,
        true,
      );
      assert.deepEqual((await call("getMyCommands")).result, [{ command: "new", description: "x" }]);
      await refused(
        "setMyCommands",
        { commands: [{ command: "New!", description: "x" }] },
        /BOT_COMMAND_INVALID/,
      );
      await refused(
        "setMyCommands",
        { commands: [{ command: "new", description: "" }] },
        /BOT_COMMAND_DESCRIPTION_INVALID/,
      );
    });
  });

  describe("flood limits", () => {
    it("1 message per second and chat, after a burst; waiting as told is enough", async () => {
      for (let i = 0; i < 12; i++) assert.equal((await send(`b${i}`)).ok, true);
      const answer = await send("too fast");
      assert.equal(answer.error_code, 429);
      assert.match(answer.description ?? "", /Too Many Requests: retry after 1/);
      r.pass(answer.parameters!.retry_after * 1000);
      assert.equal((await send("patient")).ok, true);
      assert.equal((await send("not again")).error_code, 429);
    });
    it("edits count too", async () => {
      const id = await sent("x");
      for (let i = 0; i < 11; i++)
        await call("editMessageText", { chat_id: ANN, message_id: id, text: `e${i}`, ...OFF });
      assert.equal(
        (await call("editMessageText", { chat_id: ANN, message_id: id, text: "more", ...OFF })).error_code,
        429,
      );
    });
    it("20 per minute and group", async () => {
      let ok = 0;
      for (let i = 0; i < 40; i++) {
        if ((await send(`g${i}`, { chat_id: GROUP })).ok) ok += 1;
        r.pass(1_000);
      }
      assert.ok(ok >= 20 && ok <= 33, `${ok} in 40 s`);
    });
    it("30 per second overall", async () => {
      for (let chat = 5_000; chat < 5_040; chat++) r.fake.bot.say(chat, "hi");
      let ok = 0;
      for (let chat = 5_000; chat < 5_040; chat++) if ((await send("x", { chat_id: chat })).ok) ok += 1;
      assert.equal(ok, 30);
    });
  });

  describe("updates", () => {
    const poll = (params: object = {}) => call("getUpdates", params);
    before(async () => {
      await poll({ offset: -1 });
      const last = r.fake.bot.updates.pending.at(-1)!.update_id;
      await poll({ offset: last + 1 });
      assert.equal(r.fake.bot.unconfirmed(), 0);
    });
    it("are given again until a higher offset confirms them", async () => {
      const a = r.fake.bot.say(ANN, "u1").updateId;
      const b = r.fake.bot.say(ANN, "u2").updateId;
      const ids = async (params: object = {}) =>
        (await poll(params)).result.map((u: { update_id: number }) => u.update_id);
      assert.deepEqual(await ids(), [a, b]);
      assert.deepEqual(await ids({ offset: a, limit: 1 }), [a]);
      assert.deepEqual(await ids({ offset: a + 1 }), [b]);
      assert.deepEqual(await ids(), [b]);
      assert.deepEqual(await ids({ offset: b + 1 }), []);
    });
    it("are held by a long poll", async () => {
      const started = Date.now();
      const waiting = poll({ timeout: 5 });
      await sleep(150);
      const { updateId } = r.fake.bot.say(ANN, "wake");
      const { result } = await waiting;
      assert.equal(result[0].update_id, updateId);
      assert.ok(Date.now() - started >= 140 && Date.now() - started < 4_000);
      await poll({ offset: updateId + 1 });
      const empty = Date.now();
      assert.deepEqual((await poll({ timeout: 1 })).result, []);
      assert.ok(Date.now() - empty >= 900);
    });
    it("have one poller: the earlier one gets 409", async () => {
      const first = poll({ timeout: 5 });
      await sleep(50);
      const second = poll({ timeout: 1 });
      const { error_code, description } = await first;
      assert.equal(error_code, 409);
      assert.match(description ?? "", /Conflict: terminated by other getUpdates request/);
      assert.equal((await second).ok, true);
    });
    it("come only in the kinds that were asked for", async () => {
      await poll({ allowed_updates: ["message"] });
      const { messageId, updateId } = r.fake.bot.say(ANN, "first");
      r.fake.bot.editOwn(ANN, messageId, "edited");
      assert.deepEqual(
        (await poll()).result.map((u: object) => Object.keys(u)[1]),
        ["message"],
      );
      await poll({ offset: updateId + 1, allowed_updates: [] });
      const edit = r.fake.bot.editOwn(ANN, messageId, "edited again");
      assert.ok((await poll()).result.some((u: object) => "edited_message" in u));
      await poll({ offset: edit + 1 });
    });
    it("go to a webhook with its secret, and then not to getUpdates", async () => {
      const seen: { secret: string | undefined; text: string }[] = [];
      let status = 500;
      const hook = createServer((request, response) => {
        let body = "";
        request.on("data", (chunk) => {
          body += chunk;
        });
        request.on("end", () => {
          const text = (JSON.parse(body) as { message: { text: string } }).message.text;
          seen.push({
            secret: request.headers["x-telegram-bot-api-secret-token"] as string | undefined,
            text,
          });
          response.writeHead(status).end();
        });
      });
      await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
      await refused("setWebhook", { url, secret_token: "not ok!" }, /unallowed characters/);
      assert.equal((await call("setWebhook", { url, secret_token: "s3cret" })).result, true);
      await refused("getUpdates", {}, /can't use getUpdates method while webhook is active/, 409);
      r.fake.bot.say(ANN, "hooked");
      await sleep(100);
      assert.equal(r.fake.bot.unconfirmed(), 1, "a 500 confirms nothing");
      status = 200;
      await sleep(400);
      assert.ok(seen.length >= 2 && seen.every((one) => one.secret === "s3cret" && one.text === "hooked"));
      assert.equal(r.fake.bot.unconfirmed(), 0);
      assert.equal((await call("deleteWebhook")).result, true);
      hook.close();
    });
  });

  describe("troubles on order", () => {
    const count = () => r.fake.bot.fromBot(ANN).length;
    it("reset before the effect", async () => {
      const before = count();
      r.fake.bot.fault({ kind: "reset-before-apply", method: "sendMessage" });
      await assert.rejects(send("lost"));
      assert.equal(count(), before);
    });
    it("reset or 502 after the effect", async () => {
      const before = count();
      r.fake.bot.fault({ kind: "apply-then-reset", method: "sendMessage" });
      await assert.rejects(send("there 1"));
      r.fake.bot.fault({ kind: "apply-then-502", method: "sendMessage" });
      await assert.rejects(send("there 2"), /JSON/);
      assert.equal(count(), before + 2);
    });
    it("delay, 429 and errors, for matching calls, as often as ordered", async () => {
      r.fake.bot.fault({ kind: "delay", ms: 200, method: "sendMessage", match: "slow" });
      const started = Date.now();
      assert.equal((await send("quick")).ok, true);
      assert.ok(Date.now() - started < 150);
      assert.equal((await send("slow")).ok, true);
      assert.ok(Date.now() - started >= 200);
      r.fake.bot.fault({ kind: "429", retryAfter: 3, method: "sendMessage", times: 2 });
      assert.equal((await send("a")).parameters?.retry_after, 3);
      assert.equal((await send("b")).error_code, 429);
      assert.equal((await send("c")).ok, true);
      r.fake.bot.fault({ kind: "error", code: 403, description: "Forbidden: x", method: "sendMessage" });
      assert.equal((await send("d")).error_code, 403);
      assert.equal(r.fake.bot.clearFaults(), 0);
    });
    it("confirmed updates once more", async () => {
      const { updateId } = r.fake.bot.say(ANN, "twice");
      await call("getUpdates", { offset: updateId });
      await call("getUpdates", { offset: updateId + 1 });
      r.fake.bot.fault({ kind: "duplicate-delivery", method: "getUpdates" });
      assert.equal((await call("getUpdates")).result[0]?.update_id, updateId);
      assert.deepEqual((await call("getUpdates")).result, []);
    });
  });

  it("is controlled over HTTP as in process, and by nothing else", async () => {
    const control = controlClient(r.fake.url);
    const { messageId } = await control.say(ANN, "from another process");
    assert.equal((await control.messages(ANN)).at(-1)?.id, messageId);
    await assert.rejects(control.press(ANN, ANN, 1, { label: "x" }), /no message 1/);
    assert.equal((await fetch(`${r.fake.url}/control/constructor`, { method: "POST" })).status, 404);
    assert.equal((await fetch(`${r.fake.url}/control/token`, { method: "POST" })).status, 404);
  });
});

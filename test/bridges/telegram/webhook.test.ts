/** Updates by webhook: only Telegram is believed, 200 means stored, and a stand-by takes over. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ALLOWED_UPDATES } from "../../../src/bridges/telegram/inbound.ts";
import { Fault } from "../../../src/lib/errors.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("telegram webhook", () => {
  let s: Setup;
  let webhook: { url: string; host: string; port: number; path: string; secret: string; connections: number };
  let refusing = false;
  before(async () => {
    s = await setUp();
    await s.bridge.close(500);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/hook`;
    webhook = { url, host: "127.0.0.1", port, path: "/hook", secret: "s3cret_of-the-test", connections: 1 };
    const { bridgeStore } = s;
    const store = {
      ...bridgeStore,
      ingress: (id: string) => {
        const ingress = bridgeStore.ingress(id);
        const away = () => new Fault({ code: "redis-unreachable", message: "test", retryable: true });
        return {
          ...ingress,
          accept: (event: Parameters<typeof ingress.accept>[0]) =>
            refusing ? Promise.reject(away()) : ingress.accept(event),
        };
      },
    };
    s.bridge = await s.start({ owner: "hook-a", webhook, store });
  });
  after(() => s.close());
  const set = () => s.fake.bot.updates.webhook?.url;
  const post = (body: string, more: { secret?: string; path?: string; method?: string } = {}) =>
    fetch(`http://127.0.0.1:${webhook.port}${more.path ?? "/hook"}`, {
      method: more.method ?? "POST",
      headers: { "x-telegram-bot-api-secret-token": more.secret ?? webhook.secret },
      ...(more.method === "GET" ? {} : { body }),
    }).then((response) => response.status);
  const update = (id: number, text: string) => {
    const chat = { id: ANN, type: "private", first_name: "Ann" };
    const from = { id: ANN, is_bot: false, first_name: "Ann" };
    return JSON.stringify({ update_id: id, message: { message_id: 9_000 + id, date: 1, chat, from, text } });
  };

  it("is set with its secret, in the kinds that we read, and answers like any chat", async () => {
    await until(() => set() === webhook.url, 5_000, "webhook");
    await s.ask(ANN, "by webhook", /^echo: by webhook$/);
    await until(() => s.fake.bot.unconfirmed() === 0);
    assert.ok(s.bridge.status().lastPollAt > 0);
    const { params } = s.fake.bot.callsOf("setWebhook")[0]!;
    assert.equal(params["secret_token"], webhook.secret);
    assert.deepEqual(params["allowed_updates"], ALLOWED_UPDATES);
  });

  it("keeps the order of a chat, and doesn't mix people", async () => {
    for (let i = 0; i < 8; i++) for (const user of [ANN, BOB]) s.fake.bot.say(user, `m${i}`);
    const seen = (user: number) =>
      s.worker.turns
        .filter((turn) => turn.conversation.endsWith(`.${user}`))
        .flatMap((turn) => turn.text.match(/\bm\d\b/g) ?? []);
    for (const user of [ANN, BOB]) {
      await until(() => seen(user).length === 8, 8_000, "all");
      assert.deepEqual(seen(user), ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
    }
  });

  it("believes nobody else: other secrets, paths, methods, bodies", async () => {
    assert.equal(await post(update(1, "forged"), { secret: "" }), 401);
    assert.equal(await post(update(2, "forged"), { secret: `${webhook.secret}x` }), 401);
    assert.equal(await post(update(3, "forged"), { path: "/other" }), 404);
    assert.equal(await post("", { method: "GET" }), 404);
    assert.equal(await post("{"), 400);
    assert.equal(await post('{"update_id":"1"}'), 400);
    assert.equal(await post(`"${"x".repeat(1_100_000)}"`), 413);
    await sleep(100);
    assert.ok(!s.worker.texts.includes("forged"));
  });

  it("is answered only when the update is stored", async () => {
    refusing = true;
    s.fake.bot.say(ANN, "while the store is away");
    await sleep(500);
    assert.equal(s.fake.bot.unconfirmed(), 1);
    refusing = false;
    await until(() => s.worker.texts.includes("while the store is away"), 8_000, "stored");
    await until(() => s.fake.bot.unconfirmed() === 0);
    // The same update again, as after a lost answer of ours.
    const again = update(77, "twice");
    assert.equal(await post(again), 200);
    assert.equal(await post(again), 200);
    await until(() => s.worker.texts.includes("twice"));
    await sleep(200);
    assert.equal(s.worker.texts.filter((text) => text === "twice").length, 1);
  });

  it("a stand-by says 503 until the lease is its own, then takes over within 10 s", async () => {
    const port = await freePort();
    const other = { ...webhook, port, url: `http://127.0.0.1:${port}/hook` };
    const standby = await s.start({ owner: "hook-b", webhook: other });
    assert.equal(standby.status().state, "standby");
    const status = await fetch(other.url, {
      method: "POST",
      headers: { "x-telegram-bot-api-secret-token": webhook.secret },
      body: update(90, "too early"),
    });
    assert.equal(status.status, 503);
    const asked = performance.now();
    await s.bridge.close(500);
    await until(() => set() === other.url, 10_000, "taken over");
    await s.ask(ANN, "to the stand-by", /^echo: to the stand-by$/, 10_000);
    assert.ok(performance.now() - asked < 10_000);
    await standby.close(500);
  });

  it("polling takes the webhook away, and gets what waited there", async () => {
    s.fake.bot.say(ANN, "said to the hook");
    s.bridge = await s.start({ owner: "poll-a" });
    await until(() => s.worker.texts.includes("said to the hook"), 8_000, "polled");
    assert.equal(set(), undefined);
  });

  it("says which port is taken", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await assert.rejects(s.start({ owner: "hook-c", webhook: { ...webhook, port } }), {
      code: "webhook-listen",
      message: new RegExp(`127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\)`),
    });
    server.close();
  });
});

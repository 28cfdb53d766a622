/** One person on Telegram and Discord, over both fakes, a real Redis and the real access component: /link, /unlink, /whoami. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningAccess, runAccess } from "../../src/access/index.ts";
import { type DiscordBridge, runDiscordBridge } from "../../src/bridges/discord/index.ts";
import { runTelegramBridge, type TelegramBridge } from "../../src/bridges/telegram/index.ts";
import { newCode } from "../../src/lib/codes.ts";
import { principalOf } from "../../src/lib/ids.ts";
import { type FakeDiscord, startFakeDiscord } from "../fakes/discord/index.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/index.ts";
import { silent, startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { type TinyWorker, tinyWorker, until } from "./tiny-worker.ts";

const ANN_T = 1001;
const EVE_T = 1666;
const ANN_D = "100000000000001001";

describe("linking two platforms", () => {
  let redis: TestRedis;
  let telegram: FakeTelegram;
  let discord: FakeDiscord;
  let access: RunningAccess;
  let worker: TinyWorker;
  let bridges: (TelegramBridge | DiscordBridge)[] = [];
  let dm = "";
  before(async () => {
    redis = await startTestRedis();
    telegram = await startFakeTelegram({ limits: "off" });
    discord = await startFakeDiscord({ limits: "off", gateway: { identifyMs: 0, heartbeatMs: 2_000 } });
    discord.bot.addUser(ANN_D);
    dm = discord.bot.dm(ANN_D);
    const roles = ["access", "worker", "bridge-telegram", "bridge-discord"] as const;
    const [forAccess, forWorker, forTelegram, forDiscord] = roles.map((role) => redis.store(role));
    await Promise.all([forAccess, forWorker, forTelegram, forDiscord].map((store) => store!.ready()));
    const standing = [`telegram:${ANN_T}`, `telegram:${EVE_T}`, `discord:${ANN_D}`];
    const socketPath = join(redis.home, "access.sock");
    access = await runAccess({ store: forAccess!, logger: silent, socketPath, standing, solo: false });
    worker = tinyWorker(forWorker!);
    const shared = {
      logger: silent,
      allowedUsers: new Set<string>(),
      requestTimeoutMs: 2_000,
      leaseTtlMs: 3_000,
    };
    bridges = [
      runTelegramBridge({
        ...shared,
        token: telegram.token,
        apiRoot: telegram.url,
        store: forTelegram!,
        owner: "t",
      }),
      runDiscordBridge({
        ...{ ...shared, token: discord.token, apiRoot: discord.url, store: forDiscord!, owner: "d" },
        identifyMs: 0,
      }),
    ];
    await Promise.all(bridges.map(({ ready }) => ready));
  });
  after(async () => {
    await worker.close();
    await Promise.all(bridges.map((bridge) => bridge.close(500)));
    await access.close();
    await Promise.all([telegram.close(), discord.close()]);
    await redis.stop();
  });

  const onTelegram = async (user: number, text: string, want: RegExp) => {
    const { messageId } = telegram.bot.say(user, text);
    return await until(
      () => telegram.bot.fromBot(user).find((m) => m.id > messageId && want.test(m.text)),
      5_000,
      `${want} on Telegram; saw ${telegram.bot
        .fromBot(user)
        .map((m) => m.text.slice(0, 50))
        .join(" | ")}`,
    );
  };
  const onDiscord = async (text: string, want: RegExp) => {
    const id = discord.bot.say(ANN_D, dm, text);
    return await until(
      () => discord.bot.fromBot(dm).find((m) => BigInt(m.id) > BigInt(id) && want.test(m.text)),
      5_000,
      `${want} on Discord; saw ${discord.bot
        .fromBot(dm)
        .map((m) => m.text.slice(0, 50))
        .join(" | ")}`,
    );
  };
  const principalNow = () => worker.turns.at(-1)?.principal;
  const [ownT, ownD] = [principalOf("telegram", String(ANN_T)), principalOf("discord", ANN_D)];

  it("refuses guesses, used codes and codes of the same platform", async () => {
    await onDiscord(`/link ${newCode("link")}`, /doesn't count/);
    const begun = await onTelegram(ANN_T, "/link", /Give this code to nobody/);
    const code = /([a-z0-9]{4}-){3}[a-z0-9]{4}/.exec(begun.text)![0];
    await onTelegram(EVE_T, `/link ${code}`, /made on this platform/);
    await onDiscord(`/link ${code}`, /doesn't count/);
    const stored = JSON.stringify(await redis.send("admin", "HGETALL", "nc:{access}:codes"));
    assert.ok(!stored.includes(code));
  });

  it("joins after both sides confirmed, each seeing both ids", async () => {
    await onDiscord("before", /echo: before/);
    assert.equal(principalNow(), ownD);
    const begun = await onTelegram(ANN_T, "/link", /Give this code to nobody/);
    const code = /([a-z0-9]{4}-){3}[a-z0-9]{4}/.exec(begun.text)![0];
    await onDiscord(`/link ${code}`, /confirm/);
    const onT = await until(() =>
      telegram.bot.fromBot(ANN_T).find(({ text }) => /also use your sandbox/.test(text)),
    );
    const onD = await until(() =>
      discord.bot.fromBot(dm).find(({ text }) => /use the sandbox of this account/.test(text)),
    );
    for (const { text } of [onT!, onD!])
      for (const id of [`telegram:${ANN_T}`, `discord:${ANN_D}`]) assert.ok(text.includes(id), text);
    telegram.bot.press(EVE_T, ANN_T, onT!.id, { label: "Yes, that is me" });
    telegram.bot.press(ANN_T, ANN_T, onT!.id, { label: "Yes, that is me" });
    await sleep(400);
    await onDiscord("not yet", /echo: not yet/);
    assert.equal(principalNow(), ownD);
    const yes = onD!.buttons.find(({ label }) => label === "Yes, that is me");
    discord.bot.press(ANN_D, dm, onD!.id, yes!.data);
    await until(
      () => telegram.bot.fromBot(ANN_T).some(({ text }) => /🔗 Linked/.test(text)),
      5_000,
      "linked",
    );
    await until(() => discord.bot.fromBot(dm).some(({ text }) => /🔗 Linked/.test(text)), 5_000, "linked");
    await onDiscord("from Discord", /echo: from Discord/);
    assert.equal(principalNow(), ownT);
    await onDiscord("/whoami", /speak to a sandbox that you are linked to/);
  });

  it("comes apart again, each with its own", async () => {
    await onDiscord("/unlink", /Your own sandbox is back/);
    await onDiscord("mine again", /echo: mine again/);
    assert.equal(principalNow(), ownD);
    await onTelegram(ANN_T, "and mine", /echo: and mine/);
    assert.equal(principalNow(), ownT);
    await onTelegram(ANN_T, "/whoami", /You are telegram:1001/);
  });
});

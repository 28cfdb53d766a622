/** What a socket misses is not lost: RESUME, catch-up from history, zombies, restarts; and what Discord should never send. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Admit } from "../../../src/bridges/core/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { until } from "../tiny-worker.ts";
import { ANN, admitPeople, BOB, GUILD, type Setup, setUp } from "./setup.ts";

describe("discord bridge: gaps", () => {
  let s: Setup;
  let channel: string;
  const bot = () => s.fake.bot;
  // What is said in a guild comes with its speaker.
  const count = (text: string) =>
    s.worker.texts.filter((one) => one.split("\n").some((line) => line.endsWith(text))).length;
  const taken = (text: string, ms = 12_000) => until(() => count(text) > 0, ms, `"${text}" taken`);
  const listening = () => until(() => s.bridge.status().state === "listening", 8_000, "listening");

  before(async () => {
    s = await setUp(undefined, {}, { silenceMs: 1_500 });
    channel = bot().addGuild(GUILD);
    await s.ask(ANN, "warm up", /^echo/);
    await s.ask(ANN, `${s.mention} warm up here`, /^echo/, { channel });
  });
  after(async () => {
    assert.deepEqual(bot().breaches(), []);
    await s.close();
  });

  it("RESUMEs after the connection broke, and takes each message once", async () => {
    const { resumes } = bot().sessions();
    bot().drop();
    bot().tell(ANN, "while it was down");
    await taken("while it was down");
    await listening();
    assert.ok(bot().sessions().resumes > resumes);
    await sleep(300);
    assert.equal(count("while it was down"), 1);
  });
  it("RESUMEs when Discord asks to reconnect (op 7)", async () => {
    const { resumes } = bot().sessions();
    bot().askReconnect();
    await until(() => bot().sessions().resumes > resumes, 8_000);
    await s.ask(ANN, "after op 7", /^echo: after op 7$/, { ms: 8_000 });
  });
  it("after INVALID_SESSION identifies anew and reads what was missed from history, DMs and channels, oldest first", async () => {
    bot().invalidate(false);
    bot().drop();
    for (const n of [1, 2, 3]) bot().tell(ANN, `missed ${n}`);
    bot().say(BOB, channel, `${s.mention} missed in the channel`);
    bot().say(BOB, channel, "not for the bot");
    await taken("missed in the channel");
    const all = await until(() => {
      const text = s.worker.texts.join("\n");
      return [1, 2, 3].every((n) => text.includes(`missed ${n}`)) && text;
    }, 12_000);
    assert.ok(
      all.indexOf("missed 1") < all.indexOf("missed 2") && all.indexOf("missed 2") < all.indexOf("missed 3"),
    );
    await sleep(300);
    assert.equal(all.match(/missed 2/g)!.length, 1);
    assert.equal(count("not for the bot"), 0);
    await listening();
  });
  it("reads more than a page of history", async () => {
    const chatty = bot().addChannel(GUILD, "chatty");
    await s.ask(ANN, `${s.mention} begin`, /^echo/, { channel: chatty });
    bot().invalidate(false);
    bot().drop();
    for (let i = 0; i < 230; i++) bot().say(BOB, chatty, `chatter ${i}`);
    bot().say(ANN, chatty, `${s.mention} after all that`);
    await taken("after all that");
    await listening();
  });
  it("reads a channel that is new to it in a guild that it knows", async () => {
    bot().invalidate(false);
    bot().drop();
    const fresh = bot().addChannel(GUILD, "fresh");
    bot().say(ANN, fresh, `${s.mention} first words here`);
    await taken("first words here");
    await listening();
  });
  it("finds what the socket silently lost, and opens it anew", async () => {
    bot().fault({ method: "MESSAGE_CREATE", kind: "lost-delivery", match: "swallowed" });
    bot().tell(ANN, "swallowed");
    await taken("swallowed");
    assert.ok((s.bridge.status().counters["discord_caught_up_total"] ?? 0) > 0);
    await listening();
  });
  it("notices a zombie: a socket whose heartbeats are not answered", async () => {
    const { resumes } = bot().sessions();
    bot().setGateway({ muted: true });
    await until(
      () => s.bridge.status().state === "deaf" || bot().sessions().resumes > resumes,
      10_000,
      "noticed",
    );
    bot().setGateway({ muted: false });
    await s.ask(ANN, "alive again", /^echo: alive again$/, { ms: 10_000 });
  });
  it("goes at most 24 h back", async () => {
    bot().invalidate(false);
    bot().drop();
    bot().sayBefore(ANN, bot().dm(ANN), "the day before yesterday", 48 * 3_600_000);
    bot().tell(ANN, "today");
    await taken("today");
    assert.equal(count("the day before yesterday"), 0);
    await listening();
  });
  it("takes an event that comes twice once", async () => {
    bot().fault({ method: "MESSAGE_CREATE", kind: "duplicate-delivery" });
    bot().tell(ANN, "double");
    await taken("double");
    await sleep(300);
    assert.equal(count("double"), 1);
  });
  it("bears whatever Discord should never send", async () => {
    for (const [event, data] of [
      ["THREAD_CREATE", { thread: null }],
      ["GUILD_CREATE", null],
      ["GUILD_CREATE", { id: GUILD, channels: [null, { id: 5 }, "x"], threads: null }],
      ["MESSAGE_CREATE", null],
      ["MESSAGE_CREATE", { id: "1", channel_id: "x", author: null }],
      ["MESSAGE_CREATE", { id: "5", channel_id: "6", type: 0, author: { id: "7" }, mentions: "no" }],
      ["INTERACTION_CREATE", { id: "1", data: null }],
      ["INTERACTION_CREATE", 5],
      ["SOMETHING_NEW", { a: 1 }],
    ] as const)
      bot().raw(event, data);
    await s.ask(ANN, "still here", /^echo: still here$/);
    assert.equal(s.bridge.status().state, "listening");
  });
  it("keeps what it heard while the store is away", async () => {
    const off = s.redis.pid();
    process.kill(off, "SIGSTOP");
    bot().tell(BOB, "stored later");
    await sleep(1_500);
    process.kill(off, "SIGCONT");
    await taken("stored later");
    await sleep(300);
    assert.equal(count("stored later"), 1);
  });
  it("after a restart reads what was said meanwhile, and answers nothing twice", async () => {
    await s.ask(ANN, "/help", /fresh conversation/);
    const helps = () =>
      bot()
        .fromBot(bot().dm(ANN))
        .filter((m) => /start a fresh/.test(m.text)).length;
    const before = helps();
    await s.bridge.close(500);
    assert.equal(s.bridge.status().state, "closed");
    bot().tell(ANN, "while nobody listened");
    bot().say(BOB, channel, `${s.mention} nor here`);
    s.bridge = await s.start({ owner: "bridge-c" });
    await taken("while nobody listened");
    await taken("nor here");
    await sleep(500);
    assert.equal(helps(), before);
    assert.equal(count("while nobody listened"), 1);
  });
  it("reads what somebody wrote first while nobody listened, whom only the book of people lets in", async () => {
    const carl = "100000000000001003";
    bot().addUser(carl);
    const access = s.redis.store("access");
    await access.ready();
    const principal = principalOf("discord", carl);
    const identity = `discord:${carl}`;
    const { rev } = await access.accessBook.load();
    const value = {
      ...{ v: 1, identity, name: "Carl", state: "allowed", roles: [], principal, own: principal },
      ...{ source: "operator", since: Date.now() },
    };
    assert.ok(await access.accessBook.commit(rev, [{ table: "people", key: identity, value }]));
    await s.bridge.close(500);
    bot().tell(carl, "hello, is anybody there?");
    const admit: Admit = async (who) =>
      who.sender.id === carl
        ? { kind: "admitted", principal, roles: new Set(["user"]) }
        : await admitPeople(who);
    s.bridge = await s.start({ owner: "bridge-d", admit });
    await taken("hello, is anybody there?");
  });
  it("keeps Discord's pace: interactions are answered while messages wait", async () => {
    const id = bot().command(BOB, bot().dm(BOB), "help");
    await until(() => bot().interaction(id).response === 5);
    assert.ok(bot().interaction(id).tookMs < 2_500);
  });
});

describe("discord bridge: start and shards", () => {
  it("without the Message Content intent says what to switch on, and doesn't serve", async () => {
    const s = await setUp();
    await s.bridge.close(200);
    s.fake.bot.setGateway({ privileged: 0 });
    await assert.rejects(s.start({ owner: "b" }), { code: "discord-intent-missing" });
    await s.close();
  });
  it("says so too when the intent is taken away while it runs", async () => {
    const s = await setUp();
    s.fake.bot.setGateway({ privileged: 0 });
    s.fake.bot.invalidate(false);
    const fault = await s.bridge.refused;
    assert.equal(fault.code, "discord-intent-missing");
    assert.equal(s.bridge.status().state, "failed");
    assert.match(s.bridge.status().problem, /Message Content/);
    await s.close();
  });
  it("a refused token is said as that", async () => {
    const s = await setUp();
    const token = `${s.fake.token.slice(0, -4)}xxxx`;
    await assert.rejects(s.start({ token, owner: "b" }), { code: "discord-token-invalid" });
    for (const wrong of ["", "nonsense", "a.b.c", `${s.fake.token} x`])
      await assert.rejects(async () => await s.start({ token: wrong, owner: "b" }), {
        code: "discord-token-invalid",
      });
    await s.close();
  });
  it("spreads shards over two processes, and one takes over when the other ends", async () => {
    const s = await setUp(undefined, { gateway: { shards: 4, leastShards: 4, maxConcurrency: 4 } });
    assert.deepEqual(s.bridge.status().shards, { held: [0, 1, 2, 3], total: 4 });
    const second = await s.start({ owner: "bridge-b" });
    await until(() => second.status().shards.held.length === 2, 10_000, "half of the shards");
    assert.equal(s.bridge.status().shards.held.length, 2);
    const guilds = Array.from({ length: 4 }, (_, n) => String(BigInt(n) << 22n));
    const channels = guilds.map((id) => s.fake.bot.addGuild(id));
    for (const [n, channel] of channels.entries())
      await s.ask(ANN, `${s.mention} shard ${n}`, new RegExp(`shard ${n}$`), { channel, ms: 10_000 });
    // A command that the process without the delivery lease hears must not stay "is thinking".
    for (const channel of channels) s.fake.bot.command(ANN, channel, "new");
    await until(() => channels.every((one) => s.fake.bot.thinking(one) === 0), 8_000, "nothing thinks");
    await second.close(300);
    await until(() => s.bridge.status().shards.held.length === 4, 10_000, "all shards again");
    await until(() => s.bridge.status().state === "listening", 10_000);
    for (const [n, channel] of channels.entries())
      await s.ask(BOB, `${s.mention} again ${n}`, new RegExp(`again ${n}$`), { channel, ms: 10_000 });
    await s.close();
  });
});

/** The fake enforces the gateway's rules: identify, heartbeats, resume, intents, shards, close codes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, bench, type Peer } from "./client.ts";
import type { FakeOptions } from "./server.ts";

const ANN = "100000000000000001";
const GUILD = "800000000000000001";
const GUILDS = 1;
const GUILD_MESSAGES = 1 << 9;
const DIRECT = 1 << 12;
const CONTENT = 1 << 15;
const ALL = GUILDS | GUILD_MESSAGES | DIRECT | CONTENT;

/** Runs with a fake of its own. */
async function on(options: FakeOptions, test: (b: Bench) => Promise<void>): Promise<void> {
  const b = await bench({ limits: "off", ...options });
  try {
    await test(b);
  } finally {
    await b.close();
  }
}

async function identified(b: Bench, more: Record<string, unknown> = {}) {
  const peer = await b.connect();
  await peer.next(10);
  peer.send(2, { token: b.fake.token, intents: ALL, properties: {}, ...more });
  return { peer, ready: await peer.next(0, "READY") };
}

describe("fake discord: gateway", () => {
  it("says HELLO, READY with session and application, then the guilds", () =>
    on({}, async (b) => {
      b.fake.bot.addGuild(GUILD);
      const { peer, ready } = await identified(b);
      assert.equal((ready["user"] as { id: string }).id, b.fake.bot.state.me.id);
      assert.ok(ready["session_id"] && ready["resume_gateway_url"]);
      assert.deepEqual(ready["guilds"], [{ id: GUILD, unavailable: true }]);
      const guild = await peer.next(0, "GUILD_CREATE");
      assert.equal((guild["channels"] as object[]).length, 1);
    }));
  it("/gateway/bot names shards and the session start limit, which identifies use up", () =>
    on({ gateway: { shards: 3, sessionStartsLeft: 2 } }, async (b) => {
      const look = async () => (await b.rest("GET", "/gateway/bot")).json;
      assert.equal((await look())["shards"], 3);
      await identified(b);
      assert.equal(((await look())["session_start_limit"] as { remaining: number }).remaining, 1);
      await identified(b);
      const peer = await b.connect();
      peer.send(2, { token: b.fake.token, intents: ALL });
      assert.equal(await peer.next(9), false);
    }));
  it("refuses a second identify within the concurrency window with INVALID_SESSION", () =>
    on({ gateway: { identifyMs: 5_000 } }, async (b) => {
      await identified(b);
      const peer = await b.connect();
      peer.send(2, { token: b.fake.token, intents: ALL });
      assert.equal(await peer.next(9), false);
    }));
  it("answers heartbeats, also on a zombie not", () =>
    on({}, async (b) => {
      const { peer } = await identified(b);
      peer.send(1, null);
      await peer.next(11);
      b.fake.bot.setGateway({ muted: true });
      peer.send(1, null);
      await sleep(100);
      assert.ok(!peer.got.some((one) => one.op === 11));
    }));

  const closes: [string, number, FakeOptions["gateway"], (peer: Peer, b: Bench) => void][] = [
    [
      "an unknown opcode",
      4001,
      {},
      (peer, b) => {
        peer.send(2, { token: b.fake.token, intents: ALL });
        peer.send(99, {});
      },
    ],
    ["what is no JSON", 4002, {}, (peer) => peer.raw("{")],
    ["anything before identify", 4003, {}, (peer) => peer.send(3, {})],
    ["a wrong token", 4004, {}, (peer) => peer.send(2, { token: "wrong", intents: ALL })],
    ["a wrong token on RESUME", 4004, {}, (peer) => peer.send(6, { token: "x", session_id: "x", seq: 1 })],
    [
      "a second identify",
      4005,
      {},
      (peer, b) => {
        for (let i = 0; i < 2; i++) peer.send(2, { token: b.fake.token, intents: ALL });
      },
    ],
    [
      "more than 120 payloads a minute",
      4008,
      {},
      (peer) => {
        for (let i = 0; i < 121; i++) peer.send(1, null);
      },
    ],
    [
      "a shard beyond the count",
      4010,
      {},
      (peer, b) => peer.send(2, { token: b.fake.token, intents: ALL, shard: [2, 2] }),
    ],
    [
      "fewer shards than needed",
      4011,
      { leastShards: 2 },
      (peer, b) => peer.send(2, { token: b.fake.token, intents: ALL }),
    ],
    [
      "intents that don't exist",
      4013,
      {},
      (peer, b) => peer.send(2, { token: b.fake.token, intents: 1 << 30 }),
    ],
    [
      "a privileged intent that is off",
      4014,
      { privileged: 0 },
      (peer, b) => peer.send(2, { token: b.fake.token, intents: ALL }),
    ],
  ];
  for (const [name, code, gateway, act] of closes)
    it(`closes for ${name} (${code})`, () =>
      on({ gateway: gateway ?? {} }, async (b) => {
        const peer = await b.connect();
        await peer.next(10);
        act(peer, b);
        assert.equal(await peer.closed, code);
      }));
  it("closes for another API version (4012)", () =>
    on({}, async (b) => {
      assert.equal(await (await b.connect("?v=9")).closed, 4012);
    }));
  it("closes a socket that doesn't beat (4009)", () =>
    on({ gateway: { heartbeatMs: 50 } }, async (b) => {
      const { peer } = await identified(b);
      assert.equal(await peer.closed, 4009);
    }));

  describe("RESUME", () => {
    const resume = async (b: Bench, session: unknown, seq: number) => {
      const peer = await b.connect();
      await peer.next(10);
      peer.send(6, { token: b.fake.token, session_id: session, seq });
      return peer;
    };
    it("replays what came after the given number, in order, then RESUMED", () =>
      on({}, async (b) => {
        const { peer, ready } = await identified(b);
        b.fake.bot.tell(ANN, "seen");
        await peer.next(0, "MESSAGE_CREATE");
        b.fake.bot.drop();
        await peer.closed;
        b.fake.bot.tell(ANN, "missed 1");
        b.fake.bot.tell(ANN, "missed 2");
        const again = await resume(b, ready["session_id"], 2);
        assert.equal((await again.next(0, "MESSAGE_CREATE"))["content"], "missed 1");
        assert.equal((await again.next(0, "MESSAGE_CREATE"))["content"], "missed 2");
        await again.next(0, "RESUMED");
        assert.equal(b.fake.bot.sessions().resumes, 1);
      }));
    it("of an unknown session is INVALID_SESSION", () =>
      on({}, async (b) => {
        assert.equal(await (await resume(b, "nothing", 1)).next(9), false);
      }));
    it("after the session's life is INVALID_SESSION", () =>
      on({ gateway: { sessionLifeMs: 30 } }, async (b) => {
        const { peer, ready } = await identified(b);
        b.fake.bot.drop();
        await peer.closed;
        await sleep(60);
        assert.equal(await (await resume(b, ready["session_id"], 1)).next(9), false);
      }));
    it("with a number that was never given closes (4007)", () =>
      on({}, async (b) => {
        const { peer, ready } = await identified(b);
        b.fake.bot.drop();
        await peer.closed;
        assert.equal(await (await resume(b, ready["session_id"], 999)).closed, 4007);
      }));
    it("is impossible after INVALID_SESSION(false), possible after (true)", () =>
      on({}, async (b) => {
        const one = await identified(b);
        b.fake.bot.invalidate(true);
        assert.equal(await one.peer.next(9), true);
        b.fake.bot.drop();
        await (await resume(b, one.ready["session_id"], 1)).next(0, "RESUMED");
        b.fake.bot.invalidate(false);
        assert.equal(await (await resume(b, one.ready["session_id"], 1)).next(9), false);
      }));
    it("RECONNECT asks for it", () =>
      on({}, async (b) => {
        const { peer } = await identified(b);
        b.fake.bot.askReconnect();
        await peer.next(7);
      }));
  });

  describe("events", () => {
    it("come only with their intents", () =>
      on({}, async (b) => {
        const channel = b.fake.bot.addGuild(GUILD);
        const { peer } = await identified(b, { intents: GUILDS | GUILD_MESSAGES });
        b.fake.bot.tell(ANN, "direct");
        b.fake.bot.say(ANN, channel, "guild");
        await peer.next(0, "MESSAGE_CREATE");
        assert.ok(!peer.got.some((one) => one.t === "MESSAGE_CREATE"));
      }));
    it("have no text without MessageContent, unless the bot is mentioned or it is a DM", () =>
      on({}, async (b) => {
        const channel = b.fake.bot.addGuild(GUILD);
        const { peer } = await identified(b, { intents: ALL & ~CONTENT });
        b.fake.bot.say(ANN, channel, "secret");
        assert.equal((await peer.next(0, "MESSAGE_CREATE"))["content"], "");
        b.fake.bot.say(ANN, channel, `<@${b.fake.bot.state.me.id}> open`);
        assert.match(String((await peer.next(0, "MESSAGE_CREATE"))["content"]), /open/);
        b.fake.bot.tell(ANN, "direct");
        assert.equal((await peer.next(0, "MESSAGE_CREATE"))["content"], "direct");
      }));
    it("of a guild go to its shard, DMs to shard 0", () =>
      on({ gateway: { maxConcurrency: 2 } }, async (b) => {
        const guild = String(1n << 22n);
        const channel = b.fake.bot.addGuild(guild);
        const zero = await identified(b, { shard: [0, 2] });
        const one = await identified(b, { shard: [1, 2] });
        b.fake.bot.say(ANN, channel, "guild");
        b.fake.bot.tell(ANN, "direct");
        assert.equal((await one.peer.next(0, "MESSAGE_CREATE"))["content"], "guild");
        assert.equal((await zero.peer.next(0, "MESSAGE_CREATE"))["content"], "direct");
        assert.deepEqual(one.ready["guilds"], [{ id: guild, unavailable: true }]);
        assert.deepEqual(zero.ready["guilds"], []);
      }));
    it("come twice, or never and are not replayed, on order", () =>
      on({}, async (b) => {
        const { peer } = await identified(b);
        b.fake.bot.fault({ method: "MESSAGE_CREATE", kind: "lost-delivery" });
        b.fake.bot.fault({ method: "MESSAGE_CREATE", kind: "duplicate-delivery" });
        b.fake.bot.tell(ANN, "lost");
        b.fake.bot.tell(ANN, "double");
        for (let i = 0; i < 2; i++) assert.equal((await peer.next(0, "MESSAGE_CREATE"))["content"], "double");
      }));
    it("can be anything, for what Discord should never send", () =>
      on({}, async (b) => {
        const { peer } = await identified(b);
        b.fake.bot.raw("THREAD_CREATE", { thread: null });
        assert.deepEqual(await peer.next(0, "THREAD_CREATE"), { thread: null });
      }));
  });
});

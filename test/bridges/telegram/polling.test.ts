/** Polling: one active bridge per bot, confirmation only after storage, and what happens when Redis or Telegram is away. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import type { StoreForBridges } from "../../../src/bridges/core/index.ts";
import { runTelegramBridge } from "../../../src/bridges/telegram/index.ts";
import { Fault } from "../../../src/lib/errors.ts";
import { startFakeTelegram } from "../../fakes/telegram/index.ts";
import { silent } from "../../helpers/redis.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

/** As the bridge has it when nobody says otherwise (docs/chat.md). */
const LEASE_TTL_MS = 6_000;

describe("telegram polling", () => {
  let s: Setup;
  before(async () => {
    s = await setUp();
  });
  after(() => s.close());

  it("lets one bridge poll, and a standby takes over when it dies or leaves", async () => {
    const standby = await s.start({ owner: "bridge-standby" });
    assert.equal(standby.status().state, "standby");
    await s.ask(ANN, "with two", /echo: with two/);
    assert.equal(s.fake.bot.callsOf("getUpdates").filter((call) => /Conflict/.test(call.outcome)).length, 0);
    await s.bridge.close(500);
    const left = Date.now();
    await until(() => standby.status().state === "polling", 3_500, "take-over");
    assert.ok(Date.now() - left < 3_500);
    await s.ask(ANN, "after take-over", /echo: after take-over/);
    await standby.close(500);
    s.bridge = await s.start({ owner: "bridge-c" });
  });

  it("takes over within 10 s from a holder that died without a word, with the lease's own length", async () => {
    await s.bridge.close(500);
    const leases = s.bridgeStore.bridge("telegram.7000000001");
    assert.equal(await leases.holdPoller("ghost", LEASE_TTL_MS), "ghost");
    const died = Date.now();
    s.bridge = await s.start({ owner: "bridge-d", leaseTtlMs: LEASE_TTL_MS });
    assert.equal(s.bridge.status().state, "standby");
    await until(() => s.bridge.status().state === "polling", 10_000, "take-over");
    assert.ok(Date.now() - died < 10_000);
    await s.bridge.close(500);
    s.bridge = await s.start({ owner: "bridge-c" });
  });

  it("takes over at once from a holder that is known to be dead", async () => {
    const next = await s.start({ owner: "bridge-next", isDead: (owner) => owner === "bridge-c" });
    assert.equal(next.status().state, "polling");
    await s.ask(ANN, "from the dead", /echo: from the dead/);
    await s.bridge.close(500);
    s.bridge = next;
  });

  it("fetches nothing while Redis is nearly full, and loses nothing by it", async () => {
    const memory = String(await s.redis.send("admin", "INFO", "memory"));
    const used = Number(/^used_memory:(\d+)/m.exec(memory)?.[1]);
    await s.redis.send("admin", "CONFIG", "SET", "maxmemory", String(Math.round(used / 0.9)));
    try {
      await sleep(3_000);
      s.fake.bot.say(ANN, "into a full house");
      await sleep(1_500);
      assert.equal(s.fake.bot.unconfirmed(), 1, "it waits at the platform");
      assert.ok(!s.fake.bot.fromBot(ANN).some((m) => m.text.includes("into a full house")));
    } finally {
      await s.redis.send("admin", "CONFIG", "SET", "maxmemory", "0");
    }
    await until(
      () => s.fake.bot.fromBot(ANN).some((m) => m.text === "echo: into a full house"),
      8_000,
      "taken in later",
    );
  });

  it("takes a 409 as the loss of its lease and comes back later", async () => {
    const stop = new AbortController();
    const foreign = (async () => {
      // Somebody else polls with the same token, without asking Redis.
      while (!stop.signal.aborted) {
        await fetch(`${s.fake.url}/bot${s.fake.token}/getUpdates?timeout=1`, { signal: stop.signal }).catch(
          () => {},
        );
        await sleep(50);
      }
    })();
    await until(() => s.bridge.status().state === "standby", 5_000, "lease let go");
    const before = s.fake.bot
      .callsOf("getUpdates")
      .filter((call) => Number(call.params["timeout"]) > 1).length;
    await sleep(1_500);
    const during = s.fake.bot
      .callsOf("getUpdates")
      .filter((call) => Number(call.params["timeout"]) > 1).length;
    assert.ok(during - before <= 1, "it does not fight for the poll");
    stop.abort();
    await foreign;
    await s.ask(ANN, "after the conflict", /echo: after the conflict/, 15_000);
  });

  it("loses and doubles nothing while Redis is away", async () => {
    await s.redis.kill9();
    s.fake.bot.say(ANN, "sent while away 1");
    s.fake.bot.say(BOB, "sent while away 2");
    await sleep(1_500);
    assert.ok(s.fake.bot.unconfirmed() >= 2, "not confirmed before it is stored");
    await s.redis.restart();
    await until(
      () =>
        [ANN, BOB].every((who, i) =>
          s.fake.bot.fromBot(who).some((m) => m.text === `echo: sent while away ${i + 1}`),
        ),
      20_000,
      "answers after the outage",
    );
    await until(() => s.fake.bot.unconfirmed() === 0, 5_000, "confirmed");
    for (const text of ["sent while away 1", "sent while away 2"]) {
      assert.equal(s.worker.texts.filter((seen) => seen === text).length, 1);
    }
  });

  it("confirms up to the first update that isn't stored, and goes on with other chats", async () => {
    await s.bridge.close(500);
    let failing = true;
    const { bridgeStore } = s;
    const store: StoreForBridges = {
      ...bridgeStore,
      ingress: (id) => {
        const port = bridgeStore.ingress(id);
        return {
          wakeHint: (principal) => port.wakeHint(principal),
          accept: async (event) => {
            if (failing && event.text === "stuck") {
              throw new Fault({ code: "redis-unreachable", message: "test", retryable: true });
            }
            return await port.accept(event);
          },
        };
      },
    };
    s.bridge = await s.start({ store, owner: "bridge-d" });
    const stuck = s.fake.bot.say(ANN, "stuck");
    s.fake.bot.say(ANN, "behind it");
    await s.ask(BOB, "not blocked", /echo: not blocked/, 2_000);
    await s.ask(BOB, "nor this", /echo: nor this/, 2_000);
    await sleep(500);
    const polls = s.fake.bot.callsOf("getUpdates");
    assert.ok(
      polls.every((call) => Number(call.params["offset"] ?? 0) <= stuck.updateId),
      "nothing at or above it confirmed",
    );
    assert.ok(
      polls.filter((call) => Date.now() - call.at < 1_000).length < 15,
      "no spinning on repeated updates",
    );
    failing = false;
    await until(
      () => s.fake.bot.fromBot(ANN).some((m) => m.text === "echo: behind it" || m.text.includes("behind it")),
      8_000,
    );
    await until(() => s.fake.bot.unconfirmed() === 0, 5_000, "confirmed");
    const order = s.worker.texts.filter((text) => /stuck|behind it/.test(text)).join("\n\n");
    assert.match(order, /^stuck\s+behind it$/);
  });

  it("tells the sender when a message can never be stored", async () => {
    await s.bridge.close(500);
    const { bridgeStore } = s;
    const store = {
      ...bridgeStore,
      ingress: (id: string) => ({
        ...bridgeStore.ingress(id),
        accept: () => Promise.reject(new Fault({ code: "bad-event", message: "test" })),
      }),
    };
    s.bridge = await s.start({ store, owner: "bridge-e" });
    await s.ask(ANN, "impossible", /could not be accepted/);
    await until(() => s.fake.bot.unconfirmed() === 0, 3_000, "confirmed");
    await s.bridge.close(500);
    s.bridge = await s.start({ owner: "bridge-f" });
  });

  it("goes on when Telegram numbers updates anew after a quiet week", async () => {
    s.fake.bot.updates.restartIds(12_345);
    await s.ask(ANN, "after the quiet week", /echo: after the quiet week/);
    await until(() => s.fake.bot.unconfirmed() === 0, 3_000, "confirmed");
    await s.ask(ANN, "and the next", /echo: and the next/);
  });

  it("confirms what is stored when it is closed, so that nothing is delivered again", async () => {
    await s.ask(ANN, "last words", /echo: last words/);
    await s.bridge.close(500);
    assert.equal(s.fake.bot.unconfirmed(), 0);
    s.bridge = await s.start({ owner: "bridge-g" });
  });
});

describe("telegram start", () => {
  const start = (token: string, apiRoot: string, logger = silent) => {
    // Nothing is stored before Telegram has answered.
    const port = () => ({});
    const store = {
      ...{ ingress: port, outbox: port, bridge: port, cards: port, homeLooks: port, accessWishes: port },
      turns: {},
    } as never;
    return runTelegramBridge({ token, apiRoot, allowedUsers: new Set(), store, owner: "x", logger });
  };

  it("refuses a token of another shape, and says where to get one", () => {
    assert.throws(
      () => start("nonsense", "http://127.0.0.1:9"),
      (error: Fault) => {
        assert.equal(error.code, "telegram-token-invalid");
        assert.match(error.hint ?? "", /BotFather/);
        return true;
      },
    );
  });

  it("is not ready while Telegram is away, and never logs its token", async () => {
    const secret = "7000000009:SECRETSECRETSECRETSECRETSECRETSECRET";
    const lines: string[] = [];
    const logger = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
    const bridge = start(secret, "http://127.0.0.1:9", logger);
    const state = await Promise.race([bridge.ready.then(() => "ready"), sleep(800).then(() => "waiting")]);
    assert.equal(state, "waiting");
    assert.equal(bridge.status().state, "starting");
    await bridge.close(0).catch(() => {});
    assert.ok(lines.length > 0);
    assert.ok(!lines.join("").includes("SECRETSECRET"), "without the redacting logger, too");
    assert.match(lines.join(""), /ECONNREFUSED/);
  });

  it("fails at once, with a hint, when Telegram refuses the token", async (t) => {
    const fake = await startFakeTelegram();
    t.after(() => fake.close());
    const bridge = start("7000000001:another-token-than-the-right-one", fake.url);
    await assert.rejects(bridge.ready, { code: "telegram-token-invalid" });
    assert.equal(bridge.status().state, "failed");
    await bridge.close(0);
  });
});

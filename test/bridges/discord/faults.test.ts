/** What only Discord can do wrong: forgotten nonces, interactions that fail, expire or can't be stored, limits. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

describe("discord bridge: faults", () => {
  let s: Setup;
  const bot = () => s.fake.bot;
  const dm = (user: string) => bot().dm(user);
  before(async () => {
    // Discord forgets a nonce at once: only the channel's history tells what is there.
    s = await setUp(
      async (turn) => {
        if (turn.text.startsWith("slow")) await sleep(900);
        return { kind: "final", markdown: `THE FINAL of ${turn.text}` };
      },
      { nonceMs: 1 },
      { requestTimeoutMs: 800 },
    );
    await s.ask(ANN, "hello", /THE FINAL/);
  });
  after(async () => {
    assert.deepEqual(bot().breaches(), []);
    await s.close();
  });

  for (const kind of ["apply-then-reset", "apply-then-502"] as const)
    it(`${kind} beyond the nonce's window: the placeholder is found in the channel, none is posted again`, async () => {
      bot().fault({ method: "createMessage", kind });
      const id = bot().tell(ANN, `again ${kind}`);
      const mine = () =>
        bot()
          .fromBot(dm(ANN))
          .filter((one) => BigInt(one.id) > BigInt(id));
      await until(() => mine().some((one) => one.text === `THE FINAL of again ${kind}`), 10_000);
      await sleep(500);
      assert.equal(mine().length, 1);
      assert.ok(bot().callsOf("getMessages").length > 0);
    });
  it("a command is answered in the channel when its deferral failed", async () => {
    bot().fault({ method: "interactionCallback", kind: "error", status: 500 });
    const before = bot().fromBot(dm(ANN)).length;
    const id = bot().command(ANN, dm(ANN), "help");
    await until(() => bot().fromBot(dm(ANN)).length > before);
    assert.equal(bot().interaction(id).response, 0);
  });
  it("an interaction that Discord no longer knows harms nobody", async () => {
    const id = bot().command(ANN, dm(ANN), "help");
    bot().age(id, 3_500);
    await s.ask(ANN, "still there", /THE FINAL of still there/);
  });
  it("what outlives the token is answered by the message itself, edited with the bot's own token", async () => {
    const id = bot().command(BOB, dm(BOB), "new", { text: "slow question" });
    await until(() => bot().interaction(id).response === 5);
    await sleep(200);
    bot().age(id, 16 * 60_000);
    await until(
      () =>
        bot()
          .fromBot(dm(BOB))
          .some((one) => one.text === "THE FINAL of slow question"),
      8_000,
    );
  });
  it("a command that can't be stored is not shown as accepted: send it again", async () => {
    const pid = s.redis.pid();
    process.kill(pid, "SIGSTOP");
    const id = bot().command(ANN, dm(ANN), "new");
    try {
      await until(() => bot().interaction(id).response === 5, 2_500, "deferred while the store is away");
      assert.ok(bot().interaction(id).tookMs < 2_500);
      await until(
        () =>
          bot()
            .fromBot(dm(ANN))
            .some((one) => one.interaction === id && /could not be accepted/.test(one.text)),
        15_000,
        "said so",
      );
    } finally {
      process.kill(pid, "SIGCONT");
    }
    assert.equal(bot().thinking(dm(ANN)), 0);
    await s.ask(ANN, "after that", /THE FINAL of after that/, { ms: 10_000 });
  });
  it("waits as long as a 429 asks, and holds up nobody else", async () => {
    bot().fault({ method: "createMessage", kind: "429", retryAfter: 2, match: `channels/${dm(ANN)}/` });
    const asked = Date.now();
    const id = bot().tell(ANN, "limited");
    await s.ask(BOB, "not limited", /THE FINAL of not limited/);
    assert.ok(Date.now() - asked < 2_000);
    await until(
      () =>
        bot()
          .fromBot(dm(ANN))
          .some((one) => BigInt(one.id) > BigInt(id) && /THE FINAL of limited/.test(one.text)),
      8_000,
    );
    assert.ok(Date.now() - asked >= 2_000);
  });
  it("gives up on somebody who takes no messages, and on nobody else", async () => {
    bot().close(dm(BOB));
    bot().tell(BOB, "unreachable");
    await until(() => (s.bridge.status().counters["outbox_refused_total"] ?? 0) > 0, 6_000);
    bot().close(dm(BOB), false);
    await s.ask(BOB, "back", /THE FINAL of back/);
  });
});

/**
 * The bridge's process is killed by SIGKILL while one person floods three topics and a private chat: what Telegram was told
 * to forget is worked off by the next process. Each message is answered or refused once, in its topic's order.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { end, start } from "../../soak/load/crowd.ts";
import { type OpenLine, telegramLine } from "../../soak/load/lines.ts";
import { answeredIn, refusedIn, tokensIn } from "../../soak/load/tokens.ts";
import { type TinyWorker, tinyWorker, until } from "../tiny-worker.ts";

const TOPICS = 3;
const FLOOD = 240;
/** Milliseconds from the flood's beginning to the kill. */
const KILLS = [40, 150, 260, 400];

describe("telegram flood and kill", () => {
  let redis: TestRedis;
  let line: OpenLine;
  let worker: TinyWorker;
  let refusedSoFar = 0;
  before(async () => {
    redis = await startTestRedis();
    line = await telegramLine(TOPICS);
    const store = redis.store("worker", { hostId: "load" });
    await store.ready();
    worker = tinyWorker(store, async ({ text }) => {
      await sleep(20);
      return {
        kind: "final",
        markdown: tokensIn(text)
          .map((token) => `answer to ${token}.`)
          .join("\n\n"),
      };
    });
  });
  after(async () => {
    await worker?.close();
    await line?.close();
    await redis?.stop();
  });
  const begin = () =>
    start("bridge", {
      platform: "telegram",
      redis: { socketPath: redis.socketPath, ...redis.users["bridge-telegram"] },
      token: line.token,
      apiRoot: line.apiRoot,
    });

  for (const [n, ms] of KILLS.entries())
    it(`killed ${ms} ms after a flood began: nothing lost, nothing twice, in order`, async () => {
      const tag = `kill${"abcdefgh"[n]}`;
      const first = await begin();
      for (let i = 0; i < FLOOD; i++) line.flood(i % TOPICS, `${tag}-${i % TOPICS}-${i}`);
      await sleep(ms);
      const gone = new Promise((resolve) => first.once("exit", resolve));
      first.kill("SIGKILL");
      await gone;
      const second = await begin();
      try {
        const texts = () => [0, 1, 2].map((topic) => line.topic(topic));
        const answered = () =>
          texts().map((all) => all.flatMap(answeredIn).filter((t) => t.startsWith(`${tag}-`)));
        const refused = () =>
          texts()
            .flat()
            .reduce((sum, text) => sum + refusedIn(text), 0);
        const before = refusedSoFar;
        await until(
          () => answered().flat().length + refused() - before >= FLOOD,
          30_000,
          "all answered or refused",
        );
        await sleep(600);
        refusedSoFar = refused();
        assert.equal(answered().flat().length + refusedSoFar - before, FLOOD, "none twice");
        for (const tokens of answered()) {
          const numbers = tokens.map((token) => Number(token.split("-")[2]));
          assert.deepEqual(
            numbers,
            [...new Set(numbers)].sort((a, b) => a - b),
            "in order, each once",
          );
        }
      } finally {
        await end(second);
      }
    });
});

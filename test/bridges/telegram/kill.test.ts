/**
 * The bridge's process is killed (SIGKILL) at each point of taking a message and of giving an answer. After a restart
 * each accepted message has exactly one visible final, nothing is lost or taken twice, and no preview stays behind.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Failpoint } from "../../../src/lib/failpoints.ts";
import { type FakeTelegram, startFakeTelegram } from "../../fakes/telegram/index.ts";
import { startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type TinyWorker, tinyWorker, until } from "../tiny-worker.ts";

interface Case {
  /** Failpoint with its count, or milliseconds after the message. */
  at: `${Failpoint}` | `${Failpoint}@${number}` | number;
  text: "plain" | "stream" | "long";
}

const CASES: Case[] = [
  { at: "ingress.before-script", text: "plain" },
  { at: "ingress.after-script", text: "plain" },
  { at: "ingress.after-mark", text: "plain" },
  { at: "outbox.anchor-sending", text: "plain" },
  { at: "outbox.anchor-sent", text: "plain" },
  { at: "outbox.final-sending", text: "plain" },
  { at: "outbox.final-sent", text: "plain" },
  { at: "outbox.anchor-sending", text: "stream" },
  { at: "outbox.anchor-sent", text: "stream" },
  { at: "outbox.final-sending", text: "stream" },
  { at: "outbox.final-sent", text: "stream" },
  // The second message of a split answer.
  { at: "outbox.anchor-sending@2", text: "long" },
  { at: "outbox.anchor-sent@2", text: "long" },
  { at: "outbox.final-sending@2", text: "long" },
  { at: "outbox.final-sent@2", text: "long" },
  // Anywhere while it streams; fixed instants, so that a failure can be repeated.
  ...[150, 300, 450, 600, 900, 1_200, 1_500, 1_800].map((at) => ({ at, text: "stream" as const })),
];

interface Row extends Case {
  finals: number;
  strays: string[];
  turns: number;
  killed: boolean;
  whole: boolean;
}

const PARTS = 240;

describe("telegram bridge killed", () => {
  let redis: TestRedis;
  let worker: TinyWorker;
  const rows: Row[] = [];

  before(async () => {
    redis = await startTestRedis();
    const store = redis.store("worker");
    await store.ready();
    worker = tinyWorker(store, async (turn, show) => {
      show("working");
      if (turn.text.startsWith("stream")) {
        for (let i = 0; i < 6; i++) {
          show(i % 2 === 0 ? "text" : "tool", `half ${i}`);
          await sleep(300);
        }
      }
      const lines = Array.from(
        { length: turn.text.startsWith("long") ? PARTS : 1 },
        (_, i) => `row ${i} ${"x".repeat(20)}`,
      );
      return { kind: "final", markdown: `THE FINAL\n\n${lines.join("\n\n")}` };
    });
    // In fours: each case starts two processes.
    for (let i = 0; i < CASES.length; i += 4) {
      rows.push(...(await Promise.all(CASES.slice(i, i + 4).map((one, j) => runCase(one, i + j)))));
    }
  });
  after(async () => {
    console.log(
      rows.map(({ strays, ...row }) => JSON.stringify({ ...row, strays: strays.length })).join("\n"),
    );
    await worker.close();
    await redis.stop();
  });

  for (const [index, { at, text }] of CASES.entries()) {
    it(`${typeof at === "number" ? `${at} ms into it` : at}, ${text} answer`, () => {
      const row = rows[index]!;
      assert.equal(row.killed, true, "it was killed");
      assert.equal(row.finals, 1, JSON.stringify(row));
      assert.equal(row.whole, true, JSON.stringify(row));
      assert.equal(row.turns, 1, "taken once");
      // At most one stray placeholder, never a preview that looks like an answer.
      assert.ok(row.strays.length <= 1 && row.strays.every((t) => t === "…"), JSON.stringify(row.strays));
    });
  }

  async function runCase(one: Case, index: number): Promise<Row> {
    const user = 3_000 + index;
    const fake = await startFakeTelegram({
      token: `8000000${100 + index}:kill-test-token-0123456789`,
      limits: "off",
    });
    const text = `${one.text} ${index}`;
    let killed = false;
    const first = start(fake, user, typeof one.at === "string" ? one.at : "");
    const died = once(first, "exit").then(([, signal]) => {
      killed = signal === "SIGKILL";
    });
    await once(first, "message");
    fake.bot.say(user, text);
    if (typeof one.at === "number") {
      await sleep(one.at);
      first.kill("SIGKILL");
    }
    await Promise.race([died, sleep(15_000)]);
    const second = start(fake, user, "");
    const own = () => fake.bot.fromBot(user);
    const finals = () => own().filter((m) => m.text.startsWith("THE FINAL"));
    const last = one.text === "long" ? `row ${PARTS - 1} ` : "row 0 ";
    await until(() => own().some((m) => m.text.includes(last)), 20_000, `final of ${text} at ${one.at}`);
    await until(() => fake.bot.unconfirmed() === 0, 5_000, "update confirmed");
    await sleep(800);
    const row: Row = {
      ...one,
      finals: finals().length,
      strays: own()
        .filter((m) => !/THE FINAL|row \d+ x/.test(m.text))
        .map((m) => m.text),
      turns: worker.texts.filter((seen) => seen === text).length,
      killed,
      whole:
        (
          own()
            .map((m) => m.text)
            .join("\n")
            .match(/row \d+ x/g) ?? []
        ).length === (one.text === "long" ? PARTS : 1),
    };
    second.kill("SIGTERM");
    await once(second, "exit");
    await fake.close();
    return row;
  }

  function start(fake: FakeTelegram, user: number, failpoint: string): ChildProcess {
    const settings = {
      socketPath: redis.socketPath,
      ...redis.users["bridge-telegram"],
      token: fake.token,
      apiRoot: fake.url,
      allowed: [String(user)],
    };
    return fork(new URL("./bridge-process.ts", import.meta.url), [JSON.stringify(settings)], {
      env: { ...process.env, NEMOCLAW_FAILPOINT: failpoint },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }
});

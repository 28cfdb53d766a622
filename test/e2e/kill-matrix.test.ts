/**
 * The kill matrix: every process is killed at every place on a message's way, and the outcome is the prescribed one
 * (RELIABILITY §8). The agent is the fake that speaks OpenClaw's protocol; the guest, the sandbox and everything else
 * are real. `NEMOCLAW_MATRIX_SEEDS=n` plays n seeds per cell (the soak run does).
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startFakeTelegram } from "../fakes/telegram/index.ts";
import { startService, waitUntil } from "../helpers/service.ts";
import {
  type CellResult,
  FAULTS,
  type FaultName,
  POINTS,
  type PointName,
  playCell,
  type Stage,
} from "./kill-cell.ts";

const USER = 4_242;
const SEEDS = Number(process.env["NEMOCLAW_MATRIX_SEEDS"] ?? 1);

/** Faults that must never cost the answer. */
const MUST_ANSWER = new Set<FaultName>(["bridge", "redis", "worker", "launcher", "supervisor"]);
/** Places before the agent's answer is in: only there may losing agent, guest or gateway cost it. */
const UNANSWERED = new Set<PointName>(["ingress", "claim", "dispatch", "streaming"]);

describe("kill matrix", () => {
  let stage: Stage;
  const results: CellResult[] = [];

  before(async () => {
    const failpoints = mkdtempSync(join(tmpdir(), "nc-fp-"));
    chmodSync(failpoints, 0o777); // Services run as users of their own.
    const telegram = await startFakeTelegram({ limits: "off" });
    const service = await startService({
      env: {
        TELEGRAM_BOT_TOKEN: telegram.token,
        TELEGRAM_API_ROOT: telegram.url,
        TELEGRAM_ALLOWED_USERS: String(USER),
        NEMOCLAW_FAILPOINT_DIR: failpoints,
      },
    });
    stage = {
      service,
      telegram,
      failpoints,
      user: USER,
      agentProgram: /fake-agent\/main/,
      patienceMs: 30_000,
    };
    telegram.bot.say(USER, "What is 1+2?");
    await waitUntil(
      () => telegram.bot.fromBot(USER).some(({ text }) => text.includes("3")),
      60_000,
      () => `no first answer: ${service.stderr()}`,
    );
  });

  after(async () => {
    for (const result of results) console.log(JSON.stringify(result));
    await stage?.service.stop();
    await stage?.telegram.close();
    if (stage) rmSync(stage.failpoints, { recursive: true, force: true });
  });

  for (const place of Object.keys(POINTS) as PointName[]) {
    for (const fault of FAULTS) {
      for (let seed = 0; seed < SEEDS; seed++) {
        it(`${fault} killed at ${place} (seed ${seed})`, async () => {
          const result = await playCell(stage, fault, place, seed);
          results.push(result);
          const told = JSON.stringify(result);
          assert.equal(result.duplicates, 0, told);
          assert.equal(result.lost, 0, told);
          assert.ok(result.strays <= 1, told);
          if (MUST_ANSWER.has(fault) || !UNANSWERED.has(place)) {
            assert.equal(result.answered, 1, told);
          }
          if (result.answered === 1) assert.equal(result.effects, 1, told);
          else assert.ok(result.effects <= 1, told);
          if (!MUST_ANSWER.has(fault)) await nextTurnWorks(stage);
        });
      }
    }
  }
});

/** Whatever was killed, the conversation goes on. */
async function nextTurnWorks({ telegram, user }: Stage): Promise<void> {
  const [a, b] = [100 + Math.floor(Math.random() * 900), 100 + Math.floor(Math.random() * 900)];
  const before = telegram.bot.fromBot(user).length;
  telegram.bot.say(user, `What is ${a}+${b}?`);
  await waitUntil(
    () =>
      telegram.bot
        .fromBot(user)
        .slice(before)
        .some(({ text }) => text.includes(String(a + b))),
    30_000,
    () =>
      `the next turn had no answer: ${JSON.stringify(
        telegram.bot
          .fromBot(user)
          .slice(before)
          .map((m) => m.text),
      )}`,
  );
}

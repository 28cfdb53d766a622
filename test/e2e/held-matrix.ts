/**
 * The row of the kill matrix in which a connection is held by an approval: each process is killed while the card is open,
 * then the card is tapped if it still can be. Runs inside `inOwnNetwork`; prints one line per cell, and exits 1 when an
 * outcome isn't the prescribed one (RELIABILITY §8).
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { principalOf } from "../../src/lib/ids.ts";
import { startFakeTelegram } from "../fakes/telegram/index.ts";
import { startInternet } from "../helpers/internet.ts";
import { startService, waitUntil } from "../helpers/service.ts";
import { type CellResult, FAULTS, type FaultName, kill, revive, type Stage, whole } from "./kill-cell.ts";

const USER = 4_243;
/** Killing these must not cost the answer. */
const MUST_ANSWER = new Set<FaultName>(["bridge", "redis", "worker", "launcher", "supervisor"]);
const CARD = /^🛡️/u;

const internet = await startInternet();
const telegram = await startFakeTelegram({ limits: "off" });
const service = await startService({
  env: {
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_API_ROOT: telegram.url,
    TELEGRAM_ALLOWED_USERS: String(USER),
  },
});
const stage: Stage = {
  service,
  telegram,
  failpoints: "",
  user: USER,
  agentProgram: /fake-agent\/main/,
  patienceMs: 45_000,
};
let failed = 0;
try {
  await ask("What is 1+2?", /\b3\b/);
  for (const fault of FAULTS) {
    try {
      const cell = await play(fault);
      console.log(JSON.stringify(cell));
      judge(fault, cell);
      if (!MUST_ANSWER.has(fault)) await ask("What is 20+30?", /\b50\b/);
    } catch (error) {
      failed++;
      console.log(`✗ ${fault} at held: ${error instanceof Error ? error.message : String(error)}`);
      console.log(stage.service.stderr().slice(-3_000));
    }
  }
} finally {
  await stage.service.stop();
  await telegram.close();
  await internet.close();
}
process.exit(failed > 0 ? 1 : 0);

async function play(fault: FaultName): Promise<CellResult> {
  const nonce = `n${Date.now().toString(36)}`;
  const before = telegram.bot.fromBot(USER).length;
  const seen = () => telegram.bot.fromBot(USER).slice(before);
  telegram.bot.say(
    USER,
    `run curl -sS http://held.test/${nonce} && echo ${nonce} >> ~/effects.log; echo done-${nonce}`,
  );
  const open = () => seen().find(({ text, buttons }) => CARD.test(text) && buttons.length > 0);
  await waitUntil(
    () => open() !== undefined,
    20_000,
    () => `no card: ${told(seen())}`,
  );
  assert.ok(!internet.visits.some(({ url }) => url === `/${nonce}`), "nothing left before the tap");
  const killedAt = performance.now();
  const target =
    fault === "bridge" ? "telegram-bridge" : fault === "guest" || fault === "agent" ? undefined : fault;
  await kill(stage, fault, target);
  if (fault === "supervisor") stage.service = await revive(stage);
  await whole(stage);
  await delay(500);
  const answers = () =>
    seen().filter(({ text }) => text.includes(`done-${nonce}`) && !/echo done-/.test(text));
  const failures = () => seen().filter(({ text }) => text.includes("Reference:"));
  const card = open();
  const label = card?.buttons.find(({ text }) => /^Allow/.test(text))?.text;
  if (card && label) telegram.bot.press(USER, USER, card.id, { label });
  await waitUntil(
    () => answers().length + failures().length > 0,
    stage.patienceMs,
    () => `nothing final: ${told(seen())}`,
  );
  const ms = Math.round(performance.now() - killedAt);
  await delay(1_500);
  const file = join(stage.service.paths.user(principalOf("telegram", String(USER))).home, "effects.log");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const finals = answers().length + failures().length;
  const visits = internet.visits.filter(({ url }) => url === `/${nonce}`).length;
  assert.ok(visits <= 1, `one tap let ${visits} through`);
  assert.equal(open(), undefined, `a card stayed open: ${told(seen())}`);
  return {
    fault,
    point: "held",
    seed: 0,
    answered: answers().length,
    failed: failures().length,
    duplicates: Math.max(0, finals - 1),
    lost: finals === 0 ? 1 : 0,
    effects: lines.filter((line) => line === nonce).length,
    strays: seen().filter(({ text }) => !CARD.test(text)).length - finals,
    ms,
  };
}

function judge(fault: FaultName, cell: CellResult): void {
  const text = JSON.stringify(cell);
  assert.equal(cell.duplicates, 0, text);
  assert.equal(cell.lost, 0, text);
  assert.ok(cell.strays <= 1, text);
  assert.ok(cell.effects <= 1, text);
  if (MUST_ANSWER.has(fault)) assert.equal(cell.answered, 1, text);
}

async function ask(text: string, wanted: RegExp): Promise<void> {
  const before = telegram.bot.fromBot(USER).length;
  telegram.bot.say(USER, text);
  await waitUntil(
    () =>
      telegram.bot
        .fromBot(USER)
        .slice(before)
        .some((message) => wanted.test(message.text)),
    60_000,
    () => `no answer to ${text}: ${told(telegram.bot.fromBot(USER).slice(before))}`,
  );
}

function told(messages: { text: string }[]): string {
  return JSON.stringify(messages.map(({ text }) => text));
}

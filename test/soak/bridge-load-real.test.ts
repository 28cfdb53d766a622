/**
 * Four real agents (the real OpenClaw, awake in real sandboxes, a scripted vendor) with 3 messages each by Telegram, and beside
 * them, over the same Redis, 50 people with 10 messages each by Discord and a load-generating agent of 200 ms. The load goes on
 * until the real agents have answered. Order holds in each conversation, nothing is lost or doubled.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { startFakeTelegram } from "../fakes/telegram/index.ts";
import type { FakeVendor } from "../fakes/vendor/index.ts";
import { startScriptedVendor, VENDOR_KEY, vendorConfig } from "../helpers/scripted-vendor.ts";
import { startService, type TestService, waitUntil } from "../helpers/service.ts";
import { earsOf, end, percentile, round, start } from "./load/crowd.ts";
import { discordLine } from "./load/lines.ts";

const REAL = [501, 502, 503, 504];
const QUESTIONS = 3;
const PEOPLE = 50;
const MESSAGES = 10;
const AGENT_MS = 200;
/** For a warm agent beside the load; for a cold start on a busy machine. */
const PATIENCE_MS = 120_000;

let service: TestService;
let telegram: Awaited<ReturnType<typeof startFakeTelegram>>;
let vendor: FakeVendor;

before(async () => {
  telegram = await startFakeTelegram({ limits: "off" });
  vendor = await startScriptedVendor();
  service = await startService({
    agent: "real",
    config: { inference: vendorConfig(vendor) },
    env: {
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_API_ROOT: telegram.url,
      TELEGRAM_ALLOWED_USERS: REAL.join(","),
      COMPATIBLE_API_KEY: VENDOR_KEY,
    },
  });
});
after(async () => {
  await service?.stop();
  await telegram?.close();
  await vendor?.close();
});

/** The login of one of the service's processes. */
function loginOf(role: "bridge-discord" | "worker", process: string) {
  const file = join(service.paths.secrets(process), "redis-password");
  return {
    socketPath: service.paths.redis.socket,
    username: role,
    password: readFileSync(file, "utf8").trim(),
  };
}

const shown = (user: number) => telegram.bot.fromBot(user).map(({ text }) => text);

/** Starts somebody's agent, before anything is measured or counted: a busy machine may need a second try. */
async function wake(user: number): Promise<void> {
  for (let tries = 1; tries <= 3; tries++) {
    telegram.bot.say(user, "What is 1+1?");
    await waitUntil(
      () => shown(user).length === tries && /= 2|⚠️/.test(shown(user).at(-1)!),
      PATIENCE_MS,
      () => `${user} has no answer: ${JSON.stringify(shown(user))}`,
    );
    if (/= 2/.test(shown(user).at(-1)!)) return;
  }
  throw new Error(`no agent for ${user}: ${JSON.stringify(shown(user))}`);
}

/** Asks one sum after the other; returns how long each answer took. */
async function conversation(user: number): Promise<number[]> {
  const awake = shown(user).length;
  const took: number[] = [];
  const sums: number[] = [];
  for (let i = 0; i < QUESTIONS; i++) {
    const [a, b] = [user * 10 + i, 10_000];
    sums.push(a + b);
    const at = performance.now();
    telegram.bot.say(user, `What is ${a}+${b}?`);
    await waitUntil(
      () => shown(user).some((text) => text.includes(`= ${a + b}`)),
      PATIENCE_MS,
      () => `${user} has no answer ${i}: ${JSON.stringify(shown(user))}`,
    );
    took.push(performance.now() - at);
  }
  assert.deepEqual(
    shown(user)
      .slice(awake)
      .map((text) => Number(/= (\d+)/.exec(text)?.[1])),
    sums,
    `${user}: each answer once, in order, and nothing else`,
  );
  return took;
}

it("4 real agents beside 50 people: order kept, nothing lost, nothing doubled", async () => {
  for (const user of REAL) await wake(user);
  const line = await discordLine(0);
  const worker = await start("worker", { redis: loginOf("worker", "worker"), agentMs: AGENT_MS });
  const { name, token, apiRoot } = line;
  const redis = loginOf("bridge-discord", "discord-bridge");
  const bridge = await start("bridge", { platform: name, redis, token, apiRoot });
  const ears = earsOf(line, worker);
  try {
    let busy = true;
    const real = Promise.all(REAL.map(conversation)).finally(() => {
      busy = false;
    });
    real.catch(() => {});
    const waits: number[] = [];
    for (let n = 0; busy; n++)
      waits.push(...(await round(line, ears, `load${String.fromCharCode(97 + n)}`, PEOPLE, MESSAGES)));
    const took = (await real).flat();
    const ms = (all: number[], share: number) => Math.round(percentile(all, share));
    console.log(
      JSON.stringify({
        real: { agents: REAL.length, answers: took.length, p50: ms(took, 0.5), longest: ms(took, 1) },
        beside: {
          people: PEOPLE,
          messages: waits.length,
          agentMs: AGENT_MS,
          p50: ms(waits, 0.5),
          p99: ms(waits, 0.99),
        },
      }),
    );
    assert.ok(waits.length >= PEOPLE * MESSAGES);
    const sandboxes = await service.sandboxes();
    assert.equal(new Set(sandboxes.map(({ id }) => id)).size, REAL.length, "a sandbox for each");
  } finally {
    ears.close();
    await end(bridge);
    await end(worker);
    await line.close();
  }
});

/**
 * A bridge is killed (SIGKILL) somewhere in taking a message and giving its answer. After a restart each accepted message
 * has exactly one visible final, nothing is lost or taken twice, and no preview stays behind.
 * `NEMOCLAW_KILL_POINTS` (default 6 per platform; `npm run test:bridges`: 50) points are drawn by a fixed seed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type TinyWorker, tinyWorker } from "../bridges/tiny-worker.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { seeded } from "../helpers/seeded.ts";
import { discordPlatform } from "./bridge/discord.ts";
import type { ProcessSettings } from "./bridge/process.ts";
import { LONG_LINES, script } from "./bridge/script.ts";
import { telegramPlatform } from "./bridge/telegram.ts";
import { eventually, type Platform } from "./bridge/world.ts";

const POINTS = Number(process.env["NEMOCLAW_KILL_POINTS"] ?? 6);
const SEED = 20_261_126;
/** Killed at once; each starts two processes. */
const AT_ONCE = 3;

const FAILPOINTS = [
  ...["ingress.before-script", "ingress.after-script", "ingress.after-mark"],
  ...["outbox.anchor-sending", "outbox.anchor-sent", "outbox.final-sending", "outbox.final-sent"],
];
const SECOND = FAILPOINTS.slice(3).map((point) => `${point}@2`);

interface Point {
  /** A failpoint, or milliseconds after the message. */
  at: string | number;
  text: "plain" | "stream" | "long";
}

/** Points by a seeded generator: the same ones in each run. */
function draw(count: number, seed: number): Point[] {
  const random = seeded(seed);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  return Array.from({ length: count }, (_, i): Point => {
    // Half of them in the middle of streaming, whenever that is.
    if (i % 2 === 0) return { at: Math.round(50 + random() * 2_600), text: "stream" };
    const text = one(["plain", "stream", "long"] as const);
    return { at: one(text === "long" ? [...FAILPOINTS, ...SECOND] : FAILPOINTS), text };
  });
}

/** What a point comes to that had no outcome in time. */
const LOST = { finals: 0, strays: [] as string[], turns: 0, killed: true, whole: false };

interface Row extends Point {
  error?: string;
  finals: number;
  strays: string[];
  turns: number;
  killed: boolean;
  whole: boolean;
}

function bridgeKilled(name: "telegram" | "discord", open: () => Promise<Platform>): void {
  const points = draw(POINTS, SEED);
  describe(`${name} bridge killed at ${POINTS} points`, () => {
    let redis: TestRedis;
    let worker: TinyWorker;
    const rows: Row[] = [];
    before(async () => {
      redis = await startTestRedis();
      const store = redis.store("worker");
      await store.ready();
      worker = tinyWorker(store, script);
      const queue = points.entries();
      const runner = async () => {
        for (const [index, point] of queue)
          rows[index] = await runPoint(await open(), point, index).catch((error) => ({
            ...point,
            ...LOST,
            error: String(error),
          }));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, runner));
    });
    after(async () => {
      const sum = (count: (row: Row) => number) => rows.reduce((total, row) => total + count(row), 0);
      const strays = sum((row) => row.strays.length);
      console.log(
        JSON.stringify({
          platform: name,
          points: rows.length,
          finals: sum((row) => row.finals),
          strays,
          turns: sum((row) => row.turns),
        }),
      );
      await worker?.close();
      await redis?.stop();
    });

    for (const [index, { at, text }] of points.entries())
      it(`${index}: ${typeof at === "number" ? `${at} ms into it` : at}, ${text} answer`, () => {
        const row = rows[index]!;
        assert.equal(row.killed, true, "it was killed");
        assert.equal(row.finals, 1, JSON.stringify(row));
        assert.equal(row.whole, true, JSON.stringify(row));
        assert.equal(row.turns, 1, "taken once");
        const most = name === "discord" ? 0 : 1;
        assert.ok(
          row.strays.length <= most && row.strays.every((stray) => stray === "…"),
          JSON.stringify(row),
        );
      });

    async function runPoint(platform: Platform, { at, text }: Point, index: number): Promise<Row> {
      const person = platform.person(index);
      await platform.meet(person);
      // The very text that the turn will have: it tells turns of different points apart.
      const said =
        text === "long" ? `long ${index}` : text === "stream" ? `stream ${index}` : `late ${index}`;
      const first = start(platform, person, typeof at === "string" ? at : "");
      const died = once(first, "exit").then(([, signal]) => signal === "SIGKILL");
      await once(first, "message");
      await platform.tell(person, said);
      if (typeof at === "number") {
        await sleep(at);
        first.kill("SIGKILL");
      }
      const killed = await Promise.race([died, sleep(30_000).then(() => false)]);
      const second = start(platform, person, "");
      const end = text === "long" ? /SECOND PART/ : /THE FINAL/;
      await eventually(
        `final of ${said} at ${at}`,
        async () => (await platform.shown(person)).some((one) => end.test(one.text)) || undefined,
        60_000,
      );
      await sleep(1_000);
      const shown = await platform.shown(person);
      const own = /THE FINAL|row \d+ x|SECOND PART/;
      const whole =
        shown
          .map((one) => one.text)
          .join("\n")
          .match(/row \d+ x/g)?.length ?? 0;
      const row = {
        ...{ at, text, killed },
        finals: shown.filter((one) => one.text.startsWith("THE FINAL")).length,
        strays: shown.filter((one) => !own.test(one.text)).map((one) => one.text),
        turns: worker.texts.filter((seen) => seen === said).length,
        whole: whole === (text === "long" ? LONG_LINES : 0),
      };
      second.kill("SIGTERM");
      await once(second, "exit");
      await platform.close();
      return row;
    }

    function start(platform: Platform, person: string, failpoint: string): ChildProcess {
      const settings: ProcessSettings = {
        platform: name,
        socketPath: redis.socketPath,
        ...redis.users[name === "telegram" ? "bridge-telegram" : "bridge-discord"],
        ...platform.access,
        people: [person],
      };
      return fork(new URL("./bridge/process.ts", import.meta.url), [JSON.stringify(settings)], {
        env: { ...process.env, NEMOCLAW_FAILPOINT: failpoint },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
    }
  });
}

// Each point has a server and a bot of its own: bots of one name would take each other's messages.
let bot = 0;
bridgeKilled("telegram", () =>
  telegramPlatform({ token: `80000${10_000 + ++bot}:kill-test-token-0123456789` }),
);
bridgeKilled("discord", () => discordPlatform({ bot: String(910_000_000_000_000_000n + BigInt(++bot)) }));

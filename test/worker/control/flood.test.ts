/**
 * A guest that floods its control.sock must not move another user: the round trip and the one-way latency of a
 * well-behaved guest, with and without the flood (p99, target ≤ 20 ms more, asserted at three times that).
 * Guests are processes of their own; the main thread's timers, on which lease renewals run, are watched too.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { ControlHub } from "../../../src/worker/control/hub.ts";

const silent = pino({ level: "silent" });
const TARGET_MS = 20;
const MEASURE_MS = 3_000;

const p99 = (values: number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;

describe("a flooding guest", () => {
  const dir = mkdtempSync("/tmp/nc-");
  const socket = (name: string) => join(dir, name, "control.sock");
  const children: ChildProcess[] = [];
  let hub: ControlHub;
  let conn = 0;
  const acks = new Map<number, () => void>();
  let oneWay: number[] = [];
  let flooded = 0;

  const start = (script: URL, ...args: string[]) => {
    const path = fileURLToPath(script);
    const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  };

  before(async () => {
    hub = new ControlHub({
      log: silent,
      handOver: async () => {},
      onDeath: (error) => {
        throw error;
      },
    });
    const up = Promise.withResolvers<void>();
    await hub.listen("victim", socket("v"), "b1", {
      up: (_hello, id) => {
        conn = id;
        up.resolve();
      },
      down: (reason) => assert.fail(`the victim was cut off: ${reason}`),
      frame: (frame) => {
        if (frame.type === "ack") acks.get(frame.id)?.();
        else if (frame.type === "event" && frame.event.kind === "delta")
          oneWay.push(Number(process.hrtime.bigint() - BigInt(frame.event.text)) / 1e6);
      },
    });
    await hub.listen("mallory", socket("m"), "b2", { up() {}, down() {}, frame: () => flooded++ });
    start(new URL("../helpers/echo-guest.ts", import.meta.url), socket("v"), "victim", "b1");
    await up.promise;
    await measure(500); // warm up
  });
  after(async () => {
    await hub.close();
    for (const child of children) child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  });

  let id = 0;
  async function measure(ms: number) {
    oneWay = [];
    const trips: number[] = [];
    const late: number[] = [];
    let due = performance.now() + 50;
    const timer = setInterval(() => {
      late.push(performance.now() - due);
      due = performance.now() + 50;
    }, 50);
    for (const end = performance.now() + ms; performance.now() < end; ) {
      const since = performance.now();
      const answered = Promise.withResolvers<void>();
      acks.set(++id, answered.resolve);
      hub.send("victim", conn, { type: "warm", id });
      await answered.promise;
      acks.delete(id);
      trips.push(performance.now() - since);
      await sleep(2);
    }
    clearInterval(timer);
    return { trip: p99(trips), oneWay: p99(oneWay), timer: Math.max(...late) };
  }

  for (const mode of ["huge", "wide", "tiny", "events", "deep", "invalid", "oversized", "redial"]) {
    it(`${mode}: moves another user's p99 by at most ${TARGET_MS} ms`, async () => {
      const quiet = await measure(1_500);
      flooded = 0;
      const flooder = start(
        new URL("../helpers/flooder.ts", import.meta.url),
        socket("m"),
        "mallory",
        "b2",
        mode,
      );
      await sleep(400); // its process starts
      const under = await measure(MEASURE_MS);
      flooder.kill("SIGTERM");
      const [out] = (await once(flooder.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
      const { connections, bytes } = JSON.parse(String(out)) as { connections: number; bytes: number };
      const moved = { trip: under.trip - quiet.trip, oneWay: under.oneWay - quiet.oneWay };
      const round = (n: number) => Math.round(n * 10) / 10;
      console.log(
        JSON.stringify({
          flood: mode,
          p99MovedMs: { roundTrip: round(moved.trip), event: round(moved.oneWay) },
          p99QuietMs: { roundTrip: round(quiet.trip), event: round(quiet.oneWay) },
          timerLateMs: round(under.timer),
          connections,
          sentMB: round(bytes / 1e6),
          framesPassed: flooded,
        }),
      );
      assert.ok(connections > 0);
      assert.ok(moved.trip < TARGET_MS * 3, `round trip moved by ${moved.trip} ms`);
      assert.ok(moved.oneWay < TARGET_MS * 3, `event moved by ${moved.oneWay} ms`);
      assert.ok(under.timer < 1_000, `a lease renewal was ${under.timer} ms late`);
    });
  }
});

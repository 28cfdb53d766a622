/**
 * Many people at a fake platform: each writes the next message when the one before is answered. Measures the time from
 * the platform's update to the start of the turn that takes it, and counts answers from what the fake shows.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { answeredIn, type Begun, now } from "./tokens.ts";

/** What the load needs of a fake platform. */
export interface Line {
  name: "telegram" | "discord";
  person(n: number): string;
  /** Writes, and returns when the server has it. */
  say(person: string, text: string): void;
  /** Texts that requests carried since the last call: cheaper to look through than what is shown. */
  sent(): string[];
  /** What is shown to a person now, oldest first. */
  shown(person: string): string[];
  /** One person writes into one of the topics. */
  flood(topic: number, text: string): void;
  /** What is shown in a topic now, oldest first. */
  topic(topic: number): string[];
  close(): Promise<void>;
}

/** Ears for turns that begin and answers that are sent. */
export interface Ears {
  /** When the turn that takes a message began. */
  begun: Map<string, number>;
  /** Resolves when a request with the token's answer was made. */
  answered(token: string): Promise<void>;
  close(): void;
}

/** Listens to the load worker and to a fake. */
export function earsOf(line: Line, worker: ChildProcess): Ears {
  const begun = new Map<string, number>();
  const waiting = new Map<string, () => void>();
  worker.on("message", (told) => {
    if (typeof told === "string") return;
    const { at, tokens } = told as Begun;
    for (const token of tokens) {
      assert.ok(!begun.has(token), `${token} is in one turn only`);
      begun.set(token, at);
    }
  });
  const look = setInterval(() => {
    for (const token of line.sent().flatMap(answeredIn)) {
      waiting.get(token)?.();
      waiting.delete(token);
    }
  }, 5);
  return {
    begun,
    answered: (token) => new Promise((resolve) => waiting.set(token, resolve)),
    close: () => clearInterval(look),
  };
}

/** Starts a program of this folder; resolves when it says that it is ready. */
export async function start(program: "bridge" | "worker", settings: object): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, `${program}.ts`), [JSON.stringify(settings)]);
  const ended = Promise.withResolvers<never>();
  child.once("exit", (code) => ended.reject(new Error(`the ${program} ended with ${code}`)));
  ended.promise.catch(() => {});
  const ready = new Promise<void>((resolve) =>
    child.on("message", (told) => {
      if (told === "ready") resolve();
    }),
  );
  await Promise.race([ready, ended.promise]);
  return child;
}

/** Ends what {@link start} started. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(force);
}

/** An answer that doesn't come is a lost message. */
const LOST_MS = 60_000;

/** One round of `people` with `messages` each; returns the waits for the turn's start. Fails on anything lost, doubled or out of order. */
export async function round(
  line: Line,
  ears: Ears,
  tag: string,
  people: number,
  messages: number,
): Promise<number[]> {
  const asked = new Map<string, number>();
  const one = async (n: number) => {
    const own = Array.from({ length: messages }, (_, i) => `${tag}-${n}-${i}`);
    for (const token of own) {
      const answered = ears.answered(token);
      asked.set(token, now());
      line.say(line.person(n), token);
      const late = sleep(LOST_MS, "late", { ref: false });
      assert.notEqual(
        await Promise.race([answered, late]),
        "late",
        `${token} is not answered: begun ${ears.begun.get(token)! - asked.get(token)!} ms later; shown ${JSON.stringify(line.shown(line.person(n)).slice(-3))}`,
      );
    }
    const seen = line.shown(line.person(n)).flatMap(answeredIn);
    assert.deepEqual(
      seen.filter((token) => token.startsWith(`${tag}-`)),
      own,
      "each once, in order",
    );
  };
  await Promise.all(Array.from({ length: people }, (_, n) => one(n)));
  return [...asked].map(([token, at]) => ears.begun.get(token)! - at);
}

/** A share's value, e.g. 0.99 for the 99th percentile. */
export function percentile(all: number[], share: number): number {
  return all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0;
}

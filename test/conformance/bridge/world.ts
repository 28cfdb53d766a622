/**
 * A chat platform with a bridge on it, as the conformance suite sees it: people who write, press and read. Everything goes
 * through the platform server's control side over HTTP, so that a server of others can take the fake's place.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { StoreForBridges } from "../../../src/bridges/core/index.ts";
import type { Store } from "../../../src/store/index.ts";
import { type MemoryCards, memoryCards } from "../../bridges/memory-cards.ts";
import { type TinyWorker, tinyWorker } from "../../bridges/tiny-worker.ts";
import { startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { script } from "./script.ts";

/** A message of the bot as its reader sees it. */
export interface Shown {
  id: string;
  text: string;
  /** The markup as it was sent. */
  source: string;
  buttons: { label: string; data: string }[];
  /** What can be clicked: address, and the text that stands there. */
  links: { url: string; text: string }[];
  replyTo: string | undefined;
}

/** Ways in which a request may fail. */
export const KINDS = [
  "reset-before-apply",
  "apply-then-reset",
  "apply-then-502",
  "delay",
  "429",
  "error",
] as const;
/** One of them. */
export type Kind = (typeof KINDS)[number];

/** Requests that may fail. */
export const POINTS = ["anchor", "final", "preview", "second part"] as const;
/** One of them. */
export type Point = (typeof POINTS)[number];

/** A running bridge, whichever. */
export interface RunningBridge {
  counters(): Record<string, number>;
  close(flushMs?: number): Promise<void>;
}

/** A platform. `person` is a numeric id; each has a private chat with the bot. */
export interface Platform {
  readonly name: "telegram" | "discord";
  /** Characters of one message. */
  readonly limit: number;
  /** Whether a repeated placeholder is recognised: then no stray one may stay. */
  readonly idempotent: boolean;
  /** The nth person. */
  person(n: number): string;
  /** Everything that a bridge process needs to know, beside its store. */
  readonly access: { token: string; apiRoot: string };
  start(
    store: StoreForBridges & Store,
    people: string[],
    owner: string,
    requestTimeoutMs: number,
  ): Promise<RunningBridge>;
  meet(person: string): Promise<void>;
  /** Where the person's private chat is, for records; known after {@link meet}. */
  home(person: string): {
    principal: string;
    conversation: string;
    bridge: string;
    deliver: { chat: string };
  };
  tell(person: string, text: string): Promise<string>;
  shown(person: string): Promise<Shown[]>;
  /** What a running turn shows: a draft, or a message. */
  preview(person: string): Promise<string>;
  press(person: string, message: string, data: string, by?: string): Promise<string>;
  /** What the presser was told; undefined while nothing is. */
  toast(person: string, press: string, by?: string): Promise<string | undefined>;
  edit(person: string, message: string, text: string): Promise<void>;
  remove(person: string, message: string): Promise<void>;
  refuse(person: string, on: boolean): Promise<void>;
  trouble(kind: Kind, point: Point, person: string): Promise<void>;
  /** How often such a trouble came to this person's requests. */
  came(kind: Kind, person: string): Promise<number>;
  /** The connection by which messages come breaks. */
  cut(): Promise<void>;
  /** The next message of this person is delivered twice. */
  twice(person: string): Promise<void>;
  typed(person: string): Promise<number>;
  /** Requests that broke a rule of this project: previews, pings, embeds. */
  breaches(): Promise<string[]>;
  close(): Promise<void>;
}

/** A platform with store, worker and a running bridge. */
export interface World {
  platform: Platform;
  redis: TestRedis;
  worker: TinyWorker;
  cards: MemoryCards;
  bridge: RunningBridge;
  /** People who are let in; the last is a stranger. */
  people: string[];
  stranger: string;
  /** Ends the bridge and starts another. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Shorter than any trouble's delay, longer than any answer of a loaded machine. */
const REQUEST_TIMEOUT_MS = 1_200;

/** Puts a world together. */
export async function openWorld(platform: Platform, count: number): Promise<World> {
  const redis = await startTestRedis();
  const cards = memoryCards();
  const store = {
    ...redis.store(platform.name === "telegram" ? "bridge-telegram" : "bridge-discord"),
    cards: cards.cards,
  };
  const workerStore = redis.store("worker");
  await Promise.all([store.ready(), workerStore.ready()]);
  const people = Array.from({ length: count }, (_, i) => platform.person(i));
  const stranger = platform.person(count);
  for (const person of [...people, stranger]) await platform.meet(person);
  let life = 0;
  const start = () => platform.start(store, people, `bridge-${++life}`, REQUEST_TIMEOUT_MS);
  const world: World = {
    ...{ platform, redis, cards, people, stranger },
    worker: tinyWorker(workerStore, script),
    bridge: await start(),
    async restart() {
      await world.bridge.close(2_000);
      world.bridge = await start();
    },
    async close() {
      await world.worker.close();
      await world.bridge.close(500);
      await platform.close();
      await redis.stop();
    },
  };
  return world;
}

/** Waits until `check` gives something, at most `ms`. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  ms = 20_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (let pause = 15; ; pause = Math.min(150, pause * 1.3)) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(pause);
  }
}

/** The first message of the bot after `after` that matches. */
export function answerTo(
  world: World,
  person: string,
  after: string,
  want: RegExp,
  ms?: number,
): Promise<Shown> {
  return eventually(
    `${want} for ${person}`,
    async () => (await since(world, person, after)).find(({ text }) => want.test(text)),
    ms,
  );
}

/** Messages of the bot that are newer than a message. */
export async function since(world: World, person: string, after: string): Promise<Shown[]> {
  return (await world.platform.shown(person)).filter(({ id }) => BigInt(id) > BigInt(after));
}

/** Says a text and waits for the answer. */
export async function ask(world: World, person: string, text: string, want: RegExp): Promise<Shown> {
  return await answerTo(world, person, await world.platform.tell(person, text), want);
}

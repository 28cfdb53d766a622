/**
 * The worker of load tests, as a process of its own: the product's store, doorbell and dispatcher, and for an agent a
 * LOAD GENERATOR that takes 200 ms and thinks nothing. Tells its parent which messages each turn takes, and when it began.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openStore, type TurnRecord } from "../../../src/store/index.ts";
import { Dispatcher } from "../../../src/worker/dispatcher.ts";
import type { TurnRun } from "../../../src/worker/turn-runner.ts";
import { silent } from "../../helpers/redis.ts";
import { type Begun, now, tokensIn } from "./tokens.ts";

/** What the worker is told. */
export interface WorkerSettings {
  redis: { socketPath: string; username: string; password: string };
  agentMs: number;
}

const { redis, agentMs } = JSON.parse(process.argv[2] ?? "") as WorkerSettings;
const HOST = "load";
const OWNER = "load-generating-agent";
const store = openStore({ ...redis, hostId: HOST, name: "worker", logger: silent });
await store.ready();

/** A turn of the load generator: what the dispatcher needs of a turn, and no sandbox. Shorter than its lease. */
function loadRun(turn: TurnRecord): TurnRun {
  const ended = Promise.withResolvers<{ more: boolean; detached: boolean }>();
  const { conversation, turnId, fence, deliver, bridge, principal } = turn;
  async function run(): Promise<void> {
    const tokens = tokensIn(turn.text);
    process.send?.({ at: now(), tokens } satisfies Begun);
    store.turns.draft({ conversation, turnId, fence, seq: 1, deliver, kind: "working", text: "", bridge });
    await sleep(agentMs);
    const markdown = tokens.map((token) => `answer to ${token}.`).join("\n\n");
    const settled = await store.turns.settle(turn, "answered", { kind: "final", markdown });
    ended.resolve({ more: settled?.more ?? false, detached: settled === undefined });
  }
  const double = {
    principal,
    done: ended.promise,
    start: () => void run().catch(() => ended.resolve({ more: true, detached: false })),
    renew: async () => {},
    cancel() {},
    detach: () => ended.resolve({ more: false, detached: true }),
  };
  return double as unknown as TurnRun;
}

const dispatcher = new Dispatcher({
  ...{ log: silent, turns: store.turns, owner: OWNER, hostId: HOST, maxClaimed: 256 },
  acting: () => true,
  paused: () => false,
  shut: () => false,
  run: loadRun,
  mostRunning: () => 2,
  warmLife: () => "",
});
dispatcher.open();
const bell = await store.doorbell.listen((conversation) => dispatcher.ring(conversation), 64);
process.send?.("ready");
// The test that started it is gone.
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => {
  dispatcher.stopClaims();
  void bell.close().then(() => process.exit(0));
});

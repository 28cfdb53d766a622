/**
 * A worker for bridge tests: claims real turns from the real store and settles them as a function says.
 * No agent, no lease renewal: bridges see exactly what a real worker's turns look like from outside.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AnswerBody, DraftMessage, Store, TurnRecord } from "../../src/store/index.ts";

/** What a turn does; `show` publishes a draft, `cancelled` looks whether it is to stop. */
export type TurnHandler = (
  turn: TurnRecord,
  show: (kind: DraftMessage["kind"], text?: string) => void,
  cancelled: () => Promise<boolean>,
) => Promise<AnswerBody | undefined>;

/** A running worker. */
export interface TinyWorker {
  /** Texts of the turns that were settled, in order. */
  texts: string[];
  turns: TurnRecord[];
  close(): Promise<void>;
}

/** Echoes in Markdown. */
export const echo: TurnHandler = async (turn) => ({ kind: "final", markdown: `echo: ${turn.text}` });

/** Runs turns one after the other until closed. */
export function tinyWorker(store: Store, handler: TurnHandler = echo, owner = "tiny"): TinyWorker {
  const worker: TinyWorker = { texts: [], turns: [], close };
  let closed = false;
  const busy = new Set<string>();
  const all = new Set<Promise<void>>();

  async function run(conversation: string, mark: number): Promise<void> {
    const claim = await store.turns.claim(conversation, owner);
    if (claim.kind === "empty") return await store.turns.clean(conversation, mark);
    if (claim.kind !== "run" && claim.kind !== "recover") return;
    const { turn } = claim;
    let seq = 0;
    const show = (kind: DraftMessage["kind"], text = "") => {
      seq += 1;
      const { conversation, turnId, fence, deliver, bridge } = turn;
      store.turns.draft({ conversation, turnId, fence, seq, deliver, kind, text, bridge });
    };
    const cancelled = async () => {
      const held = await store.turns.renew(turn);
      return held.kind === "lost" || held.cancel;
    };
    const body = await handler(turn, show, cancelled);
    if (!body) return;
    await store.turns.settle(
      turn,
      body.kind === "failure" ? (body.code === "interrupted" ? "interrupted" : "failed") : "answered",
      body,
    );
    worker.texts.push(turn.text);
    worker.turns.push(turn);
  }

  async function loop(): Promise<void> {
    while (!closed) {
      const dirty = await store.turns.dirty(100).catch(() => []);
      for (const { conversation, mark } of dirty) {
        if (busy.has(conversation)) continue;
        busy.add(conversation);
        const work = run(conversation, mark)
          .catch(() => {})
          .finally(() => {
            busy.delete(conversation);
            all.delete(work);
          });
        all.add(work);
      }
      await sleep(15);
    }
  }
  const running = loop();
  async function close(): Promise<void> {
    closed = true;
    await running;
    await Promise.race([Promise.all(all), sleep(2_000)]);
  }
  return worker;
}

/** Waits until `check` gives something, at most `ms`. */
export async function until<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 5_000,
  what = "condition",
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what} not met within ${ms} ms`);
    await sleep(10);
  }
}

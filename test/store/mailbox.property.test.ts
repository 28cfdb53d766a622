/**
 * A mailbox against a pure model: random sequences of accept, redelivery, claim, lease end, settle (also by former
 * holders), /stop, /new and clean. In every state: nothing lost, nothing doubled, order and sessions kept.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { principalOf } from "../../src/lib/ids.ts";
import type { AcceptResult, IngressEvent, Store, TurnRecord } from "../../src/store/index.ts";
import { MAX_WAITING } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { command, final, message } from "./events.ts";

interface Model {
  seq: number;
  session: number;
  waiting: { seq: number; session: number; text: string }[];
  turn:
    | { id: string; seqs: number[]; text: string; session: number; fence: number; live: boolean }
    | undefined;
  fence: number;
  cancelUpTo: number;
  /** What the outbox must hold, in order. */
  said: string[];
  /** The refusal in it that one more may be added to. */
  refused: number | undefined;
  /** Every event so far with its outcome, for redelivery. */
  events: { event: IngressEvent; outcome: AcceptResult }[];
  /** Every handle a worker ever held; only the last may act. */
  handles: TurnRecord[];
  dirty: boolean;
}
interface Real {
  chat: string;
  id: string;
  bridge: Store;
  worker: Store;
  redis: TestRedis;
}
type Command = fc.AsyncCommand<Model, Real>;

/** A command that may always run. */
function step(name: string, run: (m: Model, r: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}
const accept = (r: Real, event: IngressEvent) => r.bridge.ingress("console").accept(event);
const isHolder = (m: Model, handle: TurnRecord) =>
  m.turn?.id === handle.turnId && m.turn.fence === handle.fence;

const say = (text: string) =>
  step(`say ${JSON.stringify(text)}`, async (m, r) => {
    const event = message(r.chat, text);
    const outcome = await accept(r, event);
    if (m.waiting.length >= MAX_WAITING) {
      assert.deepEqual(outcome, { kind: "full", waiting: MAX_WAITING, duplicate: false });
      // Refusals in a row are told together until somebody reads what is to be said.
      if (m.refused === undefined) m.refused = m.said.push("queue-full") - 1;
      else m.said[m.refused] = "queue-full-many";
    } else {
      m.refused = undefined;
      m.seq += 1;
      const ahead = m.waiting.length + (m.turn ? 1 : 0);
      assert.deepEqual(outcome, {
        kind: "accepted",
        seq: m.seq,
        session: m.session,
        ahead,
        duplicate: false,
      });
      m.waiting.push({ seq: m.seq, session: m.session, text: text.toWellFormed() });
    }
    m.dirty = true;
    m.events.push({ event, outcome });
  });

const newSession = step("/new", async (m, r) => {
  const event = command(r.chat, "new");
  const outcome = await accept(r, event);
  m.seq += 1;
  m.session += 1;
  assert.deepEqual(outcome, { kind: "session", seq: m.seq, session: m.session, duplicate: false });
  m.said.push("session-new");
  m.events.push({ event, outcome });
});

const stop = step("/stop", async (m, r) => {
  const event = command(r.chat, "stop");
  const outcome = await accept(r, event);
  m.seq += 1;
  const discarded = m.waiting.length;
  assert.deepEqual(outcome, {
    kind: "stop",
    seq: m.seq,
    running: m.turn?.id ?? "",
    discarded,
    duplicate: false,
  });
  m.said.push(m.turn || discarded ? "stopped" : "nothing-to-stop");
  m.waiting = [];
  m.cancelUpTo = m.seq;
  m.events.push({ event, outcome });
});

const redeliver = (pick: number) =>
  step(`redeliver ${pick}`, async (m, r) => {
    const before = m.events[pick % Math.max(1, m.events.length)];
    if (!before) return;
    assert.deepEqual(await accept(r, before.event), { ...before.outcome, duplicate: true });
    if (before.event.text !== undefined) m.dirty = true;
  });

const claimAs = (name: string, sure: boolean) =>
  step(name, async (m, r) => {
    const owner = "w"; // Only the fence tells holders apart.
    const short = { principal: principalOf("console", r.chat), bootId: "" };
    const result = await r.worker.turns.claim(r.id, owner, "", sure ? short : undefined);
    if (m.turn?.live) {
      assert.equal(result.kind, "busy");
    } else if (m.turn) {
      assert.ok(result.kind === "recover");
      m.fence += 1;
      Object.assign(m.turn, { fence: m.fence, live: true });
      assert.deepEqual(
        [result.turn.turnId, result.turn.text, result.turn.fence],
        [m.turn.id, m.turn.text, m.fence],
      );
      m.handles.push(result.turn);
    } else if (m.waiting.length === 0) {
      assert.deepEqual(result, { kind: "empty" });
    } else {
      assert.ok(result.kind === "run");
      const session = m.waiting[0]!.session;
      const border = m.waiting.findIndex((entry) => entry.session !== session);
      const taken = m.waiting.splice(0, border < 0 ? m.waiting.length : border);
      m.fence += 1;
      const { turnId, seqs, text, fence } = result.turn;
      const expected = {
        seqs: taken.map((e) => e.seq),
        text: taken
          .map((e) => e.text)
          .filter((text) => text !== "")
          .join("\n\n"),
        session,
        fence: m.fence,
      };
      assert.deepEqual({ seqs, text, session: result.turn.session, fence }, expected);
      m.turn = { id: turnId, ...expected, live: true };
      m.handles.push(result.turn);
    }
  });

const claim = claimAs("claim", false);
const claimSurely = claimAs("claim surely", true);

const leaseEnds = step("lease ends", async (m, r) => {
  if (!m.turn) return;
  await r.redis.send("admin", "HSET", `nc:{c:${r.id}}:turn`, "leaseUntil", "1");
  m.turn.live = false;
});

const renew = (pick: number) =>
  step(`renew ${pick}`, async (m, r) => {
    const handle = m.handles[pick % Math.max(1, m.handles.length)];
    if (!handle) return;
    const result = await r.worker.turns.renew(handle);
    if (!isHolder(m, handle)) return assert.deepEqual(result, { kind: "lost" });
    m.turn!.live = true;
    assert.deepEqual(result, { kind: "ok", cancel: m.cancelUpTo >= m.turn!.seqs.at(-1)!, joinable: false });
  });

const settle = (pick: number) =>
  step(`settle ${pick}`, async (m, r) => {
    const handle = m.handles[pick % Math.max(1, m.handles.length)];
    if (!handle) return;
    const body = final(`${handle.turnId} ${handle.fence}`);
    const result = await r.worker.turns.settle(handle, "answered", body);
    if (isHolder(m, handle)) {
      assert.deepEqual(result, { more: m.waiting.length > 0 });
      m.said.push(body.markdown);
      m.turn = undefined;
    } else if (m.said.includes(body.markdown)) {
      assert.deepEqual(result, { more: m.waiting.length > 0 }, "repeated by the one who settled");
    } else {
      assert.equal(result, undefined, "a former holder");
    }
  });

const clean = step("clean", async (m, r) => {
  await r.worker.turns.clean(r.id, await r.worker.turns.markOf(r.id));
  if (m.waiting.length === 0 && !m.turn) m.dirty = false;
  assert.equal((await r.worker.turns.markOf(r.id)) > 0, m.dirty);
});

const look = step("look", async (m, r) => {
  const said = (await r.bridge.outbox("console").pending(r.id)).map(({ body }) =>
    body.kind === "final" ? body.markdown : body.kind === "notice" ? body.code : body.kind,
  );
  m.refused = undefined;
  assert.deepEqual(said, m.said.slice(0, 50));
  const turn = await r.worker.turns.get(r.id);
  assert.deepEqual([turn?.turnId, turn?.seqs], [m.turn?.id, m.turn?.seqs]);
  if (m.waiting.length > 0 || m.turn)
    assert.ok((await r.worker.turns.markOf(r.id)) > 0, "work is always marked");
});

let redis: TestRedis;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());

test("a mailbox does what its model does", { timeout: 180_000 }, async () => {
  const [bridge, worker] = [redis.store("bridge-console"), redis.store("worker")];
  await Promise.all([bridge.ready(), worker.ready()]);
  const pick = fc.nat(40);
  const always = (c: Command) => fc.constant(c);
  const commands = fc.commands(
    [
      fc.string({ unit: "binary", maxLength: 12 }).map(say),
      fc.constant("x").map(say),
      pick.map(redeliver),
      always(claim),
      always(claimSurely),
      always(leaseEnds),
      pick.map(renew),
      pick.map(settle),
      // The present holder, most of the time.
      always(step("settle last", (m, r) => settle(m.handles.length - 1).run(m, r))),
      always(newSession),
      always(stop),
      always(clean),
      always(look),
    ],
    { maxCommands: 80, size: "max" },
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      run += 1;
      const chat = `p${run}`;
      const setup = () => ({
        model: {
          seq: 0,
          session: 1,
          waiting: [],
          turn: undefined,
          fence: 0,
          cancelUpTo: 0,
          said: [],
          refused: undefined,
          events: [],
          handles: [],
          dirty: false,
        } satisfies Model as Model,
        real: { chat, id: `console.${chat}`, bridge, worker, redis },
      });
      const state = setup();
      await fc.asyncModelRun(() => state, sequence);
      await look.run(state.model, state.real);
    }),
    { numRuns: Number(process.env["FC_RUNS"] ?? 60), endOnFailure: true },
  );
});

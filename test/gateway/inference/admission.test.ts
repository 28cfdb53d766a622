import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Fault } from "../../../src/lib/errors.ts";
import { modelAlias } from "../../../src/lib/model-alias.ts";
import { type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { chat, OTHER, type Rig, SANDBOX, send, startRig, streamedText } from "../harness.ts";

const KEY = "sk-fake-vendor-key-0123456789";
let vendor: FakeVendor;

before(async () => {
  vendor = await startFakeVendor({ key: KEY });
});
after(() => vendor.close());
beforeEach(() => {
  vendor.seen.length = 0;
  vendor.queue.length = 0;
  vendor.otherwise = {};
});

const config = (more: object = {}) => ({
  default: { provider: "compatible", model: "fake-1" },
  providers: { compatible: { baseUrl: vendor.url }, "compatible-anthropic": { baseUrl: vendor.url } },
  ...more,
});
const rig = (more: object = {}, options: object = {}): Promise<Rig> =>
  startRig({ config: config(more), keys: { compatible: KEY, "compatible-anthropic": KEY }, ...options });
const code = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code;

describe("admission", () => {
  test("no running turn: refused, with an allowance let through that often", async () => {
    await using closed = await rig({}, { turn: false });
    const reply = await send(closed.socket(), { body: chat("hi") });
    assert.equal(code(reply.text), "no_running_turn");
    await using open = await rig({ limits: { idlePerHour: 2 } }, { turn: false });
    const codes = [];
    for (let i = 0; i < 3; i++) codes.push((await send(open.socket(), { body: chat("hi") })).status);
    assert.deepEqual(codes, [200, 200, 400]);
    assert.equal(vendor.seen.length, 2);
  });

  test("a warm-up turn is answered here: no vendor, no bill", async () => {
    await using r = await rig({}, { turn: false });
    r.turns.byPrincipal.set(SANDBOX, [{ turnId: "t_w", kind: "warmup", scopeId: "s" }]);
    const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
    assert.equal(streamedText(reply.text), "ready");
    assert.equal(vendor.seen.length, 0);
    assert.equal(r.usage.settled.length, 0);
  });

  test("two conversations at once: each call goes to the model that its own conversation chose", async () => {
    const models = [{ provider: "compatible", model: "fake-2" }];
    await using r = await rig({ models });
    const turn = (turnId: string, model?: string) => ({
      ...{ turnId, kind: "turn" as const, scopeId: turnId },
      ...(model ? { model: `compatible/${model}` } : {}),
    });
    const ask = async (named: string) => {
      assert.equal((await send(r.socket(), { body: chat("hi", { model: named }) })).status, 200);
      return [vendor.seen.at(-1)!.body["model"], r.audits().at(-1)?.["turnId"]];
    };
    const [one, two] = [modelAlias("compatible/fake-1"), modelAlias("compatible/fake-2")];
    r.turns.byPrincipal.set(SANDBOX, [turn("t_new", "fake-1"), turn("t_old", "fake-2")]);
    assert.deepEqual(await ask(two), ["fake-2", "t_old"]);
    assert.deepEqual(await ask(one), ["fake-1", "t_new"]);
    r.turns.byPrincipal.set(SANDBOX, [turn("t_new", "fake-2"), turn("t_old")]);
    assert.deepEqual(await ask("stub"), ["fake-1", "t_old"], "the one that chose nothing has the default");
    // A name is no right: what no running turn chose can't be had by it.
    r.turns.byPrincipal.set(SANDBOX, [turn("t_new")]);
    assert.deepEqual(await ask(two), ["fake-1", "t_new"]);
    assert.deepEqual(await ask("compatible/fake-2"), ["fake-1", "t_new"]);
  });

  test("calls at once and per minute are capped, per sandbox, with Retry-After", async () => {
    await using r = await rig({ limits: { concurrent: 2, perMinute: 4 } });
    r.launcher.set(OTHER, "run-name-b");
    vendor.otherwise = { delayMs: 150 };
    const three = await Promise.all([1, 2, 3].map(() => send(r.socket(), { body: chat("hi") })));
    assert.deepEqual(three.map((one) => one.status).sort(), [200, 200, 429]);
    assert.equal(three.find((one) => one.status === 429)!.headers["retry-after"], "1");
    vendor.otherwise = {};
    for (let i = 0; i < 2; i++) assert.equal((await send(r.socket(), { body: chat("hi") })).status, 200);
    const late = await send(r.socket(), { body: chat("hi") });
    assert.equal(late.status, 429);
    assert.ok(Number(late.headers["retry-after"]) > 50);
    assert.equal((await send(r.socket(OTHER), { body: chat("hi") })).status, 200);
  });

  test("budgets hold also against calls that run at the same time", async () => {
    await using r = await rig({ limits: { dailyTokens: 400 } });
    vendor.otherwise = { delayMs: 100 };
    const body = chat("hi", { max_completion_tokens: 150 });
    const replies = await Promise.all([1, 2, 3].map(() => send(r.socket(), { body })));
    assert.deepEqual(replies.map((one) => one.status).sort(), [200, 200, 400]);
    assert.equal(code(replies.find((one) => one.status === 400)!.text), "allowance_used");
    await r.until(() => r.usage.settled.length === 2);
    // What was not used is given back.
    assert.equal((await send(r.socket(), { body })).status, 200);
  });

  test("money: price by model, refused where no price is known", async () => {
    const providers = {
      compatible: { baseUrl: vendor.url, prices: { "fake-1": { input: 1_000_000, output: 10_000_000 } } },
    };
    await using r = await rig({ providers, limits: { dailyMicros: 10_000 } });
    assert.equal((await send(r.socket(), { body: chat("hi", { max_completion_tokens: 100 }) })).status, 200);
    await r.until(() => r.usage.settled.length === 1);
    const { used } = r.usage.settled[0]!;
    assert.equal(used.micros, used.input + used.output * 10);
    r.profiles.byPrincipal.set(SANDBOX, { model: "fake-2" });
    assert.equal(code((await send(r.socket(), { body: chat("hi") })).text), "price_unknown");
  });

  test("the store away for a moment delays a call, away for longer refuses it; a settlement is never dropped", async () => {
    await using r = await rig({}, { timeouts: { routerFinalError: 900 } });
    const away = () => new Fault({ code: "redis-unreachable", message: "away", retryable: true });
    r.usage.failures = [away(), away()];
    assert.equal((await send(r.socket(), { body: chat("hi") })).status, 200);
    await r.until(() => r.usage.settled.length === 1);
    r.turns.failures = Array.from({ length: 50 }, away);
    assert.equal(code((await send(r.socket(), { body: chat("hi") })).text), "store_unreachable");
    r.turns.failures = [];
    vendor.otherwise = { delayMs: 100 };
    const call = send(r.socket(), { body: chat("hi") });
    await r.until(() => r.usage.reserved.size === 1);
    r.usage.failures = [away(), away()];
    assert.equal((await call).status, 200);
    await r.until(() => r.usage.settled.length === 2, 3_000);
  });
});

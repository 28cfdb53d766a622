/** Approval cards on the console: events, presses over the routes, what a client that comes late is shown, outcomes in the transcript. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CardEvent,
  type ConsoleBridge,
  type ConsoleClient,
  type ConsoleEvent,
  consoleClient,
  runConsoleBridge,
} from "../../../src/bridges/console/index.ts";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import type { Store } from "../../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type MemoryCards, memoryCards } from "../memory-cards.ts";
import { type TinyWorker, tinyWorker, until } from "../tiny-worker.ts";

const HOME = {
  principal: OPERATOR_PRINCIPAL,
  conversation: "console.main",
  bridge: "console",
  deliver: { chat: "main" },
};

describe("console cards", () => {
  let redis: TestRedis;
  let store: Store;
  let worker: TinyWorker;
  let bridge: ConsoleBridge;
  let client: ConsoleClient;
  let cards: MemoryCards;
  const start = () =>
    runConsoleBridge({ paths: pathsOf(redis.home), store, owner: "test", logger: silent, port: 0 });

  before(async () => {
    redis = await startTestRedis();
    cards = memoryCards();
    store = { ...redis.store("bridge-console"), cards: cards.cards };
    const workerStore = redis.store("worker");
    await store.ready();
    await workerStore.ready();
    worker = tinyWorker(workerStore, async (turn) => ({ kind: "final", markdown: `echo: ${turn.text}` }));
    bridge = await start();
    client = consoleClient(pathsOf(redis.home).consoleSocket);
  });
  after(async () => {
    await worker.close();
    await bridge.close();
    await redis.stop();
  });

  /** Events from now on, until `stop`. */
  function listen(chat?: string) {
    const end = new AbortController();
    const events: ConsoleEvent[] = [];
    const done = (async () => {
      const options = { after: "end" as const, signal: end.signal, ...(chat ? { chat } : {}) };
      for await (const event of client.events(options)) events.push(event);
    })();
    const cardOf = (approvalId: string): CardEvent | undefined =>
      events
        .flatMap((one) => (one.event === "card" && one.data.approvalId === approvalId ? [one.data] : []))
        .at(-1);
    return {
      events,
      cardOf,
      ready: () => until(() => events.some(({ event }) => event === "hello")),
      stop: async () => {
        end.abort();
        await done;
      },
    };
  }

  it("is an event with buttons at once, and its outcome a line of the transcript", async () => {
    const heard = listen("main");
    await heard.ready();
    const asked = Date.now();
    const { approvalId } = cards.ask({ ...HOME, says: "x" });
    const card = await until(() => heard.cardOf(approvalId), 1_000, "card");
    assert.ok(Date.now() - asked < 300);
    assert.partialDeepStrictEqual(card, {
      open: true,
      confirming: false,
      target: "api.example.com:443",
      chat: "main",
    });
    assert.deepEqual(
      card.buttons.map(({ label }) => label),
      ["Allow once", "This session", "Always", "Deny"],
    );
    const answer = await client.tap(card, card.buttons[0]!.data);
    assert.deepEqual(answer, { kind: "done", text: "Allowed once" });
    await until(() => heard.cardOf(approvalId)?.open === false, 1_000, "ended");
    const line = await until(() =>
      heard.events.find((one) => one.event === "message" && one.data.id === card.message),
    );
    assert.match(
      (line as { data: { markdown: string } }).data.markdown,
      /^✅ Allowed once: `api\.example\.com:443` \(operator/,
    );
    assert.partialDeepStrictEqual(cards.taps.at(-1), {
      by: { via: "console", identity: "operator" },
      ...{ bridge: "console", conversation: "console.main", message: card.message },
    });
    assert.match((await client.tap(card, card.buttons[3]!.data)).text, /Already decided: allowed once/);
    await heard.stop();
  });

  it("is shown to a client that comes late, also after a restart, and of any chat", async () => {
    const { approvalId } = cards.ask({ ...HOME, conversation: "console.once", deliver: { chat: "once" } });
    await until(() => cards.messageOf("console", approvalId)?.rev === 1);
    const late = listen("main");
    const card = await until(() => late.cardOf(approvalId), 1_000, "card for a late client");
    assert.equal(card.chat, "once");
    await bridge.close();
    cards.trouble.away = true;
    const restarted = start();
    await sleep(100);
    bridge = await restarted;
    cards.trouble.away = false;
    await late.stop();
    const again = listen();
    const same = await until(() => again.cardOf(approvalId), 3_000, "card after a restart");
    assert.equal(same.message, card.message);
    assert.deepEqual(await client.tap(same, same.buttons[3]!.data), { kind: "done", text: "Denied" });
    await until(() => again.cardOf(approvalId)?.open === false, 1_000, "ended");
    await again.stop();
  });

  it("asks once more where it must", async () => {
    const heard = listen("main");
    await heard.ready();
    const { approvalId } = cards.ask({ ...HOME, risks: ["paste"] });
    const card = await until(() => heard.cardOf(approvalId));
    assert.equal((await client.tap(card, card.buttons[2]!.data)).kind, "confirm");
    const second = await until(() => heard.cardOf(approvalId)?.confirming && heard.cardOf(approvalId), 1_000);
    assert.deepEqual(
      second.buttons.map(({ label }) => label),
      ["Yes, always", "Back"],
    );
    assert.equal(
      (await client.tap(second, second.buttons[0]!.data)).text,
      "Always allowed. /rules takes it back.",
    );
    await heard.stop();
  });

  it("opens nothing by another message's id or other data", async () => {
    const { approvalId } = cards.ask(HOME);
    await until(() => cards.messageOf("console", approvalId)?.rev === 1);
    const forged = { chat: "main", message: "m_other" };
    assert.equal((await client.tap(forged, `ap:${approvalId}:o`)).kind, "misplaced");
    const { message } = cards.messageOf("console", approvalId)!;
    assert.equal((await client.tap({ chat: "other", message }, `ap:${approvalId}:o`)).kind, "misplaced");
    assert.equal((await client.tap({ chat: "main", message }, "nonsense")).kind, "gone");
    await assert.rejects(client.tap({ chat: "main", message }, "x".repeat(65)), { code: "bad-request" });
    await assert.rejects(client.tap({ chat: "main", message: "<b>" }, "x"), { code: "bad-request" });
    assert.equal(cards.record(approvalId).state, "pending");
    cards.change(approvalId, { state: "expired" });
  });

  it("answers /approvals and /rules with what a terminal needs, and buttons for the page", async () => {
    const { approvalId } = cards.ask(HOME);
    const listed = await client.ask("/approvals", { timeoutMs: 3_000 });
    assert.match(listed.markdown, /1\. `api\.example\.com:443`/);
    cards.change(approvalId, { state: "denied" });
    for (const { ruleId } of cards.rulesOf(OPERATOR_PRINCIPAL))
      assert.match((await client.ask(`/rules revoke ${ruleId}`, { timeoutMs: 3_000 })).markdown, /Revoked/);
    const rule = cards.rule({ principal: OPERATOR_PRINCIPAL, host: "pkg.example.org" });
    const heard = listen("main");
    await heard.ready();
    const { markdown } = await client.ask("/rules", { timeoutMs: 3_000 });
    assert.match(markdown, /`pkg\.example\.org:443`[\s\S]*\/rules revoke/);
    const entry = await until(() =>
      heard.events.flatMap((one) => (one.event === "message" && one.data.buttons ? [one.data] : [])).at(-1),
    );
    assert.deepEqual(entry.buttons, [{ label: "Revoke 1", data: `rv:${rule.ruleId}` }]);
    const pressed = await client.tap({ chat: "main", message: entry.id }, entry.buttons![0]!.data);
    assert.match(pressed.text, /Revoked/);
    assert.deepEqual(cards.rulesOf(OPERATOR_PRINCIPAL), []);
    await heard.stop();
  });

  it("ends session grants by New", async () => {
    await client.newSession();
    await until(() => cards.taps.at(-1)?.kind === "reset");
  });

  it("wants the token for a press, like every other request", async () => {
    const url = new URL(bridge.url!);
    const token = url.hash.slice("#token=".length);
    const post = (headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        const body = JSON.stringify({ id: "t1", chat: "main", message: "m1", data: "nonsense" });
        request(
          { host: "127.0.0.1", port: url.port, path: "/api/tap", method: "POST", headers },
          (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          },
        )
          .on("error", reject)
          .end(body);
      });
    assert.equal(await post({}), 401);
    assert.equal(await post({ authorization: `Bearer ${token}`, origin: "https://evil.example" }), 403);
    assert.equal(await post({ authorization: `Bearer ${token}` }), 200);
  });
});

/**
 * The network fails at every request of an answer, in every way: each accepted message must end in exactly one visible
 * final, with at most one stray placeholder, which is counted.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { principalOf } from "../../../src/lib/ids.ts";
import type { TurnRecord } from "../../../src/store/index.ts";
import type { Fault, FaultKind } from "../../fakes/telegram/index.ts";
import { until } from "../tiny-worker.ts";
import { ANN, BOB, type Setup, setUp } from "./setup.ts";

interface Row {
  fault: FaultKind;
  point: string;
  finals: number;
  strays: number;
  onlyAnchors: boolean;
  came: number;
}

/** Every way in which a request may fail. */
const KINDS: { kind: FaultKind; more?: Partial<Fault> }[] = [
  { kind: "reset-before-apply" },
  { kind: "apply-then-reset" },
  { kind: "apply-then-502" },
  { kind: "delay", more: { ms: 3_500 } },
  { kind: "429", more: { retryAfter: 1 } },
  { kind: "error", more: { code: 500, description: "Internal Server Error" } },
];
const POINTS = [
  { point: "anchor", fault: { method: "sendMessage" } },
  { point: "final", fault: { method: "editMessageText", match: "THE FINAL" } },
  { point: "draft", fault: { method: "sendMessageDraft", match: "half of it" } },
  { point: "preview edit", group: true, fault: { method: "editMessageText", match: "half of it" } },
  { point: "first anchor of a stream", group: true, fault: { method: "sendMessage" } },
  { point: "second part", fault: { method: "editMessageText", match: "SECOND PART" } },
];

describe("telegram faults", () => {
  let s: Setup;
  let user = 2_000;
  const results: object[] = [];
  before(async () => {
    s = await setUp(async (turn, show) => {
      show("working");
      if (/stream|preview|draft/.test(turn.text)) {
        show("text", "half of it");
        await until(() => ready(turn), 15_000, `trouble of "${turn.text}"`);
      }
      const long = turn.text.includes("second part") ? `\n\n${"filler ".repeat(700)}\n\nSECOND PART` : "";
      return { kind: "final", markdown: `THE FINAL of ${turn.text}${long}` };
    });
    await s.bridge.close();
    const roles: ReadonlySet<"user"> = new Set(["user"]);
    s.bridge = await s.start({
      admit: async ({ sender }) => ({
        ...{ kind: "admitted", roles, principal: principalOf("telegram", sender.id) },
      }),
      // Far above what an unfaulted request takes on a loaded machine, and below the ordered delay.
      requestTimeoutMs: 2_500,
      owner: "bridge-b",
    });
  });
  after(async () => {
    console.log(results.map((row) => JSON.stringify(row)).join("\n"));
    await s.close();
  });

  /** A stream goes on until its own trouble has come: on a loaded machine that takes a while. */
  function ready(turn: TurnRecord): boolean {
    const chat = Number(turn.deliver.chat);
    const waits = releases.get(chat);
    if (waits) return waits();
    return s.fake.bot.callsOf().some(({ fault, params }) => fault !== "" && params["chat_id"] === chat);
  }
  /** Streams that wait for something else. */
  const releases = new Map<number, () => boolean>();

  const visible = (chat: number) => s.fake.bot.fromBot(chat);
  const unknownTotal = () => s.bridge.status().counters["outbox_unknown_total"] ?? 0;

  describe("at every request of an answer", () => {
    const rows: Row[] = [];
    before(async () => {
      // All at once, each in a chat of its own: most of the time is waiting for time-outs.
      const cases = POINTS.flatMap((at) => KINDS.map((how) => ({ ...at, ...how })));
      const counted = unknownTotal();
      rows.push(
        ...(await Promise.all(
          cases.map((one) => {
            user += 1;
            return runCase(one, "group" in one ? -user : user);
          }),
        )),
      );
      unknown = unknownTotal() - counted;
    });
    let unknown = 0;

    for (const { point } of POINTS) {
      for (const { kind } of KINDS) {
        it(`${kind} at the ${point}: one final`, () => {
          const row = rows.find((one) => one.point === point && one.fault === kind)!;
          results.push(row);
          assert.equal(row.came, 1, "the trouble really came");
          assert.equal(row.finals, 1, JSON.stringify(row));
          assert.ok(row.strays <= 1 && row.onlyAnchors, JSON.stringify(row));
          if (kind === "429") assert.equal(row.strays, 0);
        });
      }
    }
    it("counts every placeholder that may be there twice, and nothing else", () => {
      const strays = rows.reduce((sum, row) => sum + row.strays, 0);
      const uncertain = rows.filter((row) => row.point.includes("anchor") && row.fault !== "429").length;
      results.push({ strays, unknown, uncertain });
      assert.ok(strays <= unknown, `${strays} strays, ${unknown} counted`);
      assert.equal(unknown, uncertain);
    });
  });

  async function runCase(one: (typeof POINTS)[number] & (typeof KINDS)[number], chat: number): Promise<Row> {
    const { point, kind, fault, more } = one;
    const { method, match = "" } = fault as { method: string; match?: string };
    s.fake.bot.fault({ kind, ...more, method, match: `"chat_id":${chat}\\b.*${match}` });
    if (chat < 0) s.fake.bot.addGroup({ id: chat });
    s.fake.bot.say(Math.abs(chat), `${point} ${kind}`, { chat });
    const finals = () => visible(chat).filter((m) => m.text.startsWith("THE FINAL"));
    const whole = () => point !== "second part" || visible(chat).some((m) => m.text.includes("SECOND PART"));
    await until(() => finals().length > 0 && whole(), 30_000, "a final");
    // Whatever is still under way may arrive now: a late edit must not replace the final.
    await sleep(4_500);
    const strays = visible(chat).filter(
      (m) => !m.text.startsWith("THE FINAL") && !m.text.includes("SECOND PART"),
    );
    return {
      fault: kind,
      point,
      finals: finals().length,
      strays: strays.length,
      onlyAnchors: strays.every((m) => m.text === "…"),
      came: s.fake.bot
        .callsOf(method)
        .filter((call) => call.fault === kind && call.params["chat_id"] === chat).length,
    };
  }

  it("waits as long as a 429 asks, and holds up nobody else", async () => {
    s.fake.bot.fault({ kind: "429", method: "sendMessage", retryAfter: 2, match: `"chat_id":"?${ANN}` });
    const asked = Date.now();
    s.fake.bot.say(ANN, "limited");
    s.fake.bot.say(BOB, "not limited");
    for (const chat of [ANN, BOB])
      await until(
        () => visible(chat).some((m) => m.text.startsWith("THE FINAL")),
        15_000,
        `final of ${chat}`,
      );
    assert.ok(Date.now() - asked >= 2_000);
    const callsTo = (chat: number, method: string) =>
      s.fake.bot.callsOf(method).filter((call) => String(call.params["chat_id"]) === String(chat));
    const sends = callsTo(ANN, "sendMessage");
    assert.equal(sends.length, 2, "it did not ask again in between");
    const other = callsTo(BOB, "editMessageText").at(-1)!;
    assert.ok(other.at < sends[1]!.at, "the other chat's final came while this one waited");
  });

  it("falls back to plain text when Telegram can't parse our markup", async () => {
    const description = "Bad Request: can't parse entities: Unsupported start tag";
    s.fake.bot.fault({
      kind: "error",
      code: 400,
      description,
      method: "editMessageText",
      match: "THE FINAL",
    });
    await s.ask(ANN, "plain *please*", /THE FINAL of plain please/);
    assert.equal(s.fake.bot.callsOf("editMessageText").at(-1)?.params["parse_mode"], undefined);
  });

  it("says honestly that an answer can't be shown", async () => {
    const description = "Bad Request: SOMETHING_NEW";
    s.fake.bot.fault({
      kind: "error",
      code: 400,
      description,
      method: "editMessageText",
      match: "THE FINAL",
      times: 2,
    });
    await s.ask(ANN, "unshowable", /this chat refuses to show it/);
  });

  it("posts a new message when its own was deleted", async () => {
    s.fake.bot.addGroup({ id: -ANN });
    let deleted = false;
    releases.set(-ANN, () => deleted);
    s.fake.bot.say(ANN, "stream, then deleted", { chat: -ANN });
    const preview = await until(() => visible(-ANN).find((m) => m.text === "half of it"), 10_000, "preview");
    s.fake.bot.deleteForBoth(-ANN, preview.id);
    deleted = true;
    await until(() => visible(-ANN).some((m) => m.text.includes("stream, then deleted")), 30_000);
  });

  it("gives up on a chat that blocked the bot, and only on that", async () => {
    let blocked = false;
    releases.set(BOB, () => blocked);
    s.fake.bot.say(BOB, "stream then block");
    await until(() => s.fake.bot.draft(BOB)?.text === "half of it", 10_000, "draft");
    s.fake.bot.block(BOB);
    blocked = true;
    await until(() => (s.bridge.status().counters["outbox_refused_total"] ?? 0) >= 1, 10_000, "refused");
    s.fake.bot.block(BOB, false);
    await s.ask(BOB, "back again", /THE FINAL of back again/);
    assert.ok(!visible(BOB).some((m) => m.text.includes("stream then block")));
  });

  it("takes each update once, however often Telegram delivers it", async () => {
    s.fake.bot.fault({ kind: "duplicate-delivery", method: "getUpdates", times: 3 });
    for (const text of ["d1", "d2", "d3"]) await s.ask(ANN, text, new RegExp(`THE FINAL of ${text}`));
    await sleep(500);
    for (const text of ["d1", "d2", "d3"])
      assert.equal(s.worker.texts.filter((t) => t === text).length, 1, text);
  });

  it("keeps polling through resets, 502, 429 and garbage", async () => {
    for (const kind of ["reset-before-apply", "apply-then-502", "apply-then-reset"] as const)
      s.fake.bot.fault({ kind, method: "getUpdates" });
    s.fake.bot.fault({ kind: "429", method: "getUpdates", retryAfter: 1 });
    for (const text of ["first through", "then through", "last through"]) {
      await s.ask(ANN, text, new RegExp(`THE FINAL of ${text}`), 15_000);
      await sleep(800);
    }
    assert.equal(s.fake.bot.clearFaults(), 0, "all troubles came");
    assert.equal(s.worker.texts.filter((t) => t.endsWith(" through")).length, 3);
  });
});

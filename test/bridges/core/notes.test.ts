/** Notes of the access component: shown at least once, also when nobody knows whether the platform took one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { NoteBoard } from "../../../src/bridges/core/access/notes.ts";
import type { Outcome } from "../../../src/bridges/core/port.ts";
import { silent } from "../../helpers/redis.ts";

test("a note whose sending had no answer is sent again, a few times, and doesn't hold the others up for ever", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const waiting = new Map(
    ["lost", "next"].map((noteId) => [
      noteId,
      { v: 1, noteId, deliver: { chat: noteId }, code: "access.welcome", params: {}, buttons: [] },
    ]),
  );
  const sent: string[] = [];
  const outcomes: Outcome<string>[] = [
    { kind: "unknown", code: "timeout" },
    { kind: "ok", value: "7" },
  ];
  const board = new NoteBoard({
    ...{ bridge: "telegram.42", mayAct: () => true, logger: silent },
    wishes: {
      notes: async () => [...waiting.values()],
      noteMessage: async () => undefined,
      shown: async (noteId: string) => void waiting.delete(noteId),
      onNotes: async () => async () => {},
    } as never,
    platform: {
      sendNotice: async ({ chat }: { chat: string }): Promise<Outcome<string>> => {
        sent.push(chat);
        return (chat === "lost" ? outcomes.shift() : undefined) ?? { kind: "ok", value: "8" };
      },
    } as never,
  });
  const now = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, "now", () => now() + ahead);
  await board.start();
  await sleep(20);
  assert.deepEqual(sent, ["lost"]);
  assert.deepEqual([...waiting.keys()], ["lost", "next"]);
  ahead += 6_000;
  t.mock.timers.tick(60_000);
  await sleep(20);
  assert.deepEqual(sent, ["lost", "lost", "next"]);
  waiting.set("lost", {
    ...{ v: 1, noteId: "lost", deliver: { chat: "lost" } },
    code: "x",
    params: {},
    buttons: [],
  });
  for (let i = 0; i < 3; i++) outcomes.push({ kind: "unknown", code: "timeout" });
  for (let i = 0; i < 5; i++) {
    ahead += 6_000;
    t.mock.timers.tick(60_000);
    await sleep(20);
  }
  assert.equal(sent.filter((one) => one === "lost").length, 5, "given up after three");
  assert.equal(waiting.size, 0);
  await board.close();
});

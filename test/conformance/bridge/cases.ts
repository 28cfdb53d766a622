/** What every bridge must do, case by case; each has a person of its own, so that all run at once. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../../helpers/seeded.ts";
import { SAMPLES } from "./samples.ts";
import { LONG_LINES } from "./script.ts";
import {
  answerTo,
  ask,
  eventually,
  KINDS,
  type Kind,
  POINTS,
  type Shown,
  since,
  type World,
} from "./world.ts";

/** One case. `me`: its own person. */
export interface Case {
  name: string;
  run(world: World, me: string): Promise<void>;
}

const it = (name: string, run: Case["run"]): Case => ({ name, run });

/** Visible finals of an accepted message: what must be exactly one. */
const finals = (messages: Shown[]) => messages.filter(({ text }) => text.startsWith("THE FINAL"));
const PLACEHOLDER = "…";

const chat: Case[] = [
  it("answers a message", (w, me) => ask(w, me, "hello", /^echo: hello$/).then(() => {})),
  it("the placeholder's buttons are gone with the answer", async (w, me) =>
    assert.deepEqual((await ask(w, me, "buttons?", /^echo/)).buttons, [])),
  it("answers in reply to the message", async (w, me) => {
    const id = await w.platform.tell(me, "late reply");
    const answer = await answerTo(w, me, id, /THE FINAL/);
    if (answer.replyTo !== undefined) assert.equal(answer.replyTo, id);
  }),
  it("keeps the order of what is written one by one", async (w, me) => {
    for (const text of ["alpha", "beta", "gamma"]) await ask(w, me, text, new RegExp(`^echo: ${text}$`));
    const texts = (await w.platform.shown(me)).map(({ text }) => text);
    assert.deepEqual(texts, ["echo: alpha", "echo: beta", "echo: gamma"]);
  }),
  it("takes quick messages in order, each once", async (w, me) => {
    const words = Array.from({ length: 6 }, (_, i) => `quick${i}`);
    for (const word of words) await w.platform.tell(me, word);
    const seen = await eventually("all answered", async () => {
      const text = (await w.platform.shown(me)).map((one) => one.text).join("\n");
      return words.every((word) => text.includes(word)) && text;
    });
    const order = words.map((word) => seen.indexOf(word));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    for (const word of words) assert.equal(seen.split(word).length - 1, 1, word);
  }),
  it("an empty answer says so", (w, me) => ask(w, me, "empty", /finished without a text/).then(() => {})),
  it("letters of all kinds go there and back", (w, me) =>
    ask(w, me, "שלום 👩‍👩‍👧‍👦 é 中文", /שלום 👩‍👩‍👧‍👦 é 中文/).then(() => {})),
  it("a message that is edited after its answer changes nothing", async (w, me) => {
    const id = await w.platform.tell(me, "original");
    await answerTo(w, me, id, /^echo: original$/);
    await w.platform.edit(me, id, "changed");
    await sleep(400);
    assert.ok(!w.worker.texts.includes("changed"));
  }),
  it("a question that was deleted is answered all the same", async (w, me) => {
    const id = await w.platform.tell(me, "late but deleted");
    await w.platform.remove(me, id);
    await answerTo(w, me, id, /THE FINAL of but deleted/);
  }),
  it("a deleted answer does not come back", async (w, me) => {
    const answer = await ask(w, me, "to be deleted", /^echo/);
    await w.platform.remove(me, answer.id);
    await ask(w, me, "and the next", /and the next/);
    assert.equal((await w.platform.shown(me)).length, 1);
  }),
  it("shows that it works", async (w, me) => {
    await ask(w, me, "late typing", /THE FINAL/);
    assert.ok((await w.platform.typed(me)) > 0);
  }),
  it("says that the agent wakes up, and replaces that by the answer", async (w, me) => {
    const id = await w.platform.tell(me, "wake up");
    await eventually("waking", async () => /Waking/.test(await w.platform.preview(me)) || undefined);
    await answerTo(w, me, id, /THE FINAL of up/);
    assert.equal((await since(w, me, id)).length, 1);
  }),
];

const commands: Case[] = [
  ...["start", "help", "status", "usage", "approvals", "rules", "queue", "model"].map((name) =>
    it(`/${name} is answered at once, without the agent`, async (w, me) => {
      const before = w.worker.texts.length;
      const id = await w.platform.tell(me, `/${name}`);
      await eventually(`answer to /${name}`, async () => (await since(w, me, id)).length > 0);
      assert.ok(!w.worker.texts.slice(before).some((text) => text.startsWith("/")));
    }),
  ),
  it("/new starts afresh and says so", (w, me) => ask(w, me, "/new", /fresh conversation/).then(() => {})),
  it("/new with a question answers the question", (w, me) =>
    ask(w, me, "/new hi there", /echo: hi there/).then(() => {})),
  it("/stop without anything running says so", (w, me) =>
    ask(w, me, "/stop", /Nothing is running/).then(() => {})),
  it("/stop while something runs stops it and says so", async (w, me) => {
    await w.platform.tell(me, "slow one");
    await eventually("a preview", async () => (await w.platform.preview(me)) !== "");
    await ask(w, me, "/stop", /Stopped/);
  }),
  it("an unknown command is named", (w, me) => ask(w, me, "/bogus", /\/bogus/).then(() => {})),
  it("a path is no command", (w, me) =>
    ask(w, me, "/etc/hosts please", /^echo: \/etc\/hosts please$/).then(() => {})),
  it("/start@another_bot is not for us", async (w, me) => {
    const id = await w.platform.tell(me, "/start@another_bot");
    await sleep(400);
    assert.deepEqual(await since(w, me, id), []);
  }),
];

const streaming: Case[] = [
  it("shows the answer while it grows, then one final and nothing else", async (w, me) => {
    const id = await w.platform.tell(me, "stream it");
    await eventually("a preview", async () => /half of it/.test(await w.platform.preview(me)) || undefined);
    await answerTo(w, me, id, /^THE FINAL of it$/);
    await sleep(700);
    const shown = await since(w, me, id);
    assert.deepEqual(
      shown.map(({ text }) => text),
      ["THE FINAL of it"],
    );
  }),
  it("two answers that stream one after the other don't mix", async (w, me) => {
    const id = await w.platform.tell(me, "stream A");
    await answerTo(w, me, id, /THE FINAL of A/);
    await w.platform.tell(me, "stream B");
    await answerTo(w, me, id, /THE FINAL of B/);
    assert.deepEqual(
      (await since(w, me, id)).map(({ text }) => text),
      ["THE FINAL of A", "THE FINAL of B"],
    );
  }),
  it("tool lines show what is done", async (w, me) => {
    await w.platform.tell(me, "stream tools");
    await eventually(
      "a tool line",
      async () => /running step/.test(await w.platform.preview(me)) || undefined,
    );
  }),
  it("a long answer comes whole, in order, each message within the limit", async (w, me) => {
    const id = await w.platform.tell(me, "long");
    const all = await eventually("the end", async () => {
      const shown = await since(w, me, id);
      return (
        shown.some(({ text }) => text.includes("SECOND PART")) &&
        shown.every(({ text }) => text !== PLACEHOLDER) &&
        shown
      );
    });
    const rows = all.flatMap(({ text }) =>
      [...text.matchAll(/row (\d+) x/g)].map((match) => Number(match[1])),
    );
    assert.deepEqual(
      rows,
      Array.from({ length: LONG_LINES }, (_, i) => i),
    );
    for (const { text } of all) assert.ok(text.length <= w.platform.limit);
  }),
];

const failures: Case[] = [
  ["agent-failed", /could not finish/],
  ["agent-crashed", /stopped unexpectedly/],
  ["out-of-memory", /out of memory/],
  ["disk-full", /disk space/],
  ["time-limit", /longer than a turn may take/],
  ["model-unreachable", /can't be reached/],
  ["model-rate-limited", /busy/],
  ["model-auth", /credentials/],
  ["context-too-long", /too long/],
  ["budget-exceeded", /budget/],
  ["poison", /fail twice/],
  ["interrupted", /was restarted/],
  ["agent-stopped", /was stopped while/],
  ["agent-start-failed", /could not be started/],
  ["model-overloaded", /overloaded/],
  ["model-refused", /refused this request/],
  ["no-capacity", /busy with other agents/],
  ["inference-denied", /not allowed/],
  ["a-code-of-tomorrow", /no words for \(a-code-of-tomorrow\)/],
].map(([code, want]) =>
  it(`failure ${code} is said in words, with a reference, once`, async (w, me) => {
    const id = await w.platform.tell(me, `fail ${code}`);
    const { text } = await answerTo(w, me, id, want as RegExp);
    assert.match(text, /ref-1234/);
    assert.equal((await since(w, me, id)).length, 1);
  }),
);

const rendering: Case[] = Object.entries(SAMPLES).map(([name, { words, hosts = [] }]) =>
  it(`shows ${name}`, async (w, me) => {
    const id = await w.platform.tell(me, `sample ${name}`);
    const last = words.at(-1)!;
    const shown = await eventually(`"${last}"`, async () => {
      const all = await since(w, me, id);
      return (
        all.length > 0 &&
        all.every(({ text }) => text !== PLACEHOLDER) &&
        all.some(({ text }) => text.includes(last)) &&
        all
      );
    });
    const text = shown.map((one) => one.text).join("\n");
    for (const word of words)
      assert.ok(text.includes(word), `"${word}" in ${JSON.stringify(text.slice(0, 300))}`);
    for (const { url } of shown.flatMap((one) => one.links))
      assert.ok(hosts.includes(new URL(url).host), `link to ${url}`);
    for (const one of shown) {
      assert.ok(one.text.length <= w.platform.limit && one.text.isWellFormed());
      assert.ok(!one.text.includes("\u{1F6E1}"), "no answer looks like a card");
    }
  }),
);

const troubles: Case[] = POINTS.flatMap((point) =>
  KINDS.map((kind) =>
    it(`${kind} at the ${point}: one final`, async (w, me) => {
      await w.platform.trouble(kind, point, me);
      const id = await w.platform.tell(
        me,
        `${point === "preview" ? "stream" : point === "second part" ? "two" : "late"} ${kind}`,
      );
      const end = point === "second part" ? /SECOND PART/ : /THE FINAL/;
      await answerTo(w, me, id, end, 25_000);
      // Whatever is still under way may arrive now: a late edit must not replace the final.
      await sleep(2_300);
      const shown = await since(w, me, id);
      assert.equal(await w.platform.came(kind, me), 1, "the trouble really came");
      assert.equal(finals(shown).length, 1, JSON.stringify(shown.map(({ text }) => text.slice(0, 40))));
      const strays = shown.filter(
        ({ text }) => !text.startsWith("THE FINAL") && !/SECOND PART|filler/.test(text),
      );
      assert.ok(strays.length <= (w.platform.idempotent ? 0 : 1), JSON.stringify(strays));
      assert.ok(strays.every(({ text }) => text === PLACEHOLDER));
    }),
  ),
);

/** Outcomes that a bridge can't know: where nothing recognises a repeated placeholder, each may leave one. */
const UNKNOWN = new Set<Kind>(["apply-then-reset", "apply-then-502", "delay"]);

/** Several troubles in one answer, drawn by a fixed seed. */
const mixtures: Case[] = Array.from({ length: 8 }, (_, i) => {
  const random = seeded(i + 1);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const drawn = Array.from(
    { length: 3 },
    () => [one(KINDS), one(["anchor", "preview", "final"] as const)] as const,
  );
  return it(`seed ${i + 1}, ${drawn.map((pair) => pair.join(" at the ")).join(", ")}: one final`, async (w, me) => {
    for (const [kind, point] of drawn) await w.platform.trouble(kind, point, me);
    const id = await w.platform.tell(me, `stream seed ${i + 1}`);
    await answerTo(w, me, id, /THE FINAL/, 40_000);
    await sleep(2_300);
    const shown = await since(w, me, id);
    assert.equal(finals(shown).length, 1, JSON.stringify(shown.map(({ text }) => text.slice(0, 40))));
    const strays = shown.filter(({ text }) => !text.startsWith("THE FINAL"));
    const most = w.platform.idempotent ? 0 : drawn.filter(([kind]) => UNKNOWN.has(kind)).length;
    assert.ok(strays.length <= most, JSON.stringify(strays));
    assert.ok(strays.every(({ text }) => text === PLACEHOLDER));
    let came = 0;
    for (const kind of new Set(drawn.map(([kind]) => kind))) came += await w.platform.came(kind, me);
    assert.ok(came > 0, "some of it really came");
  });
});

const presses: Case[] = [
  it("Try again repeats an interrupted turn once, however often it is pressed", async (w, me) => {
    const card = await ask(w, me, "fail interrupted", /restarted/);
    const [retry] = card.buttons;
    assert.ok(retry);
    for (let i = 0; i < 3; i++) await w.platform.press(me, card.id, retry.data);
    await eventually(
      "a second answer",
      async () => (await since(w, me, card.id)).filter(({ text }) => /restarted/.test(text)).length > 0,
    );
    await sleep(400);
    assert.equal((await since(w, me, card.id)).filter(({ text }) => /restarted/.test(text)).length, 1);
  }),
  ...(
    [
      ["a turn that never was", "retry:t_00000000000000000000"],
      ["a retry with a broken id", "retry:../../x"],
      ["a card that never was", "ap:a_00000000000000000000:o"],
      ["a rule that never was", "rv:r_00000000000000000000"],
      ["a repost of nothing", "rp:a_00000000000000000000"],
      ["an unknown verb", "ap:a_00000000000000000000:z"],
      ["garbage", "%%%"],
    ] as const
  ).map(([name, data]) =>
    it(`forged press (${name}): nothing happens, and the presser is told`, async (w, me) => {
      const answer = await ask(w, me, "carrier", /^echo/);
      const turns = w.worker.texts.length;
      const press = await w.platform.press(me, answer.id, data);
      const said = await eventually("a word for the presser", () => w.platform.toast(me, press));
      assert.ok(said.length > 3);
      assert.equal((await w.platform.shown(me)).find(({ id }) => id === answer.id)?.text, "echo: carrier");
      assert.ok(w.worker.texts.length >= turns);
    }),
  ),
  it("a stranger's press does nothing", async (w, me) => {
    const card = await ask(w, me, "fail interrupted", /restarted/);
    const press = await w.platform.press(me, card.id, card.buttons[0]!.data, w.stranger);
    const said = await eventually("a word for the stranger", () => w.platform.toast(me, press, w.stranger));
    assert.ok(said.length > 3);
    await sleep(300);
    assert.equal((await since(w, me, card.id)).filter(({ text }) => /restarted/.test(text)).length, 0);
  }),
];

/** All of them. */
export const CASES: Case[] = [
  ...chat,
  ...commands,
  ...streaming,
  ...failures,
  ...rendering,
  ...troubles,
  ...mixtures,
  ...presses,
];

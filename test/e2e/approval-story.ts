/**
 * The story of approvals, told by the whole service: asked and allowed once in the same turn, asked again, allowed for
 * good, not asked any more, and a tap after the hold that lets exactly one next try through. Runs inside
 * `inOwnNetwork`; rejects at the first thing that went another way.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { startFakeTelegram } from "../fakes/telegram/index.ts";
import { startInternet } from "../helpers/internet.ts";
import { startService, waitUntil } from "../helpers/service.ts";

/** What happened when. */
export interface ApprovalStory {
  /** Milliseconds since the first message. */
  timeline: { what: string; ms: number }[];
  facts: Record<string, number | boolean>;
}

const USER = 4_711;
const HELLO = "hello from the public host";
/** Short, so that "after the hold" needn't be waited for. */
const HOLD_SECONDS = 4;

/** Plays it. */
export async function playApprovals(agent: "real" | "fake"): Promise<ApprovalStory> {
  const internet = await startInternet();
  const telegram = await startFakeTelegram({ limits: "off" });
  const service = await startService({
    agent,
    config: { egress: { holdSeconds: HOLD_SECONDS } },
    env: {
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_API_ROOT: telegram.url,
      TELEGRAM_ALLOWED_USERS: String(USER),
    },
  });
  const story: ApprovalStory = { timeline: [], facts: {} };
  const now = () => performance.timeOrigin + performance.now();
  let begin = 0;
  const note = (what: string, at = now()) => {
    story.timeline.push({ what, ms: Math.round((at - begin) * 10) / 10 });
    return at;
  };
  const messages = () => telegram.bot.fromBot(USER);
  const say = (text: string) => {
    const before = messages().length;
    telegram.bot.say(USER, text);
    return () => messages().slice(before);
  };
  const shown = async <T>(what: string, look: () => T | undefined, ms = 60_000): Promise<T> => {
    let found: T | undefined;
    await waitUntil(
      () => {
        found = look();
        return found !== undefined;
      },
      ms,
      () =>
        `${what} was not seen: ${JSON.stringify(messages().map((m) => m.text))}\n${service.stderr().slice(-1_500)}`,
    );
    return found as T;
  };
  const cardIn = (seen: ReturnType<typeof say>, label: string) => () =>
    seen().find(({ buttons }) => buttons.some(({ text }) => text === label));
  const press = async (seen: ReturnType<typeof say>, label: string) => {
    const card = await shown(`a card with “${label}”`, cardIn(seen, label));
    const { callbackId } = telegram.bot.press(USER, USER, card.id, { label });
    return { card, answer: () => telegram.bot.callbackAnswer(callbackId) };
  };
  const answered = (seen: ReturnType<typeof say>, pattern: RegExp) =>
    shown(`an answer ${pattern}`, () => seen().find(({ text }) => pattern.test(text)), 120_000);

  try {
    // Its first turn starts the agent.
    begin = now();
    await answered(say("What is 1+2?"), /\b3\b/);
    begin = now();

    note("message: run curl http://example.test/");
    const first = say("run curl -sS http://example.test/hello");
    const card = await shown("the card", cardIn(first, "Allow once"));
    note(`card: ${card.text.split("\n")[0]}`);
    assert.match(card.text, /example\.test/);
    assert.equal(internet.visits.length, 0, "nothing left before the tap");
    const tappedAt = note("tap: Allow once");
    await press(first, "Allow once");
    await answered(first, new RegExp(`^(?!⚙️)[^]*${HELLO}`));
    const visit = internet.visits[0];
    assert.ok(visit && visit.url === "/hello" && visit.host === "example.test", JSON.stringify(visit));
    note("upstream connected", visit.connectedAt);
    note("answer, in the same turn");
    story.facts["tapToUpstreamMs"] = Math.round((visit.connectedAt - tappedAt) * 10) / 10;

    note("message: the same again");
    const second = say("run curl -sS http://example.test/hello");
    await shown("a second card", cardIn(second, "Always"));
    note("a new card: once was once");
    assert.equal(internet.visits.length, 1);
    await press(second, "Always");
    note("tap: Always");
    await answered(second, new RegExp(`^(?!⚙️)[^]*${HELLO}`));

    note("message: the same again");
    const third = say("run curl -sS http://example.test/hello");
    await answered(third, new RegExp(`^(?!⚙️)[^]*${HELLO}`));
    assert.equal(cardIn(third, "Allow once")(), undefined, "a rule asks nobody");
    note("answer without a card");
    assert.deepEqual(
      internet.visits.map(({ url }) => url),
      ["/hello", "/hello", "/hello"],
    );

    note("message: another host, and nobody taps in time");
    const late = say("run curl -sS -w '%{http_code}' http://late.test/hello");
    await answered(late, /approval_timeout/);
    note(`answer: 403 after ${HOLD_SECONDS} s, the card stays open`);
    const { answer } = await press(late, "Allow next try");
    await shown("the toast", answer, 5_000);
    note("tap: Allow next try");
    const retry = say("run curl -sS http://late.test/hello ; curl -sS http://late.test/hello");
    await shown("a card for the second try", cardIn(retry, "Allow once"));
    note("the first try passed, the second one asks");
    await answered(retry, new RegExp(`^(?!⚙️)[^]*${HELLO}[^]*approval_timeout`));
    await delay(200);
    const passed = internet.visits.filter(({ host }) => host === "late.test").map(({ url }) => url);
    assert.deepEqual(passed, ["/hello"], "exactly one connection passed");
    story.facts["lateTapPassed"] = passed.length;
    story.facts["visits"] = internet.visits.length;
    return story;
  } finally {
    await service.stop();
    await telegram.close();
    await internet.close();
  }
}

/**
 * The console's page in a real browser: a message and its answer, a card whose buttons are in sight and work by mouse,
 * the second question, and an agent's text that stays text. Skipped where no Chromium is installed.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ConsoleBridge, runConsoleBridge } from "../../../src/bridges/console/index.ts";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import { noChromium, type Page, startChromium } from "../../helpers/chromium.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type MemoryCards, memoryCards } from "../memory-cards.ts";
import { type TinyWorker, tinyWorker } from "../tiny-worker.ts";

const HOME = {
  principal: OPERATOR_PRINCIPAL,
  conversation: "console.main",
  bridge: "console",
  deliver: { chat: "main" },
};
/** An element that is wholly inside the window and not covered. */
const inSight = (element: string) => `(() => {
  const e = ${element};
  if (!e) return false;
  const { left, top, right, bottom } = e.getBoundingClientRect();
  const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth && (hit === e || e.contains(hit));
})()`;
const button = (label: string) =>
  `[...document.querySelectorAll(".card button")].find((b) => b.textContent === ${JSON.stringify(label)})`;
const said = (text: string) =>
  `document.getElementById("messages").innerText.includes(${JSON.stringify(text)})`;

describe("the console's page in a browser", { skip: noChromium() }, () => {
  let redis: TestRedis;
  let cards: MemoryCards;
  let bridge: ConsoleBridge;
  let worker: TinyWorker;
  let page: Page;
  before(async () => {
    redis = await startTestRedis();
    cards = memoryCards();
    const store = { ...redis.store("bridge-console"), cards: cards.cards };
    const workerStore = redis.store("worker");
    await store.ready();
    await workerStore.ready();
    worker = tinyWorker(workerStore, async (turn) => ({ kind: "final", markdown: `echo: ${turn.text}` }));
    bridge = await runConsoleBridge({
      paths: pathsOf(redis.home),
      store,
      owner: "test",
      logger: silent,
      port: 0,
    });
    page = await startChromium();
    await page.resize(1100, 760);
    await page.goto(bridge.url ?? "");
    await page.until(`document.getElementById("connection").dataset.state === "online"`);
  });
  after(async () => {
    const { complaints } = page;
    await page.close();
    await worker.close();
    await bridge.close();
    await redis.stop();
    assert.deepEqual(complaints, [], "the page complained of nothing");
  });

  it("takes its token out of the address, sends by Enter, shows the answer", async () => {
    assert.equal(await page.evaluate("location.hash + location.search"), "");
    await page.click(`document.getElementById("text")`);
    await page.type("hello");
    await page.press("Enter");
    await page.until(said("echo: hello"));
    assert.equal(await page.evaluate(`document.getElementById("text").value`), "");
  });

  it("shows what an agent writes as text: no script, no image, no odd link", async () => {
    await page.type(
      '<img src=x onerror="document.title=1"> <script>document.title=2</script> [x](javascript:alert(1))',
    );
    await page.press("Enter");
    await page.until(said("<script>document.title=2</script>"));
    assert.equal(await page.evaluate("document.title"), "NemoClaw");
    assert.equal(
      await page.evaluate(`document.querySelectorAll("#messages img, #messages script, #messages a").length`),
      0,
    );
  });

  for (const [name, width, height, phone] of [
    ["a desk", 1100, 760, false],
    ["a phone", 390, 700, true],
    ["a small window", 600, 420, false],
  ] as const)
    it(`a card's buttons are in sight on ${name}, and one press decides`, async () => {
      await page.resize(width, height, { phone });
      const { approvalId } = cards.ask({ ...HOME, says: "exec: curl https://api.example.com/" });
      await page.until(button("Deny"));
      for (const label of ["Allow once", "This session", "Always", "Deny"])
        await page.until(inSight(button(label)), 3_000);
      await page.click(button("Allow once"));
      await page.until(`!document.querySelector(".card")`);
      assert.equal(cards.record(approvalId).state, "allowed-once");
      assert.equal(cards.taps.length > 0 && cards.taps.at(-1)?.kind, "decide");
      await page.until(said("Allowed once: api.example.com:443"));
      await page.until(`document.getElementById("notice").dataset.kind === "answer"`);
    });

  it("the end stays in sight in a window that gets smaller; who has gone up stays there", async () => {
    const scroller = `document.getElementById("scroller")`;
    const end = `document.querySelector("#messages > :last-child").getBoundingClientRect().bottom <=
      ${scroller}.getBoundingClientRect().bottom`;
    await page.resize(1100, 760);
    const rows = Array.from({ length: 30 }, (_, n) => `row ${n}`).join("\n\n");
    await page.click(`document.getElementById("text")`);
    await page.type(rows);
    await page.press("Enter");
    await page.until(said("echo: row 0"));
    await page.until(end, 3_000);
    await page.resize(390, 500, { phone: true });
    await page.until(end, 3_000);
    await page.evaluate(`${scroller}.scrollTop = 0`);
    cards.ask({ ...HOME, host: "up.example.com" });
    await page.until(button("Deny"));
    assert.equal(await page.evaluate(`${scroller}.scrollTop`), 0);
    await page.click(button("Deny"));
    await page.until(`!document.querySelector(".card")`);
  });

  it("asks once more where it must, and goes back", async () => {
    await page.resize(1100, 760);
    const { approvalId } = cards.ask({ ...HOME, risks: ["paste"] });
    await page.until(button("Always"));
    await page.click(button("Always"));
    await page.until(`${button("Always")} === undefined`);
    const labels = `[...document.querySelectorAll(".card button")].map((b) => b.textContent)`;
    assert.equal((await page.evaluate<string[]>(labels)).length, 2);
    assert.equal(cards.record(approvalId).state, "pending");
    await page.click(`document.querySelector('.card [data-verb="b"]')`);
    await page.until(button("Deny"));
    await page.click(button("Deny"));
    await page.until(`!document.querySelector(".card")`);
    assert.equal(cards.record(approvalId).state, "denied");
  });

  it("a card that was decided elsewhere goes away by itself", async () => {
    const { approvalId } = cards.ask(HOME);
    await page.until(button("Deny"));
    cards.change(approvalId, { state: "denied", decidedBy: { via: "telegram", identity: "1", name: "Ann" } });
    await page.until(`!document.querySelector(".card")`);
    await page.until(said("Denied: api.example.com:443"));
  });
});

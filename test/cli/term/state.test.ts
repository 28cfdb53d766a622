/** The screen's state: how news become rows, and what is remembered of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { currentCard, initialState, reduce } from "../../../src/cli/term/state.ts";
import {
  ANN,
  after,
  asked,
  BOB,
  type busy,
  call,
  card,
  files,
  gateway,
  launcher,
  request,
  T0,
  tool,
  worker,
} from "./samples.ts";

const leads = (state: ReturnType<typeof busy>, pane: "requests" | "files" | "inference") =>
  state.rows[pane].map(({ lead, main }) => `${lead} ${main}`);

describe("rows", () => {
  it("of requests: a decision, then what passed, in one row at the time of its beginning", () => {
    const state = after([
      gateway([
        request(1, { method: "POST", path: "/x" }),
        request(9, { method: "POST", path: "/x", event: "close", bytesUp: 1_500, bytesDown: 7, ms: 1_500 }),
      ]),
    ]);
    const [row] = state.rows.requests;
    assert.equal(state.rows.requests.length, 1);
    assert.deepEqual(
      [row?.lead, row?.main, row?.aside, row?.at],
      ["allow", "POST api.example.com:443/x", "↑1.5 kB ↓7 B 1.5 s", T0 + 1_000],
    );
  });
  it("a decision takes the place of the oldest that waited for it, and of no other", () => {
    const state = after([
      gateway([
        asked(1),
        asked(2),
        asked(2, { host: "other.test" }),
        request(3, { id: "c9", verdict: "deny", reason: "approval_denied" }),
      ]),
    ]);
    assert.deepEqual(leads(state, "requests"), [
      "deny api.example.com:443",
      "ask api.example.com:443",
      "ask other.test:443",
    ]);
    assert.equal(
      leads(after([gateway([request(4, { id: "c8", sandboxId: BOB })])], state), "requests").length,
      4,
      "another sandbox's",
    );
  });
  it("of files: tools by what they do, their end in place; changed files move to the end", () => {
    const state = after([
      worker([
        tool(1),
        files(
          2,
          [
            ["write", "a"],
            ["delete", "b"],
          ],
          3,
        ),
        tool(3, { phase: "update", summary: "…" }),
        tool(3, { phase: "end", ok: false }),
        files(4, [["write", "a"]]),
      ]),
    ]);
    assert.deepEqual(leads(state, "files"), [
      "read notes/todo.md",
      "delete ~/b",
      "… 3 more changes",
      "write ~/a",
    ]);
    assert.deepEqual([state.rows.files[0]?.tone, state.rows.files[0]?.aside], ["bad", "failed"]);
  });
  it("of the model: tokens and time; what failed says why", () => {
    const state = after([gateway([call(1), call(2, { verdict: "upstream_timeout", input: undefined })])]);
    assert.deepEqual(
      state.rows.inference.map(({ lead, aside }) => `${lead}: ${aside}`),
      ["ok: 1.2k→45 tok · 812 ms", "fail: 812 ms · upstream_timeout"],
    );
  });
  it("are bounded", () => {
    const many = Array.from({ length: 700 }, (_, i) => request(i, { id: `c${i}` }));
    const { requests } = after([gateway(many)]).rows;
    assert.equal(requests.length, 500);
    assert.equal(requests.at(-1)?.id, "c699");
  });
  it("carry nothing that steers a terminal, wherever it came from", () => {
    const evil = "\u001b[2J\u009b31m\u202egnp.exe\u0007\n\u200bx\u{1f3f4}\ufe0f";
    const state = after([
      gateway([
        request(1, {
          host: evil,
          path: evil,
          method: evil,
          binary: `/usr/${evil}`,
          reason: evil,
          rule: evil,
        }),
        asked(2, { host: evil, binary: evil }),
        call(3, { model: evil, provider: evil, verdict: evil, cause: evil }),
      ]),
      worker([tool(1, { name: evil, summary: evil, turnId: evil }), files(2, [["write", evil]])]),
    ]);
    const all = Object.values(state.rows)
      .flat()
      .flatMap(({ lead, main, aside, detail }) => [lead, main, aside, ...detail.flat()]);
    assert.ok(all.length > 50);
    for (const text of all) assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\ufe0f/u, text);
  });
});

describe("sandboxes", () => {
  it("have the launcher's name and the worker's phase, whoever is first", () => {
    const want = [
      ["my-agent", "busy"],
      ["tg-bob", "parked"],
    ];
    for (const news of [
      [launcher(), worker([])],
      [worker([]), launcher()],
      [worker([]), launcher(), worker([])],
    ])
      assert.deepEqual(
        after(news)
          .sandboxes.map(({ name, state }) => [name, state])
          .sort(),
        want,
      );
  });
  it("that stopped are cold, that are gone are gone", () => {
    const stopped = after([
      launcher(),
      worker([]),
      { type: "launcher", at: T0, sandboxes: [{ id: ANN, name: "my-agent", state: "stopped" }] },
    ]);
    assert.deepEqual(
      stopped.sandboxes.map(({ name, state }) => [name, state]),
      [["my-agent", "cold"]],
    );
  });
});

describe("sources", () => {
  it("that are down say since when and why; back and restarted are told", () => {
    const down = (at: number) => ({ type: "down", source: "gateway", why: "nobody listens", at }) as const;
    const state = after([gateway([]), down(T0 + 20_000), down(T0 + 30_000)]);
    assert.deepEqual(state.sources.gateway, { state: "down", why: "nobody listens", since: T0 + 20_000 });
    const back = reduce(state, gateway([], 40));
    assert.equal(back.notice?.text, "gateway is back");
    assert.match(reduce(back, gateway([], 41, "f_9")).notice?.text ?? "", /gateway was restarted/);
    assert.equal(reduce(back, gateway([], 41)).notice, back.notice, "once");
  });
  it("that were too fast say how much is missing", () => {
    assert.match(
      reduce(initialState(T0), { ...gateway([]), missed: 12 } as never).notice?.text ?? "",
      /^12 things/,
    );
  });
});

describe("approvals", () => {
  const list = (...approvals: ReturnType<typeof card>[]) =>
    ({ type: "approvals", approvals, at: T0 + 20_000 }) as const;
  const changed = (record: ReturnType<typeof card>) => gateway([{ kind: "approval", at: T0, record }]);
  it("appear by the feed or the list, in order of age, and go when they are decided", () => {
    const younger = card("b", { createdAt: T0 + 5 });
    const state = after([changed(younger), list(younger, card("c"))]);
    assert.deepEqual(
      state.approvals.map(({ approvalId }) => approvalId[2]),
      ["c", "b"],
    );
    const left = reduce(state, changed(card("c", { state: "denied", rev: 2 })));
    assert.deepEqual(
      left.approvals.map(({ approvalId }) => approvalId[2]),
      ["b"],
    );
    assert.equal(
      reduce(left, list(card("c"), younger)).approvals.length,
      1,
      "an older list brings nothing back",
    );
  });
  it("an older state of a card changes nothing", () => {
    const state = after([changed(card("c", { rev: 5, held: 9 }))]);
    assert.equal(reduce(state, changed(card("c", { rev: 4, held: 1 }))).approvals[0]?.held, 9);
    assert.equal(reduce(state, list(card("c", { rev: 4, held: 1 }))).approvals[0]?.held, 9);
  });
  it("the oldest is asked about until it is over, and the time of the change is known", () => {
    const two = after([changed(card("c")), changed(card("b", { createdAt: T0 + 5 }))]);
    assert.equal(currentCard(two)?.approvalId[2], "c");
    const next = reduce(
      two,
      gateway([{ kind: "approval", at: T0, record: card("c", { state: "expired", rev: 2 }) }], 60),
    );
    assert.equal(currentCard(next)?.approvalId[2], "b");
    assert.equal(next.question.since, T0 + 60_000);
  });
  it("say when they can't be listed, until they can", () => {
    const away = after([{ type: "approvals-unknown", why: "Redis is away", at: T0 }]);
    assert.equal(away.approvalsWhy, "Redis is away");
    assert.equal(reduce(away, list()).approvalsWhy, "");
  });
});

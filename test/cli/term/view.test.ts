/**
 * The screen at several sizes, as frames to look at (`frames/`; `NEMOCLAW_UPDATE_FRAMES=1` writes them anew), and what
 * must hold at every size: exactly as many lines and columns as there are, and the question always whole.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { renderToString } from "ink";
import { createElement as h } from "react";
import stringWidth from "string-width";
import { press } from "../../../src/cli/term/keys.ts";
import { targetOf } from "../../../src/cli/term/question.ts";
import { initialState, reduce, type State } from "../../../src/cli/term/state.ts";
import { Screen } from "../../../src/cli/term/view.ts";
import { after, busy, card, files, gateway, launcher, request, T0, worker } from "./samples.ts";

const FRAMES = join(import.meta.dirname, "frames");
const draw = (state: State, columns: number, rows: number) =>
  stripVTControlCharacters(renderToString(h(Screen, { state, columns, rows }), { columns }));
const typed = (state: State, ...keys: string[]) =>
  keys.reduce(
    (at, key) => press(at, key.length === 1 ? { kind: "text", text: key } : ({ kind: key } as never)).state,
    state,
  );
const quiet = () =>
  after(
    [gateway([{ kind: "approval", at: T0, record: card("c", { state: "denied", rev: 2 }) }], 11)],
    busy(),
  );

const SCREENS: [name: string, state: () => State, columns: number, rows: number][] = [
  ["asking-80x24", busy, 80, 24],
  ["asking-120x40", busy, 120, 40],
  ["asking-60x30", busy, 60, 30],
  ["asking-40x12", busy, 40, 12],
  ["quiet-80x24", quiet, 80, 24],
  ["empty-80x24", () => initialState(T0), 80, 24],
  ["help-80x24", () => typed(quiet(), "?"), 80, 24],
  ["detail-80x24", () => typed(quiet(), "g", "enter"), 80, 24],
  ["filter-80x24", () => typed(quiet(), "/", "c", "u", "r", "l"), 80, 24],
  [
    "command-80x24",
    () =>
      after([
        launcher(),
        worker([]),
        gateway([
          {
            kind: "approval",
            at: T0,
            record: card("c", {
              command: {
                line: "rm -rf build \u001b[2J&& make",
                cwd: "/home/sandbox/workspace",
                always: false,
              },
            }),
          },
        ]),
      ]),
    80,
    24,
  ],
  [
    "risky-80x24",
    () =>
      typed(
        reduce(
          after([
            launcher(),
            worker([]),
            gateway([{ kind: "approval", at: T0, record: card("c", { risks: ["paste", "first-time"] }) }]),
          ]),
          {
            type: "tick",
            at: T0 + 60_000,
          },
        ),
        "a",
      ),
    80,
    24,
  ],
  [
    "down-80x24",
    () =>
      after(
        [
          {
            type: "down",
            source: "gateway",
            why: "nemoclaw is not running on this home (start it with: nemoclaw start)",
            at: T0 + 40_000,
          },
          { type: "tick", at: T0 + 50_000 },
        ],
        quiet(),
      ),
    80,
    24,
  ],
];

describe("frames", () => {
  for (const [name, state, columns, rows] of SCREENS) {
    it(name, () => {
      const frame = `${draw(state(), columns, rows)}\n`;
      const file = join(FRAMES, `${name}.txt`);
      if (process.env["NEMOCLAW_UPDATE_FRAMES"] || !existsSync(file)) {
        mkdirSync(FRAMES, { recursive: true });
        writeFileSync(file, frame);
        assert.ok(
          process.env["NEMOCLAW_UPDATE_FRAMES"],
          `${file} was missing and has been written: look at it`,
        );
      }
      assert.equal(frame, readFileSync(file, "utf8"));
    });
  }
});

describe("a long name", () => {
  const facts = (host: string, domain: string) => ({ ...card().facts, host, domain });
  const long = `api.github.com.${"a".repeat(60)}.evil.example`;
  const cases: [string, string, string, number, string][] = [
    ["fits", "api.example.com", "example.com", 40, "api.example.com:443"],
    [
      "loses its middle, never its owner",
      long,
      "evil.example",
      40,
      "api.github.com.aaaaaaa….evil.example:443",
    ],
    ["in little room, too", long, "evil.example", 22, "api.….evil.example:443"],
    [
      "of a long owner shows nothing but the owner's end",
      `github.com.${"b".repeat(50)}.example`,
      `${"b".repeat(50)}.example`,
      30,
      `…${"b".repeat(17)}.example:443`,
    ],
  ];
  for (const [name, host, domain, room, want] of cases)
    it(name, () => assert.equal(targetOf(facts(host, domain), room), want));
  it("is in the question at every size", () => {
    const record = card("c", { facts: facts(long, "evil.example") });
    const state = after([gateway([{ kind: "approval", at: T0, record }])]);
    for (const [columns, rows] of [
      [30, 8],
      [40, 12],
      [60, 24],
      [80, 24],
      [200, 60],
    ] as const)
      assert.match(draw(state, columns, rows), /\.evil\.example:443/, `${columns}×${rows}`);
  });
});

describe("at every size", () => {
  const evil = () =>
    after(
      [
        gateway(
          [request(20, { id: "e1", host: "\u001b[2J".repeat(40), path: "漢字".repeat(80), method: "GET" })],
          20,
        ),
        worker(
          [files(20, [["write", "👩‍👩‍👧‍👦/العربية/\u0301\u0301\u0301\u0301x\r\n\u001b]0;title\u0007"]])],
          20,
        ),
      ],
      busy(),
    );
  for (const [columns, rows] of [
    [20, 5],
    [30, 8],
    [45, 10],
    [75, 19],
    [76, 20],
    [80, 24],
    [133, 50],
    [300, 100],
  ] as const) {
    it(`${columns}×${rows}: fills it exactly, whatever a sandbox says`, () => {
      for (const state of [evil(), typed(evil(), "4", "k"), typed(evil(), "4", "enter"), initialState(T0)]) {
        const lines = draw(state, columns, rows).split("\n");
        assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
        for (const line of lines)
          assert.ok(stringWidth(line) <= columns, `${stringWidth(line)} columns: ${line}`);
        assert.doesNotMatch(lines.join(""), /\p{Cc}/u);
      }
    });
    if (columns >= 60)
      it(`${columns}×${rows}: the guide's question is there to the letter`, () => {
        const frame = draw(busy(), columns, rows);
        assert.match(frame, /\[OpenShell\] Agent attempted to reach api\.example\.com:443/);
        assert.match(frame, /Allow\? \[y\/n\/a\]:/);
      });
  }
});

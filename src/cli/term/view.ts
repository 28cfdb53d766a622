/** The screen of `openshell term`, drawn from its state: nothing here decides anything. React elements without JSX. */
import { Box, Text } from "ink";
import { createElement as h, type ReactElement } from "react";
import { span } from "../approvals/lines.ts";
import { layoutOf, type Place } from "./layout.ts";
import { chosenDetail, chosenIndex, type Line, linesOf } from "./lines.ts";
import { frame, line, toned } from "./pieces.ts";
import { Question } from "./question.ts";
import type { Row } from "./rows.ts";
import { clock, shown } from "./safe.ts";
import { currentCard, PANES, type Pane, type SourceName, type State } from "./state.ts";

const TITLES: Readonly<Record<Pane, string>> = {
  sandboxes: "Sandboxes",
  approvals: "Approvals",
  requests: "Network requests",
  files: "Files and tools",
  inference: "Inference",
};
/** What an empty pane says. */
const EMPTY: Readonly<Record<Pane, string>> = {
  sandboxes: "none yet",
  approvals: "nothing is asked",
  requests: "none yet",
  files: "nothing yet",
  inference: "no calls yet",
};
const KEYS = "y/n/a/s answer  Tab pane  j/k line  Enter more  / filter  ? help  q quit";
const SHORT_KEYS = "y n a s  Tab  j k  Enter  /  ?  q";
const HELP: readonly (readonly [string, string])[] = [
  ["y", "allow once: exactly what waits now, or the next try"],
  ["n  x", "deny, and don't ask again in this turn"],
  ["a", "always: add a standing rule (asked twice when the destination is risky)"],
  ["s", "allow for this session"],
  ["Tab h l 1-5", "another pane"],
  ["j k ↑ ↓ PgUp PgDn", "another line; at the end the newest is followed"],
  ["g G", "first and last line"],
  ["Enter", "all that is known of the line"],
  ["/", "show only lines with a text (Esc ends it); approvals always stay"],
  ["Esc", "back"],
  ["q", "end; whatever waits goes on waiting"],
];

/** The whole screen. */
export function Screen({
  state,
  columns,
  rows,
}: {
  state: State;
  columns: number;
  rows: number;
}): ReactElement {
  const asking = currentCard(state) !== undefined;
  const layout = layoutOf(columns, rows, asking, state.focus);
  if (layout.tiny)
    return h(Box, { width: columns, height: rows }, line("tiny", "too small for openshell term"));
  const body =
    state.overlay === "none"
      ? h(
          Box,
          { height: layout.body },
          ...layout.columns.map((places, index) =>
            h(
              Box,
              { key: index, flexDirection: "column", width: places[0]?.width },
              ...places.map((place) => h(PaneBox, { key: place.pane, state, place })),
            ),
          ),
        )
      : h(Overlay, { state, width: columns, height: layout.body });
  return h(
    Box,
    { flexDirection: "column", width: columns, height: rows },
    h(Header, { state }),
    body,
    ...(asking
      ? [
          h(Question, {
            key: "question",
            state,
            width: columns,
            lines: layout.question,
            borders: layout.borders,
          }),
        ]
      : []),
    h(Footer, { state, width: columns }),
  );
}

function Header({ state }: { state: State }): ReactElement {
  const sources = (["gateway", "worker", "launcher"] as const satisfies SourceName[]).map((name) => {
    const { state: how, since } = state.sources[name];
    if (how === "up") return toned(`  ${name} ✓`, "good");
    return how === "unasked"
      ? toned(`  ${name} …`, "dim")
      : toned(`  ${name} ✗ ${span(state.now - since)}`, "bad");
  });
  const store = state.approvalsWhy === "" ? [] : [toned("  store ✗", "bad")];
  return line(
    "header",
    h(Text, { key: "name", bold: true }, " openshell term"),
    ...sources.map((one, index) => h(Text, { key: index }, one)),
    ...store.map((one) => h(Text, { key: "store" }, one)),
    toned(`  ${clock(state.now)}`, "dim"),
  );
}

function Footer({ state, width }: { state: State; width: number }): ReactElement {
  if (state.typing)
    return line(
      "footer",
      h(Text, { bold: true }, ` /${state.filter}▏`),
      toned("  Enter keeps it, Esc ends it", "dim"),
    );
  const { notice } = state;
  if (notice && state.now - notice.at < 6_000) return line("footer", " ", toned(notice.text, notice.tone));
  const down = Object.entries(state.sources).find(([, { state: how }]) => how === "down");
  if (down) return line("footer", " ", toned(`${down[0]}: ${shown(down[1].why, 200)}`, "bad"));
  if (state.approvalsWhy !== "") return line("footer", " ", toned(shown(state.approvalsWhy, 200), "bad"));
  const filter = state.filter === "" ? "" : `[${state.filter}]  `;
  return line("footer", " ", toned(`${filter}${width < KEYS.length + 2 ? SHORT_KEYS : KEYS}`, "dim"));
}

function PaneBox({ state, place: { pane, width, height } }: { state: State; place: Place }): ReactElement {
  const lines = linesOf(state, pane);
  const focused = state.focus === pane;
  const at = chosenIndex(state, pane, lines);
  const room = Math.max(1, height - 2);
  // The chosen line in the middle, the ends at the ends.
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), lines.length - room));
  const count = lines.length > 0 ? ` ${lines.length}` : "";
  const number = PANES.indexOf(pane) + 1;
  return frame({
    title: `${number} ${TITLES[pane]}${count}`,
    width,
    height,
    ...(focused ? { color: "cyan" } : {}),
    children:
      lines.length === 0
        ? [line("empty", toned(EMPTY[pane], "dim"))]
        : lines
            .slice(first, first + room)
            .map((one, index) => paneLine(one, index, focused && first + index === at, width - 4)),
  });
}

function paneLine({ pieces }: Line, index: number, chosen: boolean, width: number): ReactElement {
  if (!chosen) return line(index, ...pieces.map(({ text, tone }, key) => toned(text, tone, key)));
  const text = pieces.map((piece) => piece.text).join("");
  return line(index, h(Text, { inverse: true }, text.padEnd(width)));
}

function Overlay({ state, width, height }: { state: State; width: number; height: number }): ReactElement {
  const help = state.overlay === "help";
  const pairs: Row["detail"] = help ? HELP : (chosenDetail(state) ?? [["", "nothing is chosen"]]);
  const column = Math.max(...pairs.map(([label]) => label.length));
  return frame({
    title: help ? "Keys" : TITLES[state.focus],
    width,
    height,
    color: "cyan",
    children: pairs.map(([label, value], index) =>
      h(
        Box,
        { key: index },
        h(Box, { width: column + 2, flexShrink: 0 }, line("label", h(Text, { bold: true }, label))),
        h(Text, { wrap: help ? "truncate-end" : "wrap" }, value),
      ),
    ),
  });
}

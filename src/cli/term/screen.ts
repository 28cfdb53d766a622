/** `openshell term` in a terminal: sources → state → screen, keys → state and effects, until `q`. */
import { type Key as InkKey, render, useInput, useWindowSize } from "ink";
import { createElement as h, type ReactElement } from "react";
import type { Paths } from "../../lib/paths.ts";
import { type Key, press } from "./keys.ts";
import { startSources } from "./sources.ts";
import { initialState, reduce, type State } from "./state.ts";
import { Screen } from "./view.ts";

/** Frames a second: enough for eyes, little for a slow line. */
const MAX_FPS = 15;

/** Shows the screen until the operator ends it. */
export async function showScreen(paths: Paths): Promise<void> {
  let state = initialState(Date.now());
  let redraw = () => {};
  const sources = startSources(paths, (news) => {
    state = reduce(state, news);
    redraw();
  });
  const onKey = (key: Key) => {
    const step = press({ ...state, now: Date.now() }, key);
    state = step.state;
    redraw();
    if (step.effect?.do === "decide") sources.decide(step.effect);
    else if (step.effect?.do === "quit") instance.unmount();
  };
  const app = () => h(App, { state, onKey });
  // A screen of its own: what was in the terminal before is there again afterwards. Only changed lines are written.
  const instance = render(app(), {
    alternateScreen: true,
    incrementalRendering: true,
    maxFps: MAX_FPS,
    patchConsole: false,
  });
  redraw = () => instance.rerender(app());
  try {
    await instance.waitUntilExit();
  } finally {
    redraw = () => {};
    sources.close();
  }
}

function App({ state, onKey }: { state: State; onKey: (key: Key) => void }): ReactElement {
  const { columns, rows } = useWindowSize();
  useInput((input, key) => {
    const known = keyOf(input, key);
    if (known) onKey(known);
  });
  return h(Screen, { state, columns, rows });
}

/** Ink's key as ours; undefined for what means nothing here. */
export function keyOf(input: string, key: InkKey): Key | undefined {
  const names = [
    [key.upArrow, "up"],
    [key.downArrow, "down"],
    [key.leftArrow, "previous"],
    [key.rightArrow, "next"],
    [key.pageUp, "pageup"],
    [key.pageDown, "pagedown"],
    [key.home, "home"],
    [key.end, "end"],
    [key.tab, key.shift ? "previous" : "next"],
    [key.return, "enter"],
    [key.escape, "escape"],
    [key.backspace || key.delete, "erase"],
  ] as const;
  const named = names.find(([pressed]) => pressed);
  if (named) return { kind: named[1] };
  if (key.ctrl || key.meta || input === "") return undefined;
  return { kind: "text", text: input };
}

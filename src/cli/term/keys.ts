/**
 * What each key does to the screen, and what it asks for. Pure; the table is docs/openshell.md's. A key decides only about
 * the card that has been on the screen long enough to be read: one that came up the moment before is not meant.
 */
import type { ApprovalRecord } from "../../store/index.ts";
import { chosenIndex, linesOf } from "./lines.ts";
import { currentCard, type Notice, PANES, type Pane, type State, withQuestion } from "./state.ts";

/** A key as the terminal told it: a letter, or a name. */
export type Key =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "up" | "down" | "pageup" | "pagedown" | "home" | "end" }
  | { readonly kind: "next" | "previous" | "enter" | "escape" | "erase" };

/** What is to be done besides. */
export type Effect =
  | { readonly do: "decide"; readonly id: string; readonly verb: "once" | "session" | "always" | "deny" }
  | { readonly do: "quit" };

/** After a key. */
export interface Step {
  readonly state: State;
  readonly effect?: Effect;
}

/** How long a question must have been there before it can be answered. Milliseconds. */
export const READ_MS = 400;
const PAGE = 10;
const MAX_FILTER = 60;

const VERBS: Readonly<Record<string, "once" | "session" | "always" | "deny">> = {
  ...{ y: "once", s: "session", a: "always", n: "deny", x: "deny" },
};

/** The state after a key. */
export function press(state: State, key: Key): Step {
  if (state.typing) return { state: type(state, key) };
  if (key.kind === "escape") return { state: { ...state, overlay: "none", filter: "", confirming: "" } };
  // A paste is no decision and no command.
  if (key.kind === "text" && key.text.length !== 1) return { state };
  if (state.confirming !== "") return confirm(state, key);
  if (key.kind === "text" && Object.hasOwn(VERBS, key.text) && currentCard(state))
    return decide(state, VERBS[key.text] as "once");
  return command(state, key);
}

function command(state: State, key: Key): Step {
  const { focus } = state;
  if (key.kind !== "text") return { state: moved(state, key.kind) };
  switch (key.text) {
    case "q":
      return { state, effect: { do: "quit" } };
    case "j":
      return { state: choose(state, 1) };
    case "k":
      return { state: choose(state, -1) };
    case "g":
      return { state: choose(state, Number.NEGATIVE_INFINITY) };
    case "G":
      return { state: choose(state, Number.POSITIVE_INFINITY) };
    case "l":
      return { state: focused(state, 1) };
    case "h":
      return { state: focused(state, -1) };
    case "/":
      return { state: { ...state, typing: true, overlay: "none" } };
    case "?":
      return { state: { ...state, overlay: state.overlay === "help" ? "none" : "help" } };
    case "y":
    case "n":
    case "a":
    case "s":
    case "x":
      return { state: told(state, "nothing is asked", "warn") };
    default: {
      const pane = PANES[Number(key.text) - 1];
      return { state: pane ? { ...state, focus: pane, overlay: "none" } : { ...state, focus } };
    }
  }
}

function moved(state: State, kind: Exclude<Key["kind"], "text">): State {
  switch (kind) {
    case "up":
      return choose(state, -1);
    case "down":
      return choose(state, 1);
    case "pageup":
      return choose(state, -PAGE);
    case "pagedown":
      return choose(state, PAGE);
    case "home":
      return choose(state, Number.NEGATIVE_INFINITY);
    case "end":
      return choose(state, Number.POSITIVE_INFINITY);
    case "next":
      return focused(state, 1);
    case "previous":
      return focused(state, -1);
    case "enter":
      return { ...state, overlay: state.overlay === "none" ? "detail" : "none" };
    default:
      return state;
  }
}

function focused(state: State, by: number): State {
  const at = (PANES.indexOf(state.focus) + by + PANES.length) % PANES.length;
  return { ...state, focus: PANES[at] as Pane, overlay: state.overlay === "help" ? "none" : state.overlay };
}

/** Chooses another line of the focused pane. At the end of what is live, the newest is followed again. */
function choose(state: State, by: number): State {
  const { focus } = state;
  const lines = linesOf(state, focus);
  if (lines.length === 0) return state;
  const at = Math.min(lines.length - 1, Math.max(0, chosenIndex(state, focus, lines) + by));
  const follows = at === lines.length - 1 && focus !== "sandboxes" && focus !== "approvals";
  const { [focus]: _, ...others } = state.chosen;
  const chosen = follows ? others : { ...others, [focus]: lines[at]!.id };
  return withQuestion({ ...state, chosen });
}

/** The filter while it is typed. */
function type(state: State, key: Key): State {
  if (key.kind === "enter") return { ...state, typing: false };
  if (key.kind === "escape") return { ...state, typing: false, filter: "" };
  if (key.kind === "erase") return { ...state, filter: [...state.filter].slice(0, -1).join("") };
  if (key.kind !== "text") return state;
  const text = key.text.replace(/[^\x20-\x7e]/g, "");
  return { ...state, filter: (state.filter + text).slice(0, MAX_FILTER) };
}

function decide(state: State, verb: "once" | "session" | "always" | "deny"): Step {
  const card = currentCard(state);
  if (!card) return { state };
  if (state.now - state.question.since < READ_MS)
    return { state: told(state, "a new question came up just now: read it, then press again", "warn") };
  if (state.deciding === card.approvalId) return { state: told(state, "your answer is on its way", "warn") };
  if (!offered(card, verb))
    return { state: told(state, "a command can be allowed once, not for longer", "warn") };
  // Something is wrong with this destination: a rule for good is asked about once more, as in the chats.
  if (verb === "always" && card.risks.length > 0) return { state: { ...state, confirming: card.approvalId } };
  return sent(state, card.approvalId, verb);
}

/** A command inside the sandbox has no session, and Always only where OpenClaw offers it. */
function offered({ command }: ApprovalRecord, verb: "once" | "session" | "always" | "deny"): boolean {
  return !command || verb === "once" || verb === "deny" || (verb === "always" && command.always);
}

function confirm(state: State, key: Key): Step {
  const id = state.confirming;
  const over = { ...state, confirming: "" };
  if (key.kind !== "text" || currentCard(state)?.approvalId !== id) return { state: over };
  return key.text === "y" ? sent(over, id, "always") : { state: over };
}

const sent = (state: State, id: string, verb: "once" | "session" | "always" | "deny"): Step => ({
  state: { ...state, deciding: id, notice: undefined },
  effect: { do: "decide", id, verb },
});

function told(state: State, text: string, tone: Notice["tone"]): State {
  return { ...state, notice: { text, tone, at: state.now } };
}

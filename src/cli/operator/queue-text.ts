/** What the queue commands print. People's words appear only where they are asked for, and steer no terminal. Pure. */
import type { Pause, QueueRow, TurnRecord } from "../../store/index.ts";
import { visible } from "../audit-line.ts";
import { ago, columns, counted } from "./table.ts";

/** Numbers of one host. */
export interface QueueFacts {
  waiting: number;
  conversations: number;
  running: number;
  failed: number;
  undelivered: readonly { bridge: string; conversations: number }[];
  paused: Pause | null;
}

/** `queue status`. */
export function queueText(facts: QueueFacts, now: number): string {
  const { waiting, conversations, running, failed, undelivered, paused } = facts;
  return columns([
    [
      "waiting",
      waiting === 0
        ? "nothing"
        : `${counted(waiting, "message")} in ${counted(conversations, "conversation")}`,
    ],
    ["running", counted(running, "turn")],
    ["failed", `${counted(failed, "turn")} in 7 days`],
    [
      "answers",
      undelivered.length === 0
        ? "all delivered"
        : undelivered
            .map((one) => `${counted(one.conversations, "conversation")} wait on ${one.bridge}`)
            .join(", "),
    ],
    ["new turns", paused ? `PAUSED by ${printable(paused.by, 40)}, ${ago(paused.at, now)}` : "begin"],
  ]);
}

/** Anybody's words on one line, cut. */
const printable = (text: string, most: number): string => {
  const clean = visible(text);
  return clean.length <= most ? clean : `${clean.slice(0, most - 1)}…`;
};

/** `queue show`. */
export function waitingText(
  rows: readonly QueueRow[],
  messages: readonly { seq: number; acceptedAt: number; sender: { name: string }; text: string }[],
  withText: boolean,
  now: number,
): string {
  const table = columns([
    ["CONVERSATION", "WAITING", "OLDEST", "TURN", "STATE"],
    ...rows.map(({ conversation, waiting, oldestAt, turn }) => [
      ...[conversation, String(waiting), oldestAt > 0 ? ago(oldestAt, now) : "-"],
      ...[turn?.turnId ?? "-", turn?.state ?? "-"],
    ]),
  ]);
  const lines = messages.map(({ seq, acceptedAt, sender, text }) => {
    const words = withText ? `  ${printable(text, 120)}` : `  ${text.length} characters`;
    return `  ${seq}  ${ago(acceptedAt, now)}  ${printable(sender.name, 40)}${words}`;
  });
  return [table, ...lines].join("\n");
}

/** `queue show --failed`. */
export function turnText(turns: readonly TurnRecord[], withText: boolean, now: number): string {
  return columns([
    ["TURN", "CONVERSATION", "ENDED", "STATE", "STARTS", ...(withText ? ["TEXT"] : [])],
    ...turns.map(({ turnId, conversation, settledAt, state, starts, text }) => [
      ...[turnId, conversation, ago(settledAt, now), state, String(starts)],
      ...(withText ? [printable(text, 120)] : []),
    ]),
  ]);
}

/**
 * How an ending becomes an answer for the user. Pure. Codes that come from a guest are cleaned: they are claims.
 */

import type { TurnEvent } from "../sandbox/index.ts";
import type { AnswerBody, TurnRecord } from "../store/index.ts";
import type { Ending, TurnInput } from "./turn-machine.ts";

/** Codes of failures that the worker itself gives; the bridge has a sentence for each. */
export const FAILURE_CODES = [
  "agent-crashed",
  "agent-failed",
  "agent-off",
  "agent-start-failed",
  "agent-stopped",
  "agent-unreachable",
  "disk-full",
  "interrupted",
  "out-of-memory",
  "poison",
  "time-limit",
] as const;

const CODE = /^[a-z][a-z0-9-]{0,39}$/;
const MAX_DETAIL = 300;

/** What is stored for an ending. */
export function answerOf(
  turn: TurnRecord,
  ending: Ending,
): { outcome: "answered" | "failed" | "interrupted" | "cancelled"; body: AnswerBody } {
  const heard = turn.heard ? { heard: turn.heard } : {};
  switch (ending.outcome) {
    case "answered":
      return { outcome: "answered", body: { kind: "final", markdown: ending.text, ...heard } };
    case "cancelled":
      return { outcome: "cancelled", body: { kind: "notice", code: "cancelled", params: {} } };
    case "interrupted":
      return {
        outcome: "interrupted",
        body: { kind: "failure", code: "interrupted", reference: turn.turnId },
      };
    case "failed": {
      const detail = ending.detail?.slice(0, MAX_DETAIL);
      return {
        outcome: "failed",
        body: {
          kind: "failure",
          code: ending.code,
          reference: turn.turnId,
          ...(detail ? { detail } : {}),
          ...heard,
        },
      };
    }
  }
}

/** A guest's last event of a turn, for the machine; undefined for events that end nothing. */
export function endOf(event: TurnEvent): TurnInput | undefined {
  if (event.kind === "final") return { type: "final", text: event.text };
  if (event.kind === "cancelled") return { type: "agent-cancelled" };
  if (event.kind !== "failed") return undefined;
  const code = CODE.test(event.code) ? event.code : "agent-failed";
  return { type: "agent-failed", code, detail: event.message };
}

/** The code of a failed wake that a user may be told. */
export function wakeCode(code: string | undefined): string {
  return code !== undefined && (FAILURE_CODES as readonly string[]).includes(code)
    ? code
    : "agent-start-failed";
}

/** One status line for a tool. */
export function toolLine(event: Extract<TurnEvent, { kind: "tool" }>): string {
  const sign = event.phase === "end" ? (event.ok === false ? "✗" : "✓") : "…";
  return event.summary ? `${sign} ${event.name}: ${event.summary}` : `${sign} ${event.name}`;
}

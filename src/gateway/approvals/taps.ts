/**
 * What a tap means, judged when it comes: is this person an approver, is this the card's own chat and message, is the
 * card still to be decided by this gateway. A pure table; whoever carries the result out is in `approvals.ts`.
 */
import type { ApprovalRecord, ApprovalState, CardMessage, Tap, TapOutcome } from "../../store/index.ts";
import { needsConfirmation } from "./facts.ts";

/** A tap on a card. */
export type DecideTap = Extract<Tap, { kind: "decide" }>;

/** Whether it speaks for people and chats of the platform whose bridge handed it in: for others no bridge may. */
export function ownTap(tap: Tap, platform: string): boolean {
  const chats = tap.kind === "reset" ? [tap.conversation] : [tap.bridge, tap.conversation];
  return tap.by.via === platform && chats.every((id) => id.split(".")[0] === platform);
}

/** What is to be done with it. */
export type TapMeaning =
  | { readonly do: "answer"; readonly kind: TapOutcome["kind"]; readonly suspicious: boolean }
  | { readonly do: "expire" }
  | { readonly do: "confirm"; readonly on: boolean }
  | { readonly do: "decide"; readonly state: Exclude<ApprovalState, "pending" | "expired" | "cancelled"> };

/** What is known when it is judged. */
export interface TapFacts {
  readonly record: ApprovalRecord | undefined;
  readonly card: CardMessage | undefined;
  readonly mayDecide: boolean;
  readonly epoch: string;
}

const answer = (kind: TapOutcome["kind"], suspicious = false): TapMeaning => ({
  do: "answer",
  kind,
  suspicious,
});

/** Whether a card has this choice: a command's has no session, and Always only where OpenClaw offers it. */
export function offered(record: Pick<ApprovalRecord, "command">, state: ApprovalState): boolean {
  if (!record.command || state === "allowed-once" || state === "denied") return true;
  return state === "allowed-always" && record.command.always;
}

/** Outcomes of a card that has one already. */
const SETTLED: Record<Exclude<ApprovalState, "pending">, TapOutcome["kind"]> = {
  "allowed-once": "decided",
  "allowed-session": "decided",
  "allowed-always": "decided",
  denied: "decided",
  expired: "expired",
  cancelled: "cancelled",
};

/** Judges one tap. */
export function meaningOf(tap: DecideTap, { record, card, mayDecide, epoch }: TapFacts): TapMeaning {
  if (!record) return answer("gone", true);
  if (!mayDecide) return answer("stranger", true);
  const own =
    card !== undefined &&
    card.message === tap.message &&
    card.conversation === tap.conversation &&
    record.conversation === tap.conversation &&
    record.bridge === tap.bridge;
  if (!own) return answer("misplaced", true);
  if (record.state !== "pending") return answer(SETTLED[record.state]);
  // Asked by a gateway that is gone: what it held is gone too.
  if (record.epoch !== epoch) return { do: "expire" };
  const wanted = tap.verb === "session" ? "allowed-session" : "allowed-always";
  if (tap.verb !== "once" && tap.verb !== "deny" && tap.verb !== "back" && !offered(record, wanted))
    return answer("gone", true);
  switch (tap.verb) {
    case "once":
      return { do: "decide", state: "allowed-once" };
    case "session":
      return { do: "decide", state: "allowed-session" };
    case "deny":
      return { do: "decide", state: "denied" };
    case "back":
      return { do: "confirm", on: false };
    case "always":
      return needsConfirmation(record.risks)
        ? { do: "confirm", on: true }
        : { do: "decide", state: "allowed-always" };
    case "always-confirmed":
      // Only after the second question was shown.
      return needsConfirmation(record.risks) && !record.confirming
        ? { do: "confirm", on: true }
        : { do: "decide", state: "allowed-always" };
  }
}

/** What the presser is told once a decision was carried out. */
export function decidedKind({ won, record }: { won: boolean; record: ApprovalRecord }): TapOutcome["kind"] {
  if (won) return record.nextTry ? "next-try" : "done";
  return record.state === "pending" ? "busy" : SETTLED[record.state];
}

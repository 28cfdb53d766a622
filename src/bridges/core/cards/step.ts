/**
 * What a card needs next, from its record and from what is known of its message. Pure; nothing is decided elsewhere.
 */
import type { ApprovalRecord, CardMessage } from "../../../store/index.ts";

/** `rev` of a message that is only a placeholder. */
export const PLACEHOLDER = -1;

/**
 * `post`: a placeholder is to be posted; `again` when an earlier one may be there. `edit`: the message shows an old rev;
 * `urgent` unless only counters changed. `retire`: a former message loses its buttons. `rest`: it is up to date.
 * `keep`: it has ended, a late tap must still find it. `forget`: nothing is to be known of it any more.
 */
export type CardStep =
  | { kind: "post"; again: boolean; previous: string }
  | { kind: "edit"; urgent: boolean }
  | { kind: "retire"; previous: string }
  | { kind: "rest" }
  | { kind: "keep" }
  | { kind: "forget" };

/** What a message shows, as far as it tells one card from the next at a glance. */
export type Face = Pick<ApprovalRecord, "state" | "holding" | "confirming" | "nextTry">;

/** The next step. `face`: what the message shows, where this process knows; `move`: it is wished for below. */
export function cardStep(
  record: ApprovalRecord | undefined,
  message: CardMessage | undefined,
  { face, move }: { face: Face | undefined; move: boolean },
): CardStep {
  if (!record) return { kind: "forget" };
  const open = record.state === "pending";
  const previous = message?.previous ?? "";
  if (move && open && message?.state === "sent") {
    return { kind: "post", again: false, previous: message.message };
  }
  switch (message?.state) {
    case undefined:
      // It ended before anything was shown: there is nothing to say.
      return open ? { kind: "post", again: false, previous } : { kind: "forget" };
    case "sending":
      return open ? { kind: "post", again: true, previous } : { kind: "forget" };
    case "refused":
      if (!open) return { kind: "forget" };
      return move ? { kind: "post", again: false, previous } : { kind: "rest" };
    case "sent":
      if (message.rev < record.rev) return { kind: "edit", urgent: !face || !sameFace(face, record) };
      if (previous !== "") return { kind: "retire", previous };
      return open ? { kind: "rest" } : { kind: "keep" };
  }
}

function sameFace(a: Face, b: Face): boolean {
  return (
    a.state === b.state && a.holding === b.holding && a.confirming === b.confirming && a.nextTry === b.nextTry
  );
}

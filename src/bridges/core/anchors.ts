/**
 * The anchor of a streaming turn: the placeholder message that drafts and the final answer are edited into.
 * The claim is recorded before the request and the id after it (RELIABILITY §4), so that a bridge that died in between
 * posts at most one stray placeholder, and counts it.
 */
import { failpoint } from "../../lib/failpoints.ts";
import type { Delivery, OutboxPort } from "../../store/index.ts";
import type { Counters } from "./counters.ts";
import type { BridgePlatform, Outcome } from "./port.ts";

/** Placeholders that may be there twice: an earlier attempt had no known outcome. */
export const UNKNOWN_TOTAL = "outbox_unknown_total";

/** Stands for the id of an anchor whose request certainly had no effect. */
const NOT_POSTED = "not-posted";

/** Whether an anchor may exist whose id nobody knows. */
export function isUnknown(anchor: { state: "none" | "sending" | "sent"; id: string }): boolean {
  return anchor.state === "sending" && anchor.id !== NOT_POSTED;
}

/** Finds or posts the anchor of a turn. */
export async function turnAnchor(
  deps: { platform: BridgePlatform; store: OutboxPort; counters: Counters },
  at: { conversation: string; turnId: string; deliver: Delivery },
): Promise<Outcome<string>> {
  const known = await deps.store.anchor(at.conversation, at.turnId);
  if (known.state === "sent") return { kind: "ok", value: known.id };
  if (isUnknown(known)) deps.counters.count(UNKNOWN_TOTAL);
  await deps.store.setAnchor(at.conversation, at.turnId, "sending", "");
  failpoint("outbox.anchor-sending");
  const { turnId } = at;
  const outcome = await deps.platform.sendAnchor(at.deliver, {
    key: `turn.${turnId}`,
    turnId,
    again: isUnknown(known),
  });
  if (outcome.kind === "ok") {
    failpoint("outbox.anchor-sent");
    await deps.store.setAnchor(at.conversation, at.turnId, "sent", outcome.value);
  } else if (outcome.kind !== "unknown" && !isUnknown(known)) {
    // What an earlier attempt left is still unknown.
    await deps.store.setAnchor(at.conversation, at.turnId, "sending", NOT_POSTED);
  }
  return outcome;
}

/** What guest, gateway and log are told of a turn: to the first two opaque names, never a platform's ids. Pure. */
import { derivedId } from "../lib/ids.ts";
import type { TurnContextPort, TurnRecord } from "../store/index.ts";

/** `<opaque conversation>:<session>`: the guest compares fences per conversation. */
export function sessionKeyOf({ conversation, session }: TurnRecord): string {
  return `${derivedId("c", conversation)}:${session}`;
}

/** What the gateway learns; `deliver` is where a card about the turn goes. */
export function contextOf(turn: TurnRecord): Parameters<TurnContextPort["begin"]>[1] {
  const { turnId, conversation, bridge, deliver, model } = turn;
  return {
    turnId,
    kind: "turn",
    scopeId: sessionKeyOf(turn),
    ...(model === undefined ? {} : { model }),
    conversation,
    bridge,
    deliver,
  };
}

/** What each line about a turn carries. */
export function logFields({ turnId, conversation, fence, principal }: TurnRecord) {
  return { turnId, sandboxId: principal, conversation, fence };
}

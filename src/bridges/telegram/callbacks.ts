/**
 * Presses of our buttons. Answered at once, never behind a running turn.
 * Who may press is judged now, by numeric id, and the press must come from the chat that the turn belongs to: Telegram
 * clients can send any data they like.
 */
import type { AcceptResult, IngressPort, TurnPort } from "../../store/index.ts";
import { type AllowList, decideAccess, sentence } from "../core/index.ts";
import { bridgeIdOf, type Tap } from "./inbound.ts";

/** What handling a tap needs. */
export interface TapDeps {
  botId: number;
  allowed: AllowList;
  ingress: IngressPort;
  turns: Pick<TurnPort, "finished">;
  principalFor(identity: string): string;
}

/** What the presser is shown; `accepted` when something was started. */
export interface TapAnswer {
  text: string;
  accepted?: AcceptResult;
}

const RETRY = /^retry:(t_[a-z0-9]{20})$/;

/** Handles one press. Rejects only when the store does. */
export async function handleTap(tap: Tap, deps: TapDeps): Promise<TapAnswer> {
  if (decideAccess(tap.sender.id, deps.allowed).kind !== "allowed")
    return { text: sentence("retry.not-yours") };
  const turnId = RETRY.exec(tap.data)?.[1];
  if (turnId === undefined) return { text: sentence("retry.gone") };
  const turn = await deps.turns.finished(tap.conversation, turnId);
  if (turn?.state !== "interrupted") return { text: sentence("retry.gone") };
  const principal = deps.principalFor(tap.sender.id);
  if (turn.principal !== principal) return { text: sentence("retry.not-yours") };
  // The key makes a second press, or the same press delivered twice, the same event.
  const accepted = await deps.ingress.accept({
    conversation: tap.conversation,
    bridge: bridgeIdOf(deps.botId),
    principal,
    updateKey: `retry.${turnId}`,
    deliver: { chat: tap.chat, replyTo: tap.messageId },
    sender: tap.sender,
    text: turn.text,
  });
  return { text: sentence("retry.accepted"), accepted };
}

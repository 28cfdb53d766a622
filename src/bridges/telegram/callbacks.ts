/**
 * Presses of our buttons. Answered at once, never behind a running turn.
 * Who may press is judged now, by numeric id, and the press must come from the chat that the turn belongs to: Telegram
 * clients can send any data they like. Presses of cards are judged by the gateway.
 */
import { derivedId } from "../../lib/ids.ts";
import {
  type AcceptResult,
  type Delivery,
  type IngressPort,
  repeated,
  type TurnPort,
} from "../../store/index.ts";
import { type Admit, type Content, handlePress, type PressDeps, wordsOf } from "../core/index.ts";
import { bridgeIdOf, type Tap } from "./inbound.ts";

/** What handling a tap needs. */
export interface TapDeps extends PressDeps {
  botId: number;
  admit: Admit;
  ingress: IngressPort;
  turns: Pick<TurnPort, "finished">;
}

/** What the presser is shown; `accepted` when something was started, `list` when the pressed list has changed. */
export interface TapAnswer {
  text: string;
  accepted?: AcceptResult;
  list?: Content;
}

const RETRY = /^retry:(t_[a-z0-9]{20})$/;

/** Handles one press. Rejects only when the store does. */
export async function handleTap(tap: Tap, deps: TapDeps): Promise<TapAnswer> {
  const say = wordsOf(tap.language);
  const retry = tap.data.startsWith("retry:");
  const admission = await deps.admit({ ...tap, platform: "telegram" });
  if (admission.kind !== "admitted") {
    // Not handed to the gateway: who isn't let in any more can't decide as an owner.
    deps.logger.warn({ conversation: tap.conversation, presser: tap.sender.id }, "stranger's tap refused");
    return { text: say.phrase(retry ? "retry.not-yours" : "tap.stranger") };
  }
  const { principal, conversation = tap.conversation } = admission;
  if (retry) return await repeatTurn({ ...tap, conversation }, principal, deps);
  const event = {
    tapId: derivedId("k", bridgeIdOf(deps.botId), tap.id),
    data: tap.data,
    platform: "telegram",
    presser: tap.sender,
    language: tap.language,
    principal,
    bridge: bridgeIdOf(deps.botId),
    conversation,
    message: tap.messageId,
    carried: tap.carried,
  };
  return (await handlePress(event, deps)) ?? { text: say.phrase("tap.gone") };
}

/** Repeats an interrupted turn on its user's wish. */
async function repeatTurn(tap: Tap, principal: string, deps: TapDeps): Promise<TapAnswer> {
  const say = wordsOf(tap.language);
  const turnId = RETRY.exec(tap.data)?.[1];
  if (turnId === undefined) return { text: say.phrase("retry.gone") };
  const turn = await deps.turns.finished(tap.conversation, turnId);
  if (turn?.state !== "interrupted") return { text: say.phrase("retry.gone") };
  if (turn.principal !== principal) return { text: say.phrase("retry.not-yours") };
  // The key makes a second press, or the same press delivered twice, the same event.
  const accepted = await deps.ingress.accept({
    conversation: tap.conversation,
    bridge: bridgeIdOf(deps.botId),
    principal,
    updateKey: `retry.${turnId}`,
    deliver: deliverOf(tap),
    sender: tap.sender,
    ...repeated(turn),
  });
  return { text: say.phrase("retry.accepted"), accepted };
}

function deliverOf({ chat, thread, messageId, language }: Tap): Delivery {
  return {
    ...{ chat, replyTo: messageId },
    ...(thread === undefined ? {} : { thread }),
    ...(language === undefined ? {} : { language }),
  };
}

/**
 * Presses of our buttons. Answered at once, never behind a running turn.
 * Who may press is judged now, by numeric id, and a retry must come from the channel that the turn belongs to: clients
 * can send any data they like. Presses of cards are judged by the gateway.
 */
import { derivedId } from "../../lib/ids.ts";
import { type IngressPort, repeated, type TurnPort } from "../../store/index.ts";
import { type Admit, type Content, handlePress, type PressDeps, wordsOf } from "../core/index.ts";
import type { Interaction, Press } from "./inbound.ts";

/** What handling a press needs. */
export interface DiscordPressDeps extends PressDeps {
  admit: Admit;
  ingress: IngressPort;
  turns: Pick<TurnPort, "finished">;
}

/** What the presser is told (empty: the message itself shows it), and what the pressed list looks like now. */
export interface PressOutcome {
  text: string;
  list?: Content;
}

const RETRY = /^retry:(t_[a-z0-9]{20})$/;
/** What a card shows by itself. */
const SHOWN = new Set(["done", "next-try", "confirm", "back", "reposted", "revoked"]);

/** Handles one press. Rejects only when the store does. */
export async function handleButton(
  { id, message }: Interaction,
  press: Press,
  deps: DiscordPressDeps,
): Promise<PressOutcome> {
  const { conversation, bridge, sender, place, language } = message;
  const say = wordsOf(language);
  const retry = press.data.startsWith("retry:");
  const admission = await deps.admit({ platform: "discord", conversation, sender, place });
  if (admission.kind !== "admitted") {
    // Not handed to the gateway: who isn't let in any more can't decide as an owner.
    deps.logger.warn({ conversation, presser: sender.id }, "stranger's press refused");
    return { text: say.phrase(retry ? "retry.not-yours" : "tap.stranger") };
  }
  const { principal } = admission;
  if (retry) return { text: await repeatTurn(message, press.data, principal, deps) };
  const answer = await handlePress(
    {
      tapId: derivedId("k", bridge, id),
      data: press.data,
      platform: "discord",
      presser: sender,
      language,
      ...{ principal, bridge, conversation },
      message: press.messageId,
      carried: press.carried,
    },
    deps,
  );
  if (!answer) return { text: say.phrase("tap.gone") };
  const text = SHOWN.has(answer.kind) ? "" : answer.text;
  return answer.list ? { text, list: answer.list } : { text };
}

/** Repeats an interrupted turn on its user's wish. */
async function repeatTurn(
  message: Interaction["message"],
  data: string,
  principal: string,
  deps: DiscordPressDeps,
): Promise<string> {
  const { conversation, bridge, sender, language } = message;
  const say = wordsOf(language);
  const deliver = language === undefined ? message.deliver : { ...message.deliver, language };
  const turnId = RETRY.exec(data)?.[1];
  if (turnId === undefined) return say.phrase("retry.gone");
  const turn = await deps.turns.finished(conversation, turnId);
  if (turn?.state !== "interrupted") return say.phrase("retry.gone");
  if (turn.principal !== principal) return say.phrase("retry.not-yours");
  // The key makes a second press, or the same press delivered twice, the same event.
  const updateKey = `retry.${turnId}`;
  await deps.ingress.accept({
    conversation,
    bridge,
    principal,
    updateKey,
    deliver,
    sender,
    ...repeated(turn),
  });
  return say.phrase("retry.accepted");
}

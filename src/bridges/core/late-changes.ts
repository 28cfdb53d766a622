/**
 * What people do to messages that they have sent already: correct one, or stop the answer to it by their client's own
 * button. The rule for edits: a message that no turn has taken yet is replaced; later edits change nothing, and /help says so.
 */
import type { AcceptResult, Delivery } from "../../store/index.ts";
import { type InboundDeps, type InboundMessage, textFor, withLanguage } from "./inbound.ts";

/** What these need. */
export type LateDeps = Pick<InboundDeps, "admit" | "conversations" | "ingress" | "logger">;

/** An edit of a message. True when it replaced the message's text. Rejects only when the store does. */
export async function handleEdit(given: InboundMessage, deps: LateDeps): Promise<boolean> {
  const message = withLanguage(given);
  const { text, deliver, sender, bridge } = message;
  if (text === undefined || text.trim() === "" || deliver.replyTo === undefined) return false;
  // A command took effect when it came.
  if (text.startsWith("/")) return false;
  const [platform = bridge] = bridge.split(".");
  const access = await deps.admit({ ...message, platform });
  if (access.kind !== "admitted") return false;
  const { conversation = message.conversation } = access;
  const name = sender.name.slice(0, 128).toWellFormed();
  const edit = {
    message: deliver.replyTo,
    text: textFor(message, text),
    deliver,
    sender: { ...sender, name },
  };
  const replaced = await deps.conversations.amend(conversation, edit);
  deps.logger.info({ conversation, updateKey: message.updateKey, replaced }, "message edited");
  return replaced;
}

/** A press of a client's own Stop button. */
export interface StopPress {
  conversation: string;
  bridge: string;
  updateKey: string;
  deliver: Delivery;
  sender: { id: string; name: string };
  place: InboundMessage["place"];
  /** Whether the button belongs to this turn. */
  isTurn(turnId: string): boolean;
}

/**
 * Stops the turn that the button belongs to, as /stop does, and nothing that waits. Undefined when that turn has ended,
 * or its presser isn't let in. Rejects only when the store does.
 */
export async function handleStopPress(press: StopPress, deps: LateDeps): Promise<AcceptResult | undefined> {
  const { isTurn, place, ...event } = press;
  const [platform = event.bridge] = event.bridge.split(".");
  const access = await deps.admit({ ...event, place, platform });
  if (access.kind !== "admitted") return undefined;
  const { principal, conversation = event.conversation } = access;
  const { turn } = await deps.conversations.look(conversation);
  if (!turn || !isTurn(turn.turnId)) return undefined;
  const command = { name: "stop" as const, turn: turn.turnId };
  const result = await deps.ingress.accept({ ...event, conversation, principal, command });
  deps.logger.info(
    { conversation: event.conversation, turnId: turn.turnId },
    "stopped by the client's button",
  );
  return result;
}

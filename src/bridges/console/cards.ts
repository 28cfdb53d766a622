/**
 * Approval cards as console events. A card lives in the store, not in the transcript: a client that connects is shown
 * what is open, and only an outcome becomes an entry.
 */
import { OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import type { CardPort } from "../../store/index.ts";
import { type Content, cardContent } from "../core/index.ts";
import type { ConsoleEvent } from "./events.ts";

/** The event that shows a card; undefined for content that is none. */
export function cardEvent(chat: string, message: string, content: Content): ConsoleEvent | undefined {
  const { card, blocks, source, buttons = [] } = content;
  if (!card) return undefined;
  const { approvalId, rev, open, confirming, target, detail } = card;
  const tree = blocks as { type: string }[];
  return {
    event: "card",
    data: {
      ...{ chat, approvalId, message, rev, open, confirming, target, detail },
      markdown: source,
      blocks: tree,
      buttons,
    },
  };
}

/** What is open now on this console, oldest first. */
export async function openCards(cards: CardPort, bridge: string): Promise<ConsoleEvent[]> {
  const events: ConsoleEvent[] = [];
  for (const record of await cards.open(OPERATOR_PRINCIPAL)) {
    if (record.bridge !== bridge) continue;
    const message = await cards.message(record.approvalId);
    // Without one it is about to be shown for the first time.
    if (message?.state !== "sent") continue;
    const event = cardEvent(record.deliver.chat, message.message, cardContent(record, Date.now()));
    if (event) events.push(event);
  }
  return events;
}

/** Other people's words that a Telegram message brings along: what it answers, quotes or forwards. Pure. */
import type { MessageOrigin, Update } from "grammy/types";
import type { Quote } from "../core/index.ts";

type Message = NonNullable<Update["message"]>;

/** The words that aren't the sender's; those of the bot itself are left out: the agent knows them. */
export function quotesOf(message: Message, botId: number): Quote[] {
  const { forward_origin: origin, reply_to_message: answered, external_reply: foreign, quote } = message;
  const text = message.text ?? message.caption ?? "";
  // A forward is nothing but somebody else's words, whoever pressed the button.
  if (origin) return text === "" ? [] : [{ how: "forward", ...authorOf(origin), text }];
  if (foreign && quote) return [{ how: "reply", ...authorOf(foreign.origin), text: quote.text }];
  if (!answered || answered.from?.id === botId) return [];
  const said = quote?.text ?? answered.text ?? answered.caption ?? "";
  if (said === "") return [];
  const { from, sender_chat: chat } = answered;
  if (chat) return [{ how: "reply", ...chatAuthor(chat), text: said }];
  const name = from ? [from.first_name, from.last_name].filter(Boolean).join(" ") : "";
  return [{ how: "reply", ...(from ? { identity: `telegram:${from.id}` } : {}), name, text: said }];
}

function authorOf(origin: MessageOrigin): Pick<Quote, "identity" | "name"> {
  switch (origin.type) {
    case "user": {
      const { id, first_name, last_name } = origin.sender_user;
      return { identity: `telegram:${id}`, name: [first_name, last_name].filter(Boolean).join(" ") };
    }
    case "hidden_user":
      return { name: origin.sender_user_name };
    case "chat":
      return chatAuthor(origin.sender_chat);
    case "channel":
      return chatAuthor(origin.chat);
  }
}

function chatAuthor(chat: { id: number; title?: string | undefined }): Pick<Quote, "identity" | "name"> {
  return { identity: `telegram:${chat.id}`, name: chat.title ?? "" };
}

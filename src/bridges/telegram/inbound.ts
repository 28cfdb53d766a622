/**
 * Telegram updates → messages and taps of the core. Pure.
 * Private chats only; ids, never names, decide anything. Edited messages are not asked for: an edit of a message that
 * was already handed over changes nothing, and /help says so.
 */
import type { Update } from "grammy/types";
import type { InboundMessage, Place } from "../core/index.ts";

/** Update kinds that are asked of Telegram. */
export const ALLOWED_UPDATES = ["message", "callback_query"] as const;

/** What an update is to us. */
export type Inbound =
  | { kind: "message"; message: InboundMessage }
  | { kind: "tap"; tap: Tap }
  | { kind: "ignore"; reason: string };

/** A press of a button, as Telegram reports it. */
export interface Tap {
  id: string;
  conversation: string;
  chat: string;
  thread?: string;
  messageId: string;
  sender: { id: string; name: string };
  /** The presser's language (BCP 47). */
  language?: string;
  place: Place;
  /** Whatever the presser's client sent: perhaps no button's. */
  data: string;
  /** What the message's buttons really carry. */
  carried: string[];
}

/** Bridge id of a bot. */
export const bridgeIdOf = (botId: number): string => `telegram.${botId}`;

/** Reads one update. */
export function readUpdate(update: Update, botId: number): Inbound {
  if (update.message) return readMessage(update.update_id, update.message, botId);
  if (update.callback_query) return readTap(update.callback_query, botId);
  return { kind: "ignore", reason: "kind of update" };
}

function readMessage(updateId: number, message: NonNullable<Update["message"]>, botId: number): Inbound {
  const { chat, from } = message;
  if (chat.type !== "private") return { kind: "ignore", reason: "not a private chat" };
  if (!from || from.is_bot) return { kind: "ignore", reason: "no person sent it" };
  if (isServiceMessage(message)) return { kind: "ignore", reason: "service message" };
  return {
    kind: "message",
    message: {
      conversation: conversationOf(botId, chat.id),
      bridge: bridgeIdOf(botId),
      updateKey: String(updateId),
      deliver: { chat: String(chat.id), replyTo: String(message.message_id) },
      sender: { id: String(from.id), name: nameOf(from) },
      place: { kind: "private" },
      ...(from.language_code === undefined ? {} : { language: from.language_code }),
      ...(message.text === undefined ? {} : { text: message.text }),
    },
  };
}

/** Things that Telegram writes into a chat by itself. */
function isServiceMessage(message: NonNullable<Update["message"]>): boolean {
  return message.pinned_message !== undefined || message.message_auto_delete_timer_changed !== undefined;
}

function readTap(query: NonNullable<Update["callback_query"]>, botId: number): Inbound {
  const { message, from, data } = query;
  if (!message) return { kind: "ignore", reason: "no message of a chat" };
  if (from.is_bot) return { kind: "ignore", reason: "no person pressed it" };
  const keyboard = "reply_markup" in message ? (message.reply_markup?.inline_keyboard ?? []) : [];
  return {
    kind: "tap",
    tap: {
      id: query.id,
      conversation: conversationOf(botId, message.chat.id),
      chat: String(message.chat.id),
      messageId: String(message.message_id),
      sender: { id: String(from.id), name: nameOf(from) },
      place: placeOf(message.chat),
      ...(from.language_code === undefined ? {} : { language: from.language_code }),
      data: data ?? "",
      carried: keyboard.flat().flatMap((button) => ("callback_data" in button ? [button.callback_data] : [])),
    },
  };
}

function conversationOf(botId: number, chatId: number): string {
  return `telegram.${botId}.${chatId}`;
}

/** A press is always addressed to the bot whose button it is. */
function placeOf(chat: { id: number; type: string; title?: string | undefined }): Place {
  if (chat.type === "private") return { kind: "private" };
  return { kind: "group", id: String(chat.id), name: chat.title ?? "", addressed: true };
}

function nameOf(from: { first_name: string; last_name?: string }): string {
  return [from.first_name, from.last_name].filter(Boolean).join(" ").slice(0, 128);
}

/**
 * Telegram updates → messages, edits, taps and stops of the core. Pure.
 * Ids, never names, decide anything. Each forum topic is a conversation of its own.
 */
import type { Update } from "grammy/types";
import { derivedId } from "../../lib/ids.ts";
import type { InboundMessage, Place } from "../core/index.ts";
import { fileOf } from "./files.ts";
import { type GroupUpdate, readGroupUpdate } from "./groups.ts";
import { quotesOf } from "./quotes.ts";

/** Update kinds that are asked of Telegram. */
export const ALLOWED_UPDATES = [
  "message",
  "edited_message",
  "callback_query",
  "stopped_message_generation",
  "my_chat_member",
] as const;

/** What an update is to us. */
export type Inbound =
  | { kind: "message"; message: InboundMessage }
  /** A person corrected a message of theirs. */
  | { kind: "edit"; message: InboundMessage }
  | { kind: "tap"; tap: Tap }
  /** The native Stop button under a draft. */
  | { kind: "stopped"; stop: Stopped }
  /** The bot was added to a group, or a group got another id. */
  | GroupUpdate
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

/** A press of the native Stop button. Telegram names the chat only: a private one, so its person. */
export interface Stopped {
  conversation: string;
  chat: string;
  draftId: number;
  sender: { id: string; name: string };
  place: Place;
}

/** Bridge id of a bot. */
export const bridgeIdOf = (botId: number): string => `telegram.${botId}`;

/** The draft of a turn (Bot API "sendMessageDraft": `draft_id`, a non-zero integer): the same for the same turn. */
export function draftIdOf(turnId: string): number {
  let value = 0;
  for (const letter of derivedId("d", turnId)) value = (value * 31 + letter.charCodeAt(0)) % 0x7fff_ffff;
  return value || 1;
}

type Message = NonNullable<Update["message"]>;

/** Reads one update; `botName` is the bot's user name, for mentions. */
export function readUpdate(update: Update, botId: number, botName = ""): Inbound {
  const news = readGroupUpdate(update);
  if (news) return news;
  if (update.message) return readMessage("message", update.update_id, update.message, botId, botName);
  if (update.edited_message)
    return readMessage("edit", update.update_id, update.edited_message, botId, botName);
  if (update.callback_query) return readTap(update.callback_query, botId);
  if (update.stopped_message_generation) return readStop(update.stopped_message_generation, botId);
  return { kind: "ignore", reason: "kind of update" };
}

function readMessage(
  kind: "message" | "edit",
  updateId: number,
  message: Message,
  botId: number,
  botName: string,
): Inbound {
  const { chat, from } = message;
  if (!from || from.is_bot) return { kind: "ignore", reason: "no person sent it" };
  if (isServiceMessage(message)) return { kind: "ignore", reason: "service message" };
  const thread = threadOf(message);
  const file = fileOf(message);
  const quotes = quotesOf(message, botId);
  // A forward's text is somebody else's: no command, no words of the sender.
  const text = message.forward_origin ? undefined : (message.text ?? message.caption);
  return {
    kind,
    message: {
      conversation: conversationOf(botId, chat.id, thread),
      bridge: bridgeIdOf(botId),
      updateKey: String(updateId),
      deliver: {
        chat: String(chat.id),
        ...(thread === undefined ? {} : { thread }),
        replyTo: String(message.message_id),
      },
      sender: { id: String(from.id), name: nameOf(from) },
      place: placeOf(chat, isAddressed(message, botId, botName)),
      ...(from.language_code === undefined ? {} : { language: from.language_code }),
      ...(text === undefined ? {} : { text }),
      ...(file === undefined ? {} : { files: [file] }),
      ...(quotes.length === 0 ? {} : { quotes }),
    },
  };
}

/**
 * The forum topic; undefined for its General topic, which is addressed by leaving the parameter out. Outside forums
 * `message_thread_id` names a thread of replies, which is no place of its own.
 */
function threadOf(message: { message_thread_id?: number; is_topic_message?: boolean }): string | undefined {
  const { message_thread_id: thread, is_topic_message: topic } = message;
  return topic === true && thread !== undefined ? String(thread) : undefined;
}

/** It mentions the bot, answers one of its messages, or is a command: Telegram sends others' commands elsewhere. */
function isAddressed(message: Message, botId: number, botName: string): boolean {
  if (message.reply_to_message?.from?.id === botId) return true;
  const text = message.text ?? message.caption ?? "";
  const entities = message.entities ?? message.caption_entities ?? [];
  return entities.some((entity) => {
    const shown = text.slice(entity.offset, entity.offset + entity.length);
    if (entity.type === "mention") return shown.toLowerCase() === `@${botName.toLowerCase()}`;
    if (entity.type === "text_mention") return entity.user.id === botId;
    return entity.type === "bot_command" && entity.offset === 0;
  });
}

/** Things that Telegram writes into a chat by itself. */
function isServiceMessage(message: Message): boolean {
  return (
    message.pinned_message !== undefined ||
    message.message_auto_delete_timer_changed !== undefined ||
    message.forum_topic_created !== undefined ||
    message.forum_topic_edited !== undefined ||
    message.forum_topic_closed !== undefined ||
    message.forum_topic_reopened !== undefined ||
    message.new_chat_members !== undefined ||
    message.left_chat_member !== undefined ||
    message.new_chat_title !== undefined ||
    message.group_chat_created !== undefined ||
    message.supergroup_chat_created !== undefined
  );
}

function readTap(query: NonNullable<Update["callback_query"]>, botId: number): Inbound {
  const { message, from, data } = query;
  if (!message) return { kind: "ignore", reason: "no message of a chat" };
  if (from.is_bot) return { kind: "ignore", reason: "no person pressed it" };
  const keyboard = "reply_markup" in message ? (message.reply_markup?.inline_keyboard ?? []) : [];
  const thread = threadOf(message);
  return {
    kind: "tap",
    tap: {
      id: query.id,
      conversation: conversationOf(botId, message.chat.id, thread),
      chat: String(message.chat.id),
      ...(thread === undefined ? {} : { thread }),
      messageId: String(message.message_id),
      sender: { id: String(from.id), name: nameOf(from) },
      // A press is always addressed to the bot whose button it is.
      place: placeOf(message.chat, true),
      ...(from.language_code === undefined ? {} : { language: from.language_code }),
      data: data ?? "",
      carried: keyboard.flat().flatMap((button) => ("callback_data" in button ? [button.callback_data] : [])),
    },
  };
}

function readStop(stop: NonNullable<Update["stopped_message_generation"]>, botId: number): Inbound {
  const { chat, draft_id, message_thread_id: thread } = stop;
  return {
    kind: "stopped",
    stop: {
      conversation: conversationOf(botId, chat.id, thread === undefined ? undefined : String(thread)),
      chat: String(chat.id),
      draftId: draft_id,
      sender: { id: String(chat.id), name: nameOf(chat) },
      place: placeOf(chat, true),
    },
  };
}

function conversationOf(botId: number, chatId: number, thread: string | undefined): string {
  const chat = `telegram.${botId}.${chatId}`;
  return thread === undefined ? chat : `${chat}.${thread}`;
}

function placeOf(chat: { id: number; type: string; title?: string | undefined }, addressed: boolean): Place {
  if (chat.type === "private") return { kind: "private" };
  return { kind: "group", id: String(chat.id), name: chat.title ?? "", addressed };
}

function nameOf(from: { first_name: string; last_name?: string }): string {
  return [from.first_name, from.last_name].filter(Boolean).join(" ").slice(0, 128);
}

/** Stored things as Bot API objects. */
import type { Entity } from "./entities.ts";
import type { BotState, Chat, StoredMessage } from "./state.ts";
import { visible } from "./state.ts";

/** A chat as it stands in a message. */
export function chatObject(state: BotState, chat: Chat): Record<string, unknown> {
  const { id, type, title, is_forum } = chat;
  if (type !== "private") return { id, type, title, ...(is_forum ? { is_forum } : {}) };
  const user = state.users.get(id);
  return {
    id,
    type,
    first_name: user?.first_name ?? "?",
    ...(user?.username ? { username: user.username } : {}),
  };
}

/** A message as the Bot API gives it. */
export function messageObject(state: BotState, message: StoredMessage): Record<string, unknown> {
  const chat = state.chats.get(message.chatId)!;
  const { text, entities, replyMarkup } = visible(message);
  const reply = message.replyTo === undefined ? undefined : state.find(message.chatId, message.replyTo);
  // One level deep, as the Bot API does.
  const answered = reply && messageObject(state, withoutReply(reply));
  const file = message.file ? state.files.get(message.file.id) : undefined;
  const described = file && {
    file_id: message.file!.id,
    file_unique_id: `u${message.file!.id}`,
    file_size: file.bytes.length,
  };
  return {
    message_id: message.id,
    from: state.users.get(message.from),
    chat: chatObject(state, chat),
    date: message.date,
    ...(message.versions.length > 1 ? { edit_date: Math.floor(visible(message).at / 1000) } : {}),
    ...(message.thread === undefined ? {} : { message_thread_id: message.thread, is_topic_message: true }),
    ...(answered ? { reply_to_message: answered } : {}),
    ...(message.file?.kind === "document" ? { document: { ...described, file_name: file?.name } } : {}),
    ...(message.file?.kind === "photo" ? { photo: [{ ...described, width: 1, height: 1 }] } : {}),
    ...bodyOf(message, text, entities),
    ...(replyMarkup === "" ? {} : { reply_markup: JSON.parse(replyMarkup) as unknown }),
  };
}

function withoutReply({ replyTo: _, ...message }: StoredMessage): StoredMessage {
  return message;
}

function bodyOf(message: StoredMessage, text: string, entities: Entity[]): Record<string, unknown> {
  if (message.file) return text === "" ? {} : { caption: text, caption_entities: entities };
  return { text, ...(entities.length > 0 ? { entities } : {}) };
}

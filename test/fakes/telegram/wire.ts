/** Stored things as Bot API objects. */
import type { Entity } from "./entities.ts";
import type { BotState, Chat, FileKind, StoredMessage } from "./state.ts";
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
    ...(message.forwardOf === undefined
      ? {}
      : {
          forward_origin: {
            type: "user",
            date: message.date,
            sender_user: state.users.get(message.forwardOf),
          },
        }),
    ...(message.album === undefined ? {} : { media_group_id: message.album }),
    ...fileObject(message.file?.kind, described, file?.name),
    ...bodyOf(message, text, entities),
    ...(replyMarkup === "" ? {} : { reply_markup: JSON.parse(replyMarkup) as unknown }),
  };
}

/** A file as each kind of message carries it. */
function fileObject(kind: FileKind | undefined, described: object | undefined, name: string | undefined) {
  switch (kind) {
    case undefined:
      return {};
    case "photo": {
      // Sizes of one picture, the largest last.
      const small = { file_id: "file_thumb", file_unique_id: "uthumb", file_size: 1, width: 1, height: 1 };
      return { photo: [small, { ...described, width: 2, height: 2 }] };
    }
    case "voice":
      return { voice: { ...described, duration: 1, mime_type: "audio/ogg" } };
    case "video_note":
      return { video_note: { ...described, duration: 1, length: 240 } };
    case "video":
      return {
        video: { ...described, duration: 1, width: 2, height: 2, mime_type: "video/mp4", file_name: name },
      };
    case "audio":
      return { audio: { ...described, duration: 1, mime_type: "audio/mpeg", file_name: name } };
    case "document":
      return { document: { ...described, file_name: name, mime_type: "application/octet-stream" } };
  }
}

function withoutReply({ replyTo: _, ...message }: StoredMessage): StoredMessage {
  return message;
}

function bodyOf(message: StoredMessage, text: string, entities: Entity[]): Record<string, unknown> {
  if (message.file) return text === "" ? {} : { caption: text, caption_entities: entities };
  return { text, ...(entities.length > 0 ? { entities } : {}) };
}

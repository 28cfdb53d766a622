/** The Bot API's methods over the fake's state. Each checks everything before it changes anything. */
import type { FakeBot } from "./bot.ts";
import {
  keyboardOf,
  MAX_CAPTION,
  MAX_TEXT,
  parseText,
  requireNoAddress,
  requireNoPreview,
} from "./content.ts";
import { ApiError, badRequest } from "./errors.ts";
import type { Params } from "./params.ts";
import type { Upload } from "./request.ts";
import { type Chat, type StoredMessage, visible } from "./state.ts";
import { chatObject, messageObject } from "./wire.ts";

type Method = (bot: FakeBot, params: Params) => unknown;

const NOT_MODIFIED =
  "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
/** A press that isn't answered by then can't be answered any more (observed: some seconds). */
const CALLBACK_LIFE_MS = 10_000;
const ACTIONS = new Set([
  "typing",
  "upload_photo",
  "record_video",
  "upload_video",
  "record_voice",
  "upload_voice",
  "upload_document",
  "choose_sticker",
  "find_location",
]);

/** Methods that change something visible or answer a question; polling and webhooks are in the server. */
export const METHODS: Readonly<Record<string, Method>> = {
  getMe: ({ state }) => ({
    ...state.me,
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
    // @BotFather's switch for topics in private chats: their threads don't exist without it.
    has_topics_enabled: false,
  }),

  getChat: ({ state }, params) => chatObject(state, state.chatFor(params["chat_id"])),

  sendMessage(bot, params) {
    const chat = bot.state.chatFor(params["chat_id"]);
    requireNoPreview("sendMessage", params);
    const parsed = parseText(params["text"], params, MAX_TEXT, "message is too long");
    if (parsed.text === "") throw badRequest("message text is empty");
    const place = placeOf(bot, chat, params);
    const replyMarkup = keyboardOf(params["reply_markup"]);
    bot.limits.take(chat.id, chat.type !== "private");
    return post(bot, chat, place, { ...parsed, replyMarkup, source: params["text"] });
  },

  editMessageText(bot, params) {
    const message = editable(bot, params);
    requireNoPreview("editMessageText", params);
    if (message.file) throw badRequest("there is no text in the message to edit");
    const parsed = parseText(params["text"], params, MAX_TEXT, "MESSAGE_TOO_LONG");
    if (parsed.text === "") throw badRequest("message text is empty");
    return edit(bot, message, parsed, params, params["text"]);
  },

  editMessageMedia(bot, params) {
    const message = editable(bot, params);
    const media = params["media"] as { type?: string; media?: Upload | string; caption?: string };
    if (media.type !== "document" && media.type !== "photo") throw badRequest("unsupported media type");
    if (media.caption !== undefined) throw badRequest("FAKE: a caption of edited media");
    const upload = media.media ?? "";
    if (media.type === "photo") checkPhoto(upload);
    const id = fileOf(bot, upload);
    bot.limits.take(message.chatId, message.chatId < 0);
    message.file = { id, kind: media.type };
    message.rich = false;
    const replyMarkup = keyboardOf(params["reply_markup"]);
    message.versions.push({ text: "", entities: [], replyMarkup, source: "", at: Date.now() });
    return messageObject(bot.state, message);
  },

  editMessageCaption(bot, params) {
    const message = editable(bot, params);
    if (!message.file) throw badRequest("there is no caption in the message to edit");
    const parsed = parseText(params["caption"] ?? "", params, MAX_CAPTION, "MEDIA_CAPTION_TOO_LONG");
    return edit(bot, message, parsed, params, params["caption"] ?? "");
  },

  editMessageReplyMarkup(bot, params) {
    const message = editable(bot, params);
    const { text, entities, source } = visible(message);
    return edit(bot, message, { text, entities }, params, source);
  },

  deleteMessage(bot, params) {
    const chat = bot.state.chatFor(params["chat_id"]);
    const message = bot.state.find(chat.id, params["message_id"]);
    if (!message) throw badRequest("message to delete not found");
    message.deleted = true;
    return true;
  },

  sendChatAction(bot, params) {
    const chat = bot.state.chatFor(params["chat_id"]);
    if (!ACTIONS.has(params["action"])) throw badRequest("wrong parameter action in request");
    threadOf(chat, params);
    bot.state.actions.push({ chatId: chat.id, action: params["action"], at: Date.now() });
    return true;
  },

  sendMessageDraft(bot, params) {
    const text = params["text"] ?? "";
    const parsed = parseText(text, params, MAX_TEXT, "message is too long");
    requireNoAddress("sendMessageDraft", parsed);
    return draft(bot, params, parsed.text);
  },

  sendRichMessageDraft: (bot, params) => draft(bot, params, richText(params)),

  sendRichMessage(bot, params) {
    const chat = bot.state.chatFor(params["chat_id"]);
    const text = richText(params);
    const place = placeOf(bot, chat, params);
    const replyMarkup = keyboardOf(params["reply_markup"]);
    bot.limits.take(chat.id, chat.type !== "private");
    return post(bot, chat, place, { text, entities: [], replyMarkup, source: text }, { rich: true });
  },

  sendDocument: (bot, params) => sendFile(bot, params, "document"),
  sendPhoto: (bot, params) => sendFile(bot, params, "photo"),

  getFile({ state }, params) {
    const file = state.files.get(params["file_id"]);
    if (!file) throw badRequest("wrong file_id or the file is temporarily unavailable");
    if (file.bytes.length > 20 * 1024 * 1024) throw badRequest("file is too big");
    const { file_id } = params;
    return { file_id, file_unique_id: `u${file_id}`, file_size: file.bytes.length, file_path: file.path };
  },

  answerCallbackQuery({ state }, params) {
    const query = state.callbacks.get(params["callback_query_id"]);
    if (!query || query.answered || Date.now() - query.at > CALLBACK_LIFE_MS) {
      throw badRequest("query is too old and response timeout expired or query ID is invalid");
    }
    if ((params["text"] ?? "").length > 200) throw badRequest("MESSAGE_TOO_LONG");
    query.answered = true;
    query.answeredAt = Date.now();
    query.text = params["text"] ?? "";
    return true;
  },

  setMyCommands({ state }, params) {
    const commands = params["commands"] as { command: string; description: string }[];
    if (!Array.isArray(commands) || commands.length > 100) throw badRequest("too many commands");
    for (const { command, description } of commands) {
      if (!/^[a-z0-9_]{1,32}$/.test(command)) throw badRequest("BOT_COMMAND_INVALID");
      if (typeof description !== "string" || description.length < 1 || description.length > 256) {
        throw badRequest("BOT_COMMAND_DESCRIPTION_INVALID");
      }
    }
    state.commands.set(scopeKey(params), commands);
    return true;
  },
  getMyCommands: ({ state }, params) => state.commands.get(scopeKey(params)) ?? [],
  deleteMyCommands: ({ state }, params) => {
    state.commands.delete(scopeKey(params));
    return true;
  },
};

function scopeKey(params: Params): string {
  return `${params["scope"]?.type ?? "default"}:${params["scope"]?.chat_id ?? ""}:${params["language_code"] ?? ""}`;
}

interface Place {
  thread?: number;
  replyTo?: number;
}

/** Thread and answered message, both checked. */
function placeOf(bot: FakeBot, chat: Chat, params: Params): Place {
  const thread = threadOf(chat, params);
  const reply = params["reply_parameters"] as
    | { message_id?: number; allow_sending_without_reply?: boolean }
    | undefined;
  const place: Place = thread === undefined ? {} : { thread };
  if (!reply) return place;
  if (bot.state.find(chat.id, reply.message_id ?? 0)) return { ...place, replyTo: reply.message_id! };
  if (reply.allow_sending_without_reply) return place;
  throw badRequest("message to be replied not found");
}

/** A forum's General topic has id 1 but is addressed by leaving the parameter out. */
function threadOf(chat: Chat, params: Params): number | undefined {
  const thread = params["message_thread_id"] as number | undefined;
  if (thread === undefined) return undefined;
  if (!chat.threads.has(thread)) throw badRequest("message thread not found");
  return thread;
}

function post(
  bot: FakeBot,
  chat: Chat,
  place: Place,
  version: {
    text: string;
    entities: StoredMessage["versions"][number]["entities"];
    replyMarkup: string;
    source: string;
  },
  extra: Pick<Partial<StoredMessage>, "rich" | "file"> = {},
): unknown {
  const { state } = bot;
  const message = state.add({ chatId: chat.id, from: state.me.id, ...place, version, ...extra });
  // A message ends the preview and the typing signal.
  state.drafts.splice(0, state.drafts.length, ...state.drafts.filter((shown) => shown.chatId !== chat.id));
  return messageObject(state, message);
}

function editable(bot: FakeBot, params: Params): StoredMessage {
  const chat = bot.state.chatFor(params["chat_id"]);
  const message = bot.state.find(chat.id, params["message_id"]);
  if (!message) throw badRequest("message to edit not found");
  if (message.from !== bot.state.me.id) throw badRequest("message can't be edited");
  return message;
}

function edit(
  bot: FakeBot,
  message: StoredMessage,
  parsed: { text: string; entities: StoredMessage["versions"][number]["entities"] },
  params: Params,
  source: string,
): unknown {
  const replyMarkup = keyboardOf(params["reply_markup"]);
  const before = visible(message);
  const same =
    before.text === parsed.text &&
    before.replyMarkup === replyMarkup &&
    JSON.stringify(before.entities) === JSON.stringify(parsed.entities);
  if (same) throw badRequest(NOT_MODIFIED);
  bot.limits.take(message.chatId, message.chatId < 0);
  // A plain edit of a rich message destroys it (reference/chat-platforms.md §2).
  message.rich = false;
  message.versions.push({ ...parsed, replyMarkup, source, at: Date.now() });
  return messageObject(bot.state, message);
}

function draft(bot: FakeBot, params: Params, text: string): true {
  const chat = bot.state.chatFor(params["chat_id"]);
  if (chat.type !== "private") throw badRequest("message drafts can be sent only to private chats");
  if (params["draft_id"] === 0) throw badRequest("draft_id must be non-zero");
  threadOf(chat, params);
  const { state } = bot;
  const rest = state.drafts.filter((shown) => shown.chatId !== chat.id);
  const next = {
    chatId: chat.id,
    draftId: params["draft_id"],
    text,
    canStop: params["can_stop"] === true,
    ...(params["message_thread_id"] === undefined ? {} : { thread: params["message_thread_id"] as number }),
    at: Date.now(),
  };
  state.drafts.splice(0, state.drafts.length, ...rest, next);
  state.draftHistory.push(next);
  return true;
}

function richText(params: Params): string {
  const rich = params["rich_message"] as { html?: unknown; markdown?: unknown; blocks?: unknown };
  const given = [rich.html, rich.markdown, rich.blocks].filter((value) => value !== undefined);
  if (given.length !== 1) throw badRequest("exactly one of html, markdown and blocks must be specified");
  const text = typeof given[0] === "string" ? given[0] : JSON.stringify(given[0]);
  if (text.trim() === "") throw badRequest("message text is empty");
  return text;
}

function sendFile(bot: FakeBot, params: Params, kind: "document" | "photo"): unknown {
  const chat = bot.state.chatFor(params["chat_id"]);
  const parsed = parseText(params["caption"] ?? "", params, MAX_CAPTION, "message caption is too long");
  const place = placeOf(bot, chat, params);
  const replyMarkup = keyboardOf(params["reply_markup"]);
  const id = fileOf(bot, params[kind] as Upload | string);
  bot.limits.take(chat.id, chat.type !== "private");
  return post(
    bot,
    chat,
    place,
    { ...parsed, replyMarkup, source: params["caption"] ?? "" },
    { file: { id, kind } },
  );
}

/** Bot API "sendPhoto": at most 10 MB, and it has to be a picture; other things are refused in these words. */
function checkPhoto(given: Upload | string): void {
  if (typeof given === "string") return;
  if (given.bytes.length > 10_000_000) throw badRequest("PHOTO_SAVE_FILE_INVALID");
  const head = given.bytes.subarray(0, 4).toString("latin1");
  if (!/^(\xff\xd8\xff|\x89PNG|RIFF)/.test(head)) throw badRequest("IMAGE_PROCESS_FAILED");
}

function fileOf(bot: FakeBot, given: Upload | string): string {
  if (typeof given !== "string") {
    if (given.bytes.length === 0) throw badRequest("file must be non-empty");
    if (given.bytes.length > 50_000_000) throw new ApiError(413, "Request Entity Too Large");
    return bot.state.keep(given);
  }
  // Not Telegram's rule but ours: a URL would make Telegram fetch it.
  if (/^https?:/i.test(given)) throw badRequest("FAKE: media sent by URL");
  if (!bot.state.files.has(given)) throw badRequest("wrong file identifier/HTTP URL specified");
  return given;
}

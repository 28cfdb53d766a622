/**
 * Methods and parameters that the fake knows, with their types. Anything else is an error: a misspelt parameter that
 * Telegram would ignore silently must not pass a test.
 */
import { ApiError, badRequest } from "./errors.ts";
import type { Upload } from "./request.ts";

type Kind = "int" | "string" | "bool" | "chat" | "json" | "file";

const SEND = {
  chat_id: "chat",
  message_thread_id: "int",
  disable_notification: "bool",
  protect_content: "bool",
  reply_parameters: "json",
  reply_markup: "json",
} as const satisfies Record<string, Kind>;
const TEXT = {
  text: "string",
  parse_mode: "string",
  entities: "json",
  link_preview_options: "json",
} as const satisfies Record<string, Kind>;
const CAPTION = {
  caption: "string",
  parse_mode: "string",
  caption_entities: "json",
} as const satisfies Record<string, Kind>;
const DRAFT = {
  chat_id: "int",
  message_thread_id: "int",
  draft_id: "int",
  can_stop: "bool",
  keep_on_stop: "bool",
} as const satisfies Record<string, Kind>;

/** Every known method and its parameters. */
const METHODS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  getMe: {},
  getUpdates: { offset: "int", limit: "int", timeout: "int", allowed_updates: "json" },
  setWebhook: {
    url: "string",
    secret_token: "string",
    max_connections: "int",
    allowed_updates: "json",
    drop_pending_updates: "bool",
  },
  deleteWebhook: { drop_pending_updates: "bool" },
  getWebhookInfo: {},
  setMyCommands: { commands: "json", scope: "json", language_code: "string" },
  getMyCommands: { scope: "json", language_code: "string" },
  deleteMyCommands: { scope: "json", language_code: "string" },
  sendMessage: { ...SEND, ...TEXT },
  editMessageText: { chat_id: "chat", message_id: "int", reply_markup: "json", ...TEXT },
  editMessageReplyMarkup: { chat_id: "chat", message_id: "int", reply_markup: "json" },
  editMessageMedia: { chat_id: "chat", message_id: "int", media: "json", reply_markup: "json" },
  editMessageCaption: { chat_id: "chat", message_id: "int", reply_markup: "json", ...CAPTION },
  deleteMessage: { chat_id: "chat", message_id: "int" },
  sendChatAction: { chat_id: "chat", message_thread_id: "int", action: "string" },
  sendMessageDraft: { ...DRAFT, text: "string", parse_mode: "string", entities: "json" },
  sendRichMessageDraft: { ...DRAFT, rich_message: "json" },
  sendRichMessage: { ...SEND, rich_message: "json" },
  sendDocument: { ...SEND, ...CAPTION, document: "file" },
  sendPhoto: { ...SEND, ...CAPTION, photo: "file" },
  getFile: { file_id: "string" },
  answerCallbackQuery: {
    callback_query_id: "string",
    text: "string",
    show_alert: "bool",
    cache_time: "int",
    url: "string",
  },
  getChat: { chat_id: "chat" },
};

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  sendMessage: ["chat_id", "text"],
  editMessageText: ["chat_id", "message_id", "text"],
  editMessageReplyMarkup: ["chat_id", "message_id"],
  editMessageMedia: ["chat_id", "message_id", "media"],
  editMessageCaption: ["chat_id", "message_id"],
  deleteMessage: ["chat_id", "message_id"],
  sendChatAction: ["chat_id", "action"],
  sendMessageDraft: ["chat_id", "draft_id"],
  sendRichMessageDraft: ["chat_id", "draft_id", "rich_message"],
  sendRichMessage: ["chat_id", "rich_message"],
  sendDocument: ["chat_id", "document"],
  sendPhoto: ["chat_id", "photo"],
  getFile: ["file_id"],
  answerCallbackQuery: ["callback_query_id"],
  setMyCommands: ["commands"],
  setWebhook: ["url"],
  getChat: ["chat_id"],
};

/** Checked parameters; numbers are numbers, JSON is parsed. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is the method's own; each method reads what it knows
export type Params = Record<string, any>;

/** Checks a request's parameters or throws Telegram's error. */
export function checkParams(method: string, raw: Record<string, unknown>): Params {
  const known = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  if (!known) throw new ApiError(404, "Not Found: method not found");
  const params: Params = {};
  for (const [name, value] of Object.entries(raw)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!kind) throw badRequest(`FAKE: unknown parameter "${name}" of ${method}`);
    if (value === undefined || value === null) continue;
    params[name] = convert(method, name, kind, value);
  }
  for (const name of REQUIRED[method] ?? []) {
    if (params[name] !== undefined) continue;
    if (name === "chat_id") throw badRequest("chat_id is empty");
    if (name === "text") throw badRequest("message text is empty");
    if (name === "message_id") throw badRequest("message identifier is not specified");
    throw badRequest(`parameter "${name}" is required`);
  }
  return params;
}

function convert(method: string, name: string, kind: Kind, value: unknown): unknown {
  switch (kind) {
    case "int": {
      const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
      if (!Number.isSafeInteger(number))
        throw badRequest(`parameter "${name}" of ${method} must be an integer`);
      return number;
    }
    case "chat":
      if (/^-?\d+$/.test(String(value))) return Number(value);
      if (typeof value === "string" && value.startsWith("@")) return value;
      throw badRequest("chat not found");
    case "bool":
      if (value === true || value === "true" || value === "True") return true;
      if (value === false || value === "false" || value === "False") return false;
      throw badRequest(`parameter "${name}" of ${method} must be a boolean`);
    case "string":
      if (typeof value !== "string") throw badRequest(`parameter "${name}" of ${method} must be a string`);
      if (!value.isWellFormed()) throw badRequest("strings must be encoded in UTF-8");
      return value;
    case "json":
      if (typeof value !== "string") return value;
      try {
        return JSON.parse(value);
      } catch {
        throw badRequest(`can't parse ${name} JSON object`);
      }
    case "file":
      return value as Upload | string;
  }
}

/** What the fake remembers: people, chats, messages with everything they ever said, files. */
import { createHash } from "node:crypto";
import type { Entity } from "./entities.ts";
import { ApiError, badRequest, forbidden } from "./errors.ts";
import type { Upload } from "./request.ts";

/** A person. */
export interface User {
  id: number;
  is_bot: boolean;
  first_name: string;
  last_name?: string;
  username?: string;
  language_code?: string;
}

/** A chat; a private chat has its person's id. */
export interface Chat {
  id: number;
  type: "private" | "group" | "supergroup";
  title?: string;
  is_forum?: boolean;
  threads: Set<number>;
  /** The person blocked the bot, or the bot was kicked. */
  blocked: boolean;
  /** The supergroup that it has become. */
  movedTo?: number;
}

/** One state of a message's content. */
export interface Version {
  text: string;
  entities: Entity[];
  replyMarkup: string;
  at: number;
  /** The source as it was sent, for looking at markup. */
  source: string;
}

/** What a file is shown as. */
export type FileKind = "document" | "photo" | "voice" | "video_note" | "video" | "audio";

/** A message with its whole history; the last version is what is visible. */
export interface StoredMessage {
  id: number;
  chatId: number;
  from: number;
  date: number;
  thread?: number;
  replyTo?: number;
  /** Who wrote it first, where it was forwarded. */
  forwardOf?: number;
  versions: Version[];
  deleted: boolean;
  rich: boolean;
  file?: { id: string; kind: FileKind };
  /** Files of one album have it in common. */
  album?: string;
}

/** A preview in a private chat. */
export interface Draft {
  chatId: number;
  draftId: number;
  thread?: number;
  text: string;
  canStop: boolean;
  at: number;
}

/** All of it for one bot. */
export class BotState {
  readonly me: User;
  readonly users = new Map<number, User>();
  readonly chats = new Map<number, Chat>();
  readonly messages: StoredMessage[] = [];
  readonly files = new Map<string, Upload & { path: string }>();
  readonly drafts: Draft[] = [];
  /** Every draft that was ever shown, oldest first. */
  readonly draftHistory: Draft[] = [];
  readonly actions: { chatId: number; action: string; at: number }[] = [];
  readonly callbacks = new Map<
    string,
    { answered: boolean; text: string; chatId: number; messageId: number; at: number; answeredAt: number }
  >();
  readonly commands = new Map<string, unknown>();
  private lastMessageId = 100;
  private lastFile = 0;

  constructor(me: User) {
    this.me = me;
    this.users.set(me.id, me);
  }

  /** A chat that the bot may write to, or Telegram's error. */
  chatFor(chatId: number | string): Chat {
    const chat = typeof chatId === "number" ? this.chats.get(chatId) : undefined;
    if (!chat) throw badRequest("chat not found");
    if (chat.movedTo !== undefined)
      throw new ApiError(400, "Bad Request: group chat was upgraded to a supergroup chat", {
        migrate_to_chat_id: chat.movedTo,
      });
    if (chat.blocked)
      throw forbidden(
        chat.type === "private" ? "bot was blocked by the user" : "bot was kicked from the group chat",
      );
    return chat;
  }

  /** Adds a message by anybody. */
  add(
    message: Omit<StoredMessage, "id" | "date" | "versions" | "deleted" | "rich"> & {
      version: Omit<Version, "at">;
      rich?: boolean;
    },
  ): StoredMessage {
    const { version, rich = false, ...rest } = message;
    this.lastMessageId += 1;
    const stored: StoredMessage = {
      ...rest,
      id: this.lastMessageId,
      date: Math.floor(Date.now() / 1000),
      versions: [{ ...version, at: Date.now() }],
      deleted: false,
      rich,
    };
    this.messages.push(stored);
    return stored;
  }

  /** A message that exists. */
  find(chatId: number, id: number): StoredMessage | undefined {
    return this.messages.find(
      (message) => message.chatId === chatId && message.id === id && !message.deleted,
    );
  }

  /** Keeps a file; the same bytes come back by getFile and download. */
  keep(upload: Upload): string {
    this.lastFile += 1;
    const id = `file_${this.lastFile}_${createHash("sha256").update(upload.bytes).digest("hex").slice(0, 16)}`;
    this.files.set(id, { ...upload, path: `documents/${this.lastFile}_${encodeURIComponent(upload.name)}` });
    return id;
  }
}

/** The visible content of a message. */
export function visible(message: StoredMessage): Version {
  return message.versions.at(-1)!;
}

/**
 * One bot on the fake: its state, queue, limits and troubles, and what people do to it.
 * Everything here is what a test calls (in process or by `/control`); nothing here is reachable with a bot token.
 */
import { type Fault, Faults } from "./faults.ts";
import { FloodLimits, type LimitOptions } from "./limits.ts";
import { BotState, type Chat, type FileKind, type StoredMessage, type User, visible } from "./state.ts";
import { UpdateQueue } from "./updates.ts";
import { chatObject, messageObject } from "./wire.ts";

/** A message as a person sees it. */
export interface SeenMessage {
  id: number;
  from: "bot" | "user";
  userId: number;
  text: string;
  entities: StoredMessage["versions"][number]["entities"];
  buttons: { text: string; data: string }[];
  replyTo: number | undefined;
  thread: number | undefined;
  file: { name: string; base64: string } | undefined;
  rich: boolean;
  /** Everything it ever said, oldest first; the last is `text`. */
  history: string[];
  /** The markup of the last version as it was sent. */
  source: string;
}

/** One call of the Bot API and what became of it. */
export interface Call {
  method: string;
  params: Record<string, unknown>;
  at: number;
  /** `ok`, an error's wording, or the ordered trouble. */
  outcome: string;
  fault: string;
}

/** See the module's header. */
export class FakeBot {
  readonly token: string;
  readonly state: BotState;
  readonly updates = new UpdateQueue();
  readonly limits: FloodLimits;
  readonly faults = new Faults();
  readonly calls: Call[] = [];
  private lastCallback = 0;
  private lastAlbum = 0;

  constructor(token: string, me: User, limits: LimitOptions) {
    this.token = token;
    this.state = new BotState(me);
    this.limits = new FloodLimits(limits);
  }

  /** Makes a person known; a private chat begins with their first message. */
  addUser(user: { id: number; first_name?: string; username?: string; language_code?: string }): User {
    const full = { is_bot: false, first_name: `User${user.id}`, ...user };
    this.state.users.set(user.id, full);
    return full;
  }

  /** A group, supergroup or forum with the bot in it. */
  addGroup(group: { id: number; title?: string; is_forum?: boolean; threads?: number[] }): void {
    const { id, title = "Group", is_forum = false, threads = [] } = group;
    const type = is_forum ? "supergroup" : "group";
    this.state.chats.set(id, { id, type, title, is_forum, threads: new Set(threads), blocked: false });
  }

  /** A person adds the bot to a group. */
  addedBy(userId: number, chatId: number): number {
    const [chat, user] = [this.state.chats.get(chatId)!, this.state.me];
    return this.updates.push("my_chat_member", {
      chat: chatObject(this.state, chat),
      from: this.state.users.get(userId),
      date: Math.floor(Date.now() / 1000),
      old_chat_member: { status: "left", user },
      new_chat_member: { status: "member", user },
    });
  }

  /** A group becomes a supergroup with another id; told in both chats, messages stay behind. */
  migrate(from: number, to: number, by: number): void {
    const chat = this.state.chats.get(from)!;
    const target: Chat = { ...chat, id: to, type: "supergroup", threads: new Set() };
    this.state.chats.set(to, target);
    chat.movedTo = to;
    const base = { from: this.state.users.get(by), date: Math.floor(Date.now() / 1000) };
    this.updates.push("message", {
      ...{ ...base, message_id: 1, chat: chatObject(this.state, target), migrate_from_chat_id: from },
    });
    this.updates.push("message", {
      ...{ ...base, message_id: 9_000_001, chat: chatObject(this.state, chat), migrate_to_chat_id: to },
    });
  }

  /** A person writes to the bot, or in a group. */
  say(
    userId: number,
    text: string,
    where: { chat?: number; thread?: number; replyTo?: number } = {},
  ): { messageId: number; updateId: number } {
    const chat = this.chatOf(userId, where.chat);
    const message = this.state.add({
      chatId: chat.id,
      from: userId,
      ...(where.thread === undefined ? {} : { thread: where.thread }),
      ...(where.replyTo === undefined ? {} : { replyTo: where.replyTo }),
      version: { text, entities: entitiesIn(text), replyMarkup: "", source: text },
    });
    return {
      messageId: message.id,
      updateId: this.updates.push("message", messageObject(this.state, message)),
    };
  }

  /** A person sends a file. */
  sayFile(
    userId: number,
    file: { name: string; base64: string; kind?: FileKind; caption?: string; album?: string },
    where: { chat?: number; thread?: number } = {},
  ): { messageId: number; updateId: number } {
    const chat = this.chatOf(userId, where.chat);
    const id = this.state.keep({ name: file.name, bytes: Buffer.from(file.base64, "base64") });
    const text = file.caption ?? "";
    const version = { text, entities: [], replyMarkup: "", source: text };
    const message = this.state.add({
      chatId: chat.id,
      from: userId,
      version,
      ...(where.thread === undefined ? {} : { thread: where.thread }),
      ...(file.album === undefined ? {} : { album: file.album }),
      file: { id, kind: file.kind ?? "document" },
    });
    return {
      messageId: message.id,
      updateId: this.updates.push("message", messageObject(this.state, message)),
    };
  }

  /** A person sends an album: one message per file, all at once; the first may have the caption. */
  sayAlbum(
    userId: number,
    files: { name: string; base64: string; kind?: FileKind; caption?: string }[],
    where: { chat?: number; thread?: number } = {},
  ): { messageIds: number[] } {
    if (files.length < 2 || files.length > 10) throw new Error("an album has 2 to 10 files");
    this.lastAlbum += 1;
    const album = `1390000000000${this.lastAlbum}`;
    return { messageIds: files.map((file) => this.sayFile(userId, { ...file, album }, where).messageId) };
  }

  /** A person edits what they wrote. */
  editOwn(chatId: number, messageId: number, text: string): number {
    const message = this.mustFind(chatId, messageId);
    message.versions.push({
      text,
      entities: commandEntities(text),
      replyMarkup: "",
      source: text,
      at: Date.now(),
    });
    return this.updates.push("edited_message", messageObject(this.state, message));
  }

  /**
   * A person presses a button, by its label or, as a forger would, with any data. `stale`: as the message stood when it
   * had that button last, since the presser's client is behind.
   */
  press(
    userId: number,
    chatId: number,
    messageId: number,
    button: { label?: string; data?: string; stale?: boolean },
  ): { callbackId: string; updateId: number } {
    const message = this.mustFind(chatId, messageId);
    if (!this.state.users.has(userId)) this.addUser({ id: userId });
    const versions = button.stale ? [...message.versions].reverse() : [visible(message)];
    const labelled = versions
      .flatMap((version) => buttonsIn(version.replyMarkup))
      .find(({ text }) => text === button.label);
    const data = button.data ?? labelled?.data;
    if (data === undefined) throw new Error(`message ${messageId} has no button "${button.label}"`);
    // Clients can't send more either: MTProto "messages.getBotCallbackAnswer".
    if (Buffer.byteLength(data) > 64) throw new Error("callback data has at most 64 bytes");
    this.lastCallback += 1;
    const callbackId = `cb${this.lastCallback}`;
    const pressed = { answered: false, text: "", chatId, messageId, at: Date.now(), answeredAt: 0 };
    this.state.callbacks.set(callbackId, pressed);
    const from = this.state.users.get(userId);
    const query = {
      id: callbackId,
      from,
      chat_instance: String(chatId),
      data,
      message: messageObject(this.state, message),
    };
    return { callbackId, updateId: this.updates.push("callback_query", query) };
  }

  /** What the presser was shown; undefined while the spinner turns. */
  callbackAnswer(callbackId: string): string | undefined {
    const query = this.state.callbacks.get(callbackId);
    return query?.answered ? query.text : undefined;
  }

  /** How long the presser saw a spinner, in ms; undefined while it turns. */
  callbackDelay(callbackId: string): number | undefined {
    const query = this.state.callbacks.get(callbackId);
    return query?.answered ? query.answeredAt - query.at : undefined;
  }

  /** A person forwards a message to a chat of theirs: the text goes, the buttons stay behind. */
  forward(userId: number, fromChat: number, messageId: number, chat?: number): { messageId: number } {
    const original = this.mustFind(fromChat, messageId);
    const { text, entities, source } = visible(original);
    const copy = this.state.add({
      forwardOf: original.forwardOf ?? original.from,
      chatId: this.chatOf(userId, chat).id,
      from: userId,
      version: { text, entities, replyMarkup: "", source },
    });
    this.updates.push("message", messageObject(this.state, copy));
    return { messageId: copy.id };
  }

  /** The native Stop button of a draft. */
  pressStop(chatId: number): number {
    const shown = this.state.drafts.find((draft) => draft.chatId === chatId && !hasFaded(draft.at));
    if (!shown?.canStop) throw new Error("no draft with a stop button");
    const chat = chatObject(this.state, this.state.chats.get(chatId)!);
    const thread = shown.thread === undefined ? {} : { message_thread_id: shown.thread };
    this.state.drafts.splice(this.state.drafts.indexOf(shown), 1);
    return this.updates.push("stopped_message_generation", { chat, ...thread, draft_id: shown.draftId });
  }

  /** The person blocks the bot, or lets it in again. */
  block(chatId: number, blocked = true): void {
    this.state.chats.get(chatId)!.blocked = blocked;
  }

  /** The person deletes a message for both sides. */
  deleteForBoth(chatId: number, messageId: number): void {
    this.mustFind(chatId, messageId).deleted = true;
  }

  /** Visible messages of a chat, oldest first. */
  messages(chatId: number): SeenMessage[] {
    return this.state.messages.filter((m) => m.chatId === chatId && !m.deleted).map((m) => this.seen(m));
  }

  /** Visible messages of the bot in a chat. */
  fromBot(chatId: number): SeenMessage[] {
    return this.messages(chatId).filter((message) => message.from === "bot");
  }

  /** The preview that a private chat shows now; it fades after 30 s. */
  draft(chatId: number): { draftId: number; text: string } | undefined {
    return this.state.drafts.find((draft) => draft.chatId === chatId && !hasFaded(draft.at));
  }

  /** Everything that drafts in a chat ever showed, oldest first. */
  draftsOf(chatId: number): { draftId: number; text: string; at: number }[] {
    return this.state.draftHistory.filter((draft) => draft.chatId === chatId);
  }

  /** How often the bot showed "typing" in a chat. */
  typingCount(chatId: number): number {
    return this.state.actions.filter((action) => action.chatId === chatId && action.action === "typing")
      .length;
  }

  /** Whether the chat shows "typing" now: for 5 s, or until the bot's next message. */
  typing(chatId: number): boolean {
    const { me, messages } = this.state;
    const last = messages.findLast((one) => one.chatId === chatId && one.from === me.id);
    const said = last?.versions[0]?.at ?? 0;
    return this.state.actions.some(
      (one) =>
        one.chatId === chatId && one.action === "typing" && one.at >= said && Date.now() - one.at < 5_000,
    );
  }

  /** Orders a trouble. */
  fault(fault: Fault): void {
    this.faults.add(fault);
  }

  /** Forgets ordered troubles; returns how many never came. */
  clearFaults(): number {
    return this.faults.clear();
  }

  /** Calls so far, perhaps of one method. */
  callsOf(method?: string): Call[] {
    return this.calls.filter((call) => method === undefined || call.method === method);
  }

  /** Registered commands of a scope and language ("" = everybody else's). */
  commandsOf(scope = "default", language = ""): unknown {
    return this.state.commands.get(`${scope}::${language}`);
  }

  /** Updates that the bot has not confirmed. */
  unconfirmed(): number {
    return this.updates.pending.length;
  }

  private seen(message: StoredMessage): SeenMessage {
    const { text, entities, source } = visible(message);
    const file = message.file ? this.state.files.get(message.file.id) : undefined;
    return {
      id: message.id,
      from: message.from === this.state.me.id ? "bot" : "user",
      userId: message.from,
      text,
      entities,
      buttons: buttonsOf(message),
      replyTo: message.replyTo,
      thread: message.thread,
      file: file ? { name: file.name, base64: file.bytes.toString("base64") } : undefined,
      rich: message.rich,
      history: message.versions.map((version) => version.text),
      source,
    };
  }

  private chatOf(userId: number, chatId = userId): Chat {
    if (!this.state.users.has(userId)) this.addUser({ id: userId });
    let chat = this.state.chats.get(chatId);
    if (!chat && chatId === userId) {
      chat = { id: chatId, type: "private", threads: new Set(), blocked: false };
      this.state.chats.set(chatId, chat);
    }
    if (!chat) throw new Error(`no chat ${chatId}`);
    return chat;
  }

  private mustFind(chatId: number, messageId: number): StoredMessage {
    const message = this.state.find(chatId, messageId);
    if (!message) throw new Error(`no message ${messageId} in chat ${chatId}`);
    return message;
  }
}

/** Bot API "sendMessageDraft": a temporary 30-second preview. */
const hasFaded = (at: number) => Date.now() - at >= 30_000;

function buttonsOf(message: StoredMessage): { text: string; data: string }[] {
  return buttonsIn(visible(message).replyMarkup);
}

function buttonsIn(replyMarkup: string): { text: string; data: string }[] {
  if (replyMarkup === "") return [];
  const { inline_keyboard } = JSON.parse(replyMarkup) as {
    inline_keyboard: { text: string; callback_data?: string }[][];
  };
  return inline_keyboard.flat().map(({ text, callback_data }) => ({ text, data: callback_data ?? "" }));
}

/** What Telegram marks in what a person writes. */
function entitiesIn(text: string): { type: string; offset: number; length: number }[] {
  const mentions = [...text.matchAll(/(?<![\w@])@\w{3,32}/g)].map((match) => ({
    ...{ type: "mention", offset: match.index, length: match[0].length },
  }));
  return [...commandEntities(text), ...mentions];
}

function commandEntities(text: string): { type: string; offset: number; length: number }[] {
  const command = /^\/[A-Za-z0-9_]+(@\w+)?/.exec(text)?.[0];
  return command ? [{ type: "bot_command", offset: 0, length: command.length }] : [];
}

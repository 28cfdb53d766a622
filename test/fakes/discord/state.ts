/** What the fake remembers: people, guilds, channels, messages with everything they ever said, files, commands. */
import type { Component } from "./components.ts";
import { cannotSendToUser, missingAccess, unknownChannel } from "./errors.ts";
import type { Upload } from "./request.ts";
import { snowflake } from "./snowflake.ts";

/** A person or bot. */
export interface User {
  id: string;
  username: string;
  global_name: string | null;
  discriminator: string;
  avatar: string | null;
  bot: boolean;
}

/** `dm`: with one person. `text`: a guild's channel. `thread`: below one. */
export interface Channel {
  id: string;
  kind: "dm" | "text" | "thread";
  name: string;
  guild?: string;
  parent?: string;
  /** Of a DM: the person. */
  recipient?: string;
  archived: boolean;
  locked: boolean;
  /** The bot may not see it, or the person doesn't take its messages. */
  closed: boolean;
  lastMessage: string | null;
}

/** One state of a message's content. */
export interface Version {
  content: string;
  components: Component[];
  flags: number;
  at: number;
}

/** A file of a message. */
export interface Attachment {
  id: string;
  filename: string;
  size: number;
  url: string;
  content_type?: string;
}

/** A message with its whole history; the last version is what is visible. */
export interface StoredMessage {
  id: string;
  channel: string;
  author: string;
  nonce: string | undefined;
  replyTo: string | undefined;
  mentions: string[];
  attachments: Attachment[];
  /** A forward: what it shows of another message. */
  snapshot?: { content: string; attachments: Attachment[] };
  versions: Version[];
  deleted: boolean;
  /** Only this person sees it. */
  ephemeralFor: string | undefined;
  /** The interaction that it answers. */
  interaction: string | undefined;
}

/** Flags of messages. */
export const FLAGS = { suppressEmbeds: 1 << 2, ephemeral: 1 << 6, loading: 1 << 7, v2: 1 << 15 } as const;

/** All of it for one bot. */
export class DiscordState {
  readonly me: User;
  readonly users = new Map<string, User>();
  readonly guilds = new Map<string, { id: string; name: string; channels: string[] }>();
  readonly channels = new Map<string, Channel>();
  readonly messages = new Map<string, StoredMessage[]>();
  readonly files = new Map<string, Upload>();
  readonly typing: { channel: string; at: number }[] = [];
  /** Registered slash commands, and how often they were written. */
  commands: Record<string, unknown>[] = [];
  commandWrites = 0;

  constructor(me: User) {
    this.me = me;
    this.users.set(me.id, me);
  }

  /** A channel that the bot may use, or Discord's error. */
  channelFor(id: string): Channel {
    const channel = this.channels.get(id);
    if (!channel) throw unknownChannel();
    if (channel.closed && channel.kind !== "dm") throw missingAccess();
    return channel;
  }

  /** The same, to write into it. */
  writable(id: string): Channel {
    const channel = this.channelFor(id);
    if (channel.closed) throw cannotSendToUser();
    return channel;
  }

  /** The DM with a person, made on first use. */
  dmOf(user: string): Channel {
    const known = [...this.channels.values()].find((one) => one.kind === "dm" && one.recipient === user);
    return known ?? this.addChannel({ kind: "dm", name: "", recipient: user });
  }

  /** Adds a channel. */
  addChannel(facts: Pick<Channel, "kind" | "name"> & Partial<Channel>): Channel {
    const channel: Channel = {
      id: snowflake(),
      archived: false,
      locked: false,
      closed: false,
      lastMessage: null,
      ...facts,
    };
    this.channels.set(channel.id, channel);
    if (channel.guild !== undefined) this.guilds.get(channel.guild)?.channels.push(channel.id);
    return channel;
  }

  /** Adds a message by anybody. */
  add(
    facts: Pick<StoredMessage, "channel" | "author"> &
      Partial<StoredMessage> & { version: Omit<Version, "at"> },
  ): StoredMessage {
    const { version, ...rest } = facts;
    const message: StoredMessage = {
      id: snowflake(),
      nonce: undefined,
      replyTo: undefined,
      mentions: [],
      attachments: [],
      deleted: false,
      ephemeralFor: undefined,
      interaction: undefined,
      ...rest,
      versions: [{ ...version, at: Date.now() }],
    };
    const list = this.messages.get(message.channel) ?? [];
    list.push(message);
    this.messages.set(message.channel, list);
    const channel = this.channels.get(message.channel);
    if (channel && message.ephemeralFor === undefined) channel.lastMessage = message.id;
    return message;
  }

  /** A message that is in the channel's history. */
  find(channel: string, id: string): StoredMessage | undefined {
    return this.messages
      .get(channel)
      ?.find((one) => one.id === id && !one.deleted && one.ephemeralFor === undefined);
  }

  /** Keeps a file under its address; the same bytes come back. */
  keep(channel: string, upload: Upload, base: string): Attachment {
    const id = snowflake();
    const path = `/attachments/${channel}/${id}/${encodeURIComponent(upload.name)}`;
    this.files.set(path, upload);
    return { id, filename: upload.name, size: upload.bytes.length, url: `${base}${path}` };
  }
}

/** The visible content of a message. */
export const visible = (message: StoredMessage): Version => message.versions.at(-1)!;

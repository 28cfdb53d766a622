/** The fake's records as Discord's JSON. */
import { flat } from "./components.ts";
import { showMarkdown } from "./markdown.ts";
import { shardOf } from "./snowflake.ts";
import { type Channel, type DiscordState, FLAGS, type StoredMessage, type User, visible } from "./state.ts";

/** A user object. */
export function wireUser(user: User): Record<string, unknown> {
  const { bot, ...rest } = user;
  return bot ? { ...rest, bot } : rest;
}

/** A channel object. */
export function wireChannel(state: DiscordState, channel: Channel): Record<string, unknown> {
  const base = { id: channel.id, last_message_id: channel.lastMessage, flags: 0 };
  if (channel.kind === "dm") {
    const recipient = state.users.get(channel.recipient ?? "");
    return { ...base, type: 1, recipients: recipient ? [wireUser(recipient)] : [] };
  }
  const place = { ...base, guild_id: channel.guild, name: channel.name };
  if (channel.kind === "text") return { ...place, type: 0, position: 0, parent_id: null };
  const thread_metadata = {
    archived: channel.archived,
    locked: channel.locked,
    auto_archive_duration: 1_440,
    archive_timestamp: new Date(0).toISOString(),
  };
  return { ...place, type: 11, parent_id: channel.parent, owner_id: state.me.id, thread_metadata };
}

/** Whether the bot may read what a message says without the privileged intent. */
export function mayRead(state: DiscordState, message: StoredMessage): boolean {
  return (
    message.author === state.me.id ||
    state.channels.get(message.channel)?.kind === "dm" ||
    message.mentions.includes(state.me.id)
  );
}

/** A message object. `content`: whether its text may be read. */
export function wireMessage(
  state: DiscordState,
  message: StoredMessage,
  content: boolean,
): Record<string, unknown> {
  const now = visible(message);
  const author = state.users.get(message.author)!;
  const reply = message.replyTo === undefined ? undefined : state.find(message.channel, message.replyTo);
  const mentioned = message.mentions.flatMap((id) => {
    const user = state.users.get(id);
    return user ? [wireUser(user)] : [];
  });
  const reference =
    message.replyTo === undefined
      ? {}
      : {
          message_reference: { type: 0, channel_id: message.channel, message_id: message.replyTo },
          referenced_message: reply
            ? wireMessage(state, { ...reply, replyTo: undefined }, content || mayRead(state, reply))
            : null,
        };
  return {
    id: message.id,
    type: message.replyTo === undefined ? 0 : 19,
    channel_id: message.channel,
    author: wireUser(author),
    content: content ? now.content : "",
    timestamp: new Date(message.versions[0]!.at).toISOString(),
    edited_timestamp: message.versions.length > 1 ? new Date(now.at).toISOString() : null,
    tts: false,
    mention_everyone: false,
    mentions: mentioned,
    mention_roles: [],
    attachments: content ? message.attachments : [],
    embeds: [],
    pinned: false,
    flags: now.flags,
    components: content ? now.components : [],
    ...reference,
    ...(message.snapshot ? forwarded(message.snapshot, content) : {}),
    ...(message.interaction === undefined ? {} : { interaction_metadata: { id: message.interaction } }),
  };
}

/** A forward names no author, and is read only where messages are. */
function forwarded({ content, attachments }: NonNullable<StoredMessage["snapshot"]>, readable: boolean) {
  const message = readable
    ? { type: 0, content, attachments, embeds: [], flags: 0 }
    : { type: 0, content: "" };
  return { message_reference: { type: 1 }, message_snapshots: [{ message }] };
}

/** What an observer of the channel sees of a message. */
export interface SeenMessage {
  id: string;
  /** As it was sent. */
  source: string;
  components: unknown[];
  /** Data of the buttons that can be pressed. */
  buttons: { label: string; data: string }[];
  flags: number;
  replyTo: string | undefined;
  versions: { source: string; at: number }[];
  files: { name: string; url: string; size: number }[];
  ephemeralFor: string | undefined;
  interaction: string | undefined;
  /** "… is thinking": deferred, nothing said yet. */
  loading: boolean;
}

/** For the control side. */
export function seen(message: StoredMessage): SeenMessage {
  const now = visible(message);
  const rows = now.components.flatMap((row) => row.components ?? []);
  return {
    id: message.id,
    source: now.content,
    components: now.components,
    buttons: rows.flatMap((one) =>
      one.type === 2 && one.disabled !== true ? [{ label: one.label ?? "", data: one.custom_id ?? "" }] : [],
    ),
    flags: now.flags,
    replyTo: message.replyTo,
    versions: message.versions.map(({ content, at }) => ({ source: content, at })),
    files: message.attachments.map(({ filename, url, size }) => ({ name: filename, url, size })),
    ephemeralFor: message.ephemeralFor,
    interaction: message.interaction,
    loading: (now.flags & FLAGS.loading) !== 0,
  };
}

/** A guild with its channels and threads. */
export function wireGuild(state: DiscordState, id: string): Record<string, unknown> {
  const { name, channels } = state.guilds.get(id)!;
  const all = channels.flatMap((one) => state.channels.get(one) ?? []);
  const wire = (kind: Channel["kind"]) =>
    all.filter((one) => one.kind === kind).map((one) => wireChannel(state, one));
  const empty = { members: [], roles: [], unavailable: false };
  return { id, name, channels: wire("text"), threads: wire("thread"), ...empty };
}

/** READY of a shard, and the guilds that follow it. */
export function readyFor(state: DiscordState, appFlags: number, [number, count]: [number, number]) {
  const guilds = [...state.guilds.keys()].filter((id) => shardOf(id, count) === number);
  const { me } = state;
  return {
    ready: {
      v: 10,
      user: wireUser(me),
      guilds: guilds.map((id) => ({ id, unavailable: true })),
      application: { id: me.id, flags: appFlags },
      session_type: "normal",
    },
    guilds: guilds.map((id) => wireGuild(state, id)),
  };
}

/** The text of a message as its reader sees it, Components V2 included. */
export function shownText(message: StoredMessage): string {
  const { content, components } = visible(message);
  const texts = flat(components).flatMap((one) => (one.type === 10 ? [one.content ?? ""] : []));
  return showMarkdown([content, ...texts].filter(Boolean).join("\n")).text;
}

/** A person, or the bot. */
export function person(id: string, name: string, bot: boolean): User {
  const username = name.toLowerCase().replace(/\W/g, "_");
  return { id, username, global_name: bot ? null : name, discriminator: "0", avatar: null, bot };
}

/**
 * Discord's events → messages, commands and presses of the core. Pure.
 * Ids, never names, decide anything. A thread is a channel of its own, so it is a conversation of its own.
 */
import type { InboundMessage, Place, Quote } from "../core/index.ts";
import { filesOf } from "./files.ts";
import { InteractionFacts, MessageFacts } from "./payloads.ts";

/** Who the bot is. */
export interface Self {
  /** Of its user: what is mentioned. */
  user: string;
  /** Of its application: what bridges and conversations are named by. */
  application: string;
}

/** What a message is to us. */
export type Inbound = { kind: "message"; message: InboundMessage } | { kind: "ignore"; reason: string };

/** A slash command or a press, as Discord reports it. */
export interface Interaction {
  id: string;
  token: string;
  channel: string;
  message: InboundMessage;
  /** Absent: a slash command, whose text is the message's. */
  press?: Press;
}

/** A press of a button. */
export interface Press {
  messageId: string;
  /** Whatever the presser's client sent: perhaps no button's. */
  data: string;
  /** What the message's buttons really carry. */
  carried: string[];
}

/** Bridge id of a bot. */
export const bridgeIdOf = (application: string): string => `discord.${application}`;

const DEFAULT = 0;
const REPLY = 19;
const COMMAND = 2;
const COMPONENT = 3;

/** Reads one message; `guild` where the payload itself doesn't tell (history). */
export function readMessage(payload: unknown, self: Self, channelName = "", guild?: string): Inbound {
  const parsed = MessageFacts.safeParse(payload);
  if (!parsed.success) return { kind: "ignore", reason: "not understood" };
  const facts = parsed.data;
  if (facts.type !== DEFAULT && facts.type !== REPLY) return { kind: "ignore", reason: "service message" };
  if (facts.author.bot === true || facts.webhook_id) return { kind: "ignore", reason: "no person sent it" };
  const within = facts.guild_id ?? guild;
  const addressed =
    facts.mentions.some(({ id }) => id === self.user) || facts.referenced_message?.author.id === self.user;
  const text = textOf(facts, self);
  const files = [...filesOf(facts), ...forwardedFiles(facts)];
  const quotes = quotesOf(facts, self);
  return {
    kind: "message",
    message: {
      ...whereAndWho(self, facts.channel_id, facts.author),
      updateKey: facts.id,
      deliver: { chat: facts.channel_id, replyTo: facts.id },
      place: placeOf(facts.channel_id, channelName, within, addressed),
      ...(text === "" && facts.attachments.length + facts.components.length > 0 ? {} : { text }),
      ...(files.length === 0 ? {} : { files }),
      ...(quotes.length === 0 ? {} : { quotes }),
    },
  };
}

/** Reads one interaction; undefined for kinds that we never offer. */
export function readInteraction(payload: unknown, self: Self): Interaction | undefined {
  const parsed = InteractionFacts.safeParse(payload);
  if (!parsed.success) return undefined;
  const { id, token, channel_id: channel, data, locale, message, ...facts } = parsed.data;
  const user = facts.member?.user ?? facts.user;
  if (!user || user.bot === true || facts.application_id !== self.application) return undefined;
  const place = placeOf(channel, facts.channel?.name ?? "", facts.guild_id ?? undefined, true);
  const base = {
    ...whereAndWho(self, channel, user),
    updateKey: `i.${id}`,
    place,
    ...(locale === undefined ? {} : { language: locale }),
  };
  if (facts.type === COMMAND && data?.name !== undefined) {
    const values = (data.options ?? []).map(({ value }) => String(value ?? ""));
    const text = [`/${data.name}`, ...values].join(" ").trim();
    return { id, token, channel, message: { ...base, deliver: { chat: channel, interaction: id }, text } };
  }
  if (facts.type !== COMPONENT || !message || data?.custom_id === undefined) return undefined;
  const press = { messageId: message.id, data: data.custom_id, carried: carriedBy(message.components) };
  return { id, token, channel, message: { ...base, deliver: { chat: channel, replyTo: message.id } }, press };
}

function whereAndWho(self: Self, channel: string, user: MessageFacts["author"]) {
  return {
    conversation: `discord.${self.application}.${channel}`,
    bridge: bridgeIdOf(self.application),
    sender: { id: user.id, name: (user.global_name ?? user.username).slice(0, 128) },
  };
}

function placeOf(channel: string, name: string, guild: string | undefined, addressed: boolean): Place {
  return guild === undefined
    ? { kind: "private" }
    : { kind: "group", id: channel, name, addressed, within: guild };
}

/** What somebody else said and is answered: handed on as their words, not as the sender's. */
function quotesOf(
  { referenced_message: answered, message_snapshots: shown }: MessageFacts,
  self: Self,
): Quote[] {
  if (shown) {
    const texts = shown.flatMap(({ message }) => (message.content === "" ? [] : [message.content]));
    return texts.map((text) => ({ how: "forward", name: "somebody", text }));
  }
  if (!answered || answered.author.id === self.user || answered.content === "") return [];
  const { id, global_name: name, username } = answered.author;
  return [{ how: "reply", identity: `discord:${id}`, name: name ?? username, text: answered.content }];
}

/** A forwarded recording isn't the sender's own words: none of these is marked as spoken. */
function forwardedFiles({ message_snapshots: shown }: MessageFacts) {
  return (shown ?? []).flatMap(({ message: { attachments } }) => filesOf({ attachments, flags: 0 }));
}

/** What was said, without the bot's own name; other people's are readable. */
function textOf({ content, mentions }: MessageFacts, self: Self): string {
  const names = new Map(mentions.map((user) => [user.id, user.global_name ?? user.username]));
  return content
    .replace(/<@!?(\d+)>/g, (whole, id: string) => {
      if (id === self.user) return "";
      const name = names.get(id);
      return name === undefined ? whole : `@${name}`;
    })
    .trim();
}

/** `custom_id`s of whatever buttons are there, at any depth that components have. */
function carriedBy(components: readonly unknown[], depth = 4): string[] {
  return components.flatMap((one) => {
    if (typeof one !== "object" || one === null || depth === 0) return [];
    const { custom_id: id, components: inner } = one as { custom_id?: unknown; components?: unknown };
    return [
      ...(typeof id === "string" ? [id] : []),
      ...(Array.isArray(inner) ? carriedBy(inner, depth - 1) : []),
    ];
  });
}

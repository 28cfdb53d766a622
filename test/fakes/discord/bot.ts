/**
 * The fake's controls: act as people, read what they see, order troubles. Every method can be called over HTTP.
 * Must never help the bot: what a person would not see is not in `fromBot`.
 */
import { randomBytes } from "node:crypto";
import { pressable } from "./components.ts";
import { type Fault, Faults } from "./faults.ts";
import { Gateway, type GatewayOptions, INTENTS, type Session } from "./gateway.ts";
import type { Interaction } from "./interactions.ts";
import { type LimitOptions, Limits } from "./limits.ts";
import { snowflake } from "./snowflake.ts";
import { DiscordState, type StoredMessage, type User, visible } from "./state.ts";
import {
  mayRead,
  person,
  readyFor,
  type SeenMessage,
  seen,
  shownText,
  wireChannel,
  wireGuild,
  wireMessage,
  wireUser,
} from "./wire.ts";

/** A request that was made. */
export interface Call {
  route: string;
  path: string;
  body: Record<string, unknown>;
  at: number;
  outcome: string;
  fault: string;
}

/** A message of the bot as its reader sees it. */
export type ShownMessage = SeenMessage & { text: string };

/** How a fake is made. */
export interface BotOptions {
  token: string;
  base: () => string;
  limits: LimitOptions | undefined;
  gateway: GatewayOptions;
  /** How long a nonce is remembered. */
  nonceMs: number;
}

/** One bot and its world. */
export class FakeBot {
  readonly token: string;
  readonly state: DiscordState;
  readonly calls: Call[] = [];
  readonly faults = new Faults();
  readonly limits: Limits;
  readonly gateway: Gateway;
  readonly options: BotOptions;
  readonly interactions = new Map<string, Interaction>();
  /** Breaches of the project's own rules; tests want none. */
  readonly violations: string[] = [];

  constructor(options: BotOptions) {
    this.options = options;
    this.token = options.token;
    const id = Buffer.from(options.token.split(".")[0]!, "base64").toString("utf8");
    this.state = new DiscordState(person(id, "claw", true));
    this.limits = new Limits(options.limits);
    this.gateway = new Gateway({
      token: options.token,
      options: options.gateway,
      ready: (shard) => readyFor(this.state, this.appFlags, shard),
      resumeUrl: () => options.base().replace(/^http/, "ws"),
    });
  }

  /** Flags of the application: which privileged intents it has. */
  get appFlags(): number {
    return (this.options.gateway.privileged & INTENTS.messageContent) === 0 ? 0 : 1 << 19;
  }

  // People and places

  addUser(id: string, name = `person${id}`): User {
    const user = person(id, name, false);
    this.state.users.set(id, user);
    return user;
  }

  /** A guild with one channel; returns the channel's id. */
  addGuild(id: string, name = "guild"): string {
    this.state.guilds.set(id, { id, name, channels: [] });
    const { id: channel } = this.state.addChannel({ kind: "text", name: "general", guild: id });
    this.announce("GUILD_CREATE", id, () => wireGuild(this.state, id));
    return channel;
  }

  addChannel(guild: string, name = "channel"): string {
    const channel = this.state.addChannel({ kind: "text", name, guild });
    this.announce("CHANNEL_CREATE", guild, () => wireChannel(this.state, channel));
    return channel.id;
  }

  addThread(parent: string, name = "thread"): string {
    const { guild } = this.state.channels.get(parent)!;
    const channel = this.state.addChannel({ kind: "thread", name, parent, ...(guild ? { guild } : {}) });
    this.announce("THREAD_CREATE", guild, () => wireChannel(this.state, channel));
    return channel.id;
  }

  archive(thread: string, locked = false): void {
    const channel = this.state.channels.get(thread)!;
    channel.archived = true;
    channel.locked = locked;
  }

  /** The DM channel with a person. */
  dm(user: string): string {
    if (!this.state.users.has(user)) this.addUser(user);
    return this.state.dmOf(user).id;
  }

  /** The person no longer takes the bot's messages, or the bot may no longer see the channel. */
  close(channel: string, closed = true): void {
    this.state.channels.get(channel)!.closed = closed;
  }

  // What people do

  /** A person writes; `reply`: to a message. Mentions are read from the text. */
  say(
    user: string,
    channel: string,
    text: string,
    reply?: string,
    files: { name: string; base64: string }[] = [],
  ): string {
    if (!this.state.users.has(user)) this.addUser(user);
    const named = [...text.matchAll(/<@!?(\d+)>/g)].map((match) => match[1]!);
    const attachments = files.map(({ name, base64 }) =>
      this.state.keep(channel, { name, bytes: Buffer.from(base64, "base64") }, this.options.base()),
    );
    const message = this.state.add({
      channel,
      author: user,
      replyTo: reply,
      mentions: [...new Set(named)],
      attachments,
      version: { content: text, components: [], flags: 0 },
    });
    this.announceMessage("MESSAGE_CREATE", message);
    return message.id;
  }

  /** The same into the person's DM. */
  tell(user: string, text: string): string {
    return this.say(user, this.dm(user), text);
  }

  /** Says something that happened long ago: only history knows it. */
  sayBefore(user: string, channel: string, text: string, ageMs: number): string {
    const message = this.state.add({
      id: snowflake(Date.now() - ageMs),
      channel,
      author: user,
      mentions: [...text.matchAll(/<@!?(\d+)>/g)].map((match) => match[1]!),
      version: { content: text, components: [], flags: 0 },
    });
    this.state.messages.get(channel)!.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
    return message.id;
  }

  /** A person forwards a message: it has no text of its own. */
  forward(user: string, from: string, message: string, to: string): string {
    const original = this.messageOf(from, message)!;
    const snapshot = { content: visible(original).content, attachments: original.attachments };
    const version = { content: "", components: [], flags: 0 };
    const sent = this.state.add({ channel: to, author: user, snapshot, version });
    this.announceMessage("MESSAGE_CREATE", sent);
    return sent.id;
  }

  edit(message: string, channel: string, text: string): void {
    const found = this.state.find(channel, message)!;
    found.versions.push({ ...visible(found), content: text, at: Date.now() });
    this.announceMessage("MESSAGE_UPDATE", found);
  }

  remove(message: string, channel: string): void {
    const found = this.state.find(channel, message);
    if (!found) return;
    found.deleted = true;
    const { guild } = this.state.channels.get(channel)!;
    this.dispatch("MESSAGE_DELETE", guild, () => ({
      id: message,
      channel_id: channel,
      ...(guild ? { guild_id: guild } : {}),
    }));
  }

  /** A person uses a slash command; returns the interaction's id. */
  command(user: string, channel: string, name: string, options: Record<string, string> = {}): string {
    const data = {
      id: snowflake(),
      name,
      type: 1,
      options: Object.entries(options).map(([key, value]) => ({ name: key, type: 3, value })),
    };
    return this.interact({ kind: "command", user, channel, data }).id;
  }

  /** A person presses a button; with `forged`, whatever a client may send for a message that has no such button. */
  press(user: string, channel: string, message: string, data: string, forged = false): string {
    const found = this.messageOf(channel, message);
    if (!found) throw new Error(`no message ${message}`);
    if (!forged && !pressable(visible(found).components).includes(data)) throw new Error(`no button ${data}`);
    const carried = { component_type: 2, custom_id: data };
    return this.interact({ kind: "component", user, channel, data: carried, message: found }).id;
  }

  /** Makes an interaction older. */
  age(interaction: string, ms: number): void {
    this.interactions.get(interaction)!.at -= ms;
  }

  // What people see

  /** Messages of the bot that somebody in the channel sees (or `viewer`, whose private ones come too). */
  fromBot(channel: string, viewer?: string): ShownMessage[] {
    return this.messages(channel, viewer).filter(
      (one) => this.messageOf(channel, one.id)?.author === this.state.me.id,
    );
  }

  /** All visible messages, oldest first; "… is thinking" is no message. */
  messages(channel: string, viewer?: string): ShownMessage[] {
    return (this.state.messages.get(channel) ?? [])
      .filter((one) => !one.deleted && (one.ephemeralFor === undefined || one.ephemeralFor === viewer))
      .map((one) => ({ ...seen(one), text: shownText(one) }))
      .filter((one) => !one.loading);
  }

  /** Deferred responses that still say nothing. */
  thinking(channel: string): number {
    return (this.state.messages.get(channel) ?? []).filter((one) => !one.deleted && seen(one).loading).length;
  }

  interaction(id: string): { response: number; tookMs: number; original: string | undefined } {
    const { response, at, answeredAt, original } = this.interactions.get(id)!;
    return { response, tookMs: answeredAt === 0 ? -1 : answeredAt - at, original };
  }

  typingCount(channel: string): number {
    return this.state.typing.filter((one) => one.channel === channel).length;
  }

  commandsOf(): { commands: Record<string, unknown>[]; writes: number } {
    return { commands: this.state.commands, writes: this.state.commandWrites };
  }

  callsOf(route: string): Call[] {
    return this.calls.filter((call) => call.route === route);
  }

  breaches(): string[] {
    return this.violations;
  }

  // Troubles

  fault(fault: Fault): void {
    this.faults.add(fault);
  }

  clearFaults(): number {
    return this.faults.clear();
  }

  drop(code?: number): number {
    return this.gateway.drop(code);
  }

  askReconnect(): void {
    this.gateway.askReconnect();
  }

  invalidate(resumable = false): void {
    this.gateway.invalidate(resumable);
  }

  setGateway(change: Partial<GatewayOptions>): void {
    Object.assign(this.options.gateway, change);
  }

  /** Sessions, for tests of shards and RESUME. */
  sessions(): { live: number[]; identifies: number; resumes: number; closes: number[] } {
    const { identifies, resumes, closes } = this.gateway;
    return { live: this.gateway.live(), identifies: identifies.length, resumes, closes };
  }

  /** Sends any event with any data to everybody: also what Discord should never send. */
  raw(event: string, data: unknown): void {
    for (const session of this.gateway.sessions) {
      if (!session.socket) continue;
      const sent = { op: 0, s: ++session.seq, t: event, d: data };
      session.socket.send(JSON.stringify(sent));
    }
  }

  // For the other files of the fake

  /** Whatever has this id, private ones too. */
  messageOf(channel: string, id: string): StoredMessage | undefined {
    return this.state.messages.get(channel)?.find((one) => one.id === id && !one.deleted);
  }

  announceMessage(event: string, message: StoredMessage): void {
    const channel = this.state.channels.get(message.channel)!;
    const { guild } = channel;
    const target = { guild, intents: guild === undefined ? INTENTS.directMessages : INTENTS.guildMessages };
    const how = this.delivery(event, message);
    const make = (session: Session) => {
      const readable = (session.intents & INTENTS.messageContent) !== 0 || mayRead(this.state, message);
      const wire = wireMessage(this.state, message, readable);
      const place = guild === undefined ? {} : { guild_id: guild, member: { roles: [], nick: null } };
      return { ...wire, ...place, ...(message.nonce === undefined ? {} : { nonce: message.nonce }) };
    };
    this.gateway.dispatch(event, target, make, how);
  }

  private interact(facts: {
    kind: Interaction["kind"];
    user: string;
    channel: string;
    data: Record<string, unknown>;
    message?: StoredMessage;
  }): Interaction {
    const { kind, user, channel: channelId, data, message } = facts;
    if (!this.state.users.has(user)) this.addUser(user);
    const channel = this.state.channels.get(channelId)!;
    const interaction: Interaction = {
      id: snowflake(),
      token: `aW50ZXJhY3Rpb24${randomBytes(24).toString("base64url")}`,
      kind,
      channel: channelId,
      user,
      at: Date.now(),
      answeredAt: 0,
      response: 0,
      ephemeral: false,
      original: undefined,
      message: message?.id,
    };
    this.interactions.set(interaction.id, interaction);
    const who = wireUser(this.state.users.get(user)!);
    const { guild } = channel;
    const payload = {
      id: interaction.id,
      application_id: this.state.me.id,
      type: kind === "command" ? 2 : 3,
      token: interaction.token,
      version: 1,
      data,
      channel_id: channelId,
      channel: wireChannel(this.state, channel),
      locale: "en-US",
      ...(guild === undefined
        ? { user: who }
        : { guild_id: guild, member: { user: who, roles: [], permissions: "0", nick: null } }),
      ...(message ? { message: wireMessage(this.state, message, true) } : {}),
    };
    this.gateway.dispatch(
      "INTERACTION_CREATE",
      { guild, intents: 0 },
      () => payload,
      this.delivery("INTERACTION_CREATE", payload),
    );
    return interaction;
  }

  private announce(event: string, guild: string | undefined, make: () => unknown): void {
    this.gateway.dispatch(event, { guild, intents: INTENTS.guilds }, make, this.delivery(event, {}));
  }

  private dispatch(event: string, guild: string | undefined, make: () => unknown): void {
    const intents = guild === undefined ? INTENTS.directMessages : INTENTS.guildMessages;
    this.gateway.dispatch(event, { guild, intents }, make, this.delivery(event, {}));
  }

  private delivery(event: string, facts: unknown): { times: number; lost: boolean } {
    const fault = this.faults.take(event, facts);
    return { times: fault?.kind === "duplicate-delivery" ? 2 : 1, lost: fault?.kind === "lost-delivery" };
  }
}

/**
 * The requests that this bridge makes, through discord.js's REST client: one attempt each, bounded in time, its own waits
 * for rate limits replaced by an answer that says how long. What comes back is checked before anybody uses it.
 */
import { type RateLimitData, REST, Routes } from "discord.js";
import { z } from "zod";
import { UserFacts } from "./payloads.ts";

/** A message as far as a request's answer matters. */
const Sent = z.looseObject({ id: z.string() });
const Me = UserFacts;
const Application = z.looseObject({ id: z.string(), flags: z.number().default(0) });
const List = z.array(z.unknown());

/** How to reach Discord. */
export interface ApiOptions {
  token: string;
  apiRoot: string;
  /** Bounds each request. */
  timeoutMs: number;
}

/** The body of a message. */
export interface MessageBody {
  content: string;
  components?: object[];
  [key: string]: unknown;
}

/** Nothing pings, nothing is unfurled: in every message and every edit. `SUPPRESS_EMBEDS` is 1 << 2. */
const QUIET = { allowed_mentions: { parse: [] as never[] }, flags: 1 << 2 };
const EPHEMERAL = 1 << 6;

/** The bot's own 50 requests a second: the next ones wait in line, and no longer than this. Milliseconds. */
const WAIT_IN_LINE_MS = 2_000;

/** Response types of interactions. */
const DEFER = 5;
const DEFER_UPDATE = 6;

/** See the module's header. Every method rejects as discord.js does; `outcomeOf` makes values of it. */
export class DiscordApi {
  readonly rest: REST;
  /** For what Discord doesn't count against the bot: responses to interactions, which also may not wait. */
  private readonly uncounted: REST;
  private readonly token: string;

  constructor({ token, apiRoot, timeoutMs }: ApiOptions) {
    this.token = token;
    const options = {
      version: "10",
      api: apiRoot,
      timeout: timeoutMs,
      // A request whose outcome is unknown is repeated by those who know whether it may be.
      retries: 0,
      // First come, first served: who were sent away to try again later might find the second used up each time.
      rejectOnRateLimit: ({ global, timeToReset, route }: RateLimitData) =>
        // "Typing" isn't worth a place in the line.
        !global || timeToReset > WAIT_IN_LINE_MS || route.endsWith("/typing"),
    };
    this.rest = new REST(options).setToken(token);
    this.uncounted = new REST({ ...options, globalRequestsPerSecond: Number.POSITIVE_INFINITY });
  }

  /** Who the bot is. */
  async me(): Promise<z.infer<typeof Me>> {
    return Me.parse(await this.get(Routes.user("@me")));
  }

  /** Its application: the id, and flags that tell the privileged intents. */
  async application(): Promise<z.infer<typeof Application>> {
    return Application.parse(await this.get(Routes.currentApplication()));
  }

  /** Messages above `after`, oldest first, at most 100. */
  async messagesAfter(channel: string, after: string): Promise<unknown[]> {
    const query = new URLSearchParams({ after, limit: "100" });
    return List.parse(await this.get(Routes.channelMessages(channel), query)).reverse();
  }

  /** The DM channel with a person; made if there is none, which nobody notices. */
  async openDm(user: string): Promise<string> {
    const body = { recipient_id: user };
    return Sent.parse(await this.call(() => this.rest.post(Routes.userChannels(), { body }))).id;
  }

  /** Posts; with a nonce Discord returns the same message for a repetition within a few minutes. */
  async createMessage(channel: string, message: MessageBody, nonce?: string): Promise<string> {
    const once = nonce === undefined ? {} : { nonce, enforce_nonce: true };
    const body = { ...message, ...QUIET, ...once };
    return Sent.parse(await this.call(() => this.rest.post(Routes.channelMessages(channel), { body }))).id;
  }

  async editMessage(channel: string, id: string, message: MessageBody): Promise<void> {
    const body = { ...message, ...QUIET };
    await this.call(() => this.rest.patch(Routes.channelMessage(channel, id), { body }));
  }

  /** Turns a message into a file: whatever it had before is replaced, so that repeating it changes nothing. */
  async editFile(
    channel: string,
    id: string,
    file: { name: string; bytes: Buffer },
    timeoutMs: number,
  ): Promise<void> {
    const attachments = [{ id: 0, filename: file.name }];
    const body = { content: "", components: [], attachments, ...QUIET };
    const files = [{ name: file.name, data: file.bytes, contentType: "application/octet-stream" }];
    const signal = AbortSignal.timeout(timeoutMs);
    await this.call(() => this.rest.patch(Routes.channelMessage(channel, id), { body, files, signal }));
  }

  async deleteMessage(channel: string, id: string): Promise<void> {
    await this.call(() => this.rest.delete(Routes.channelMessage(channel, id)));
  }

  async typing(channel: string): Promise<void> {
    await this.call(() => this.rest.post(Routes.channelTyping(channel)));
  }

  async commands(application: string): Promise<unknown[]> {
    return List.parse(await this.get(Routes.applicationCommands(application)));
  }

  async putCommands(application: string, body: object[]): Promise<void> {
    await this.call(() => this.rest.put(Routes.applicationCommands(application), { body }));
  }

  /** Says that an answer will come (or, for a press, that the message may change), within Discord's 3 s. */
  async defer(
    interaction: { id: string; token: string },
    how: "reply" | "private-reply" | "update",
    signal: AbortSignal,
  ): Promise<void> {
    const type = how === "update" ? DEFER_UPDATE : DEFER;
    const body = { type, ...(how === "private-reply" ? { data: { flags: EPHEMERAL } } : {}) };
    const path = Routes.interactionCallback(interaction.id, interaction.token);
    await this.uncounted.post(path, { body, auth: false, signal });
  }

  /** Edits what an interaction was answered with; returns its message id. */
  async editOriginal(application: string, token: string, message: MessageBody): Promise<string> {
    const body = { ...message, ...QUIET };
    const path = Routes.webhookMessage(application, token, "@original");
    return Sent.parse(await this.uncounted.patch(path, { body, auth: false })).id;
  }

  async deleteOriginal(application: string, token: string): Promise<void> {
    await this.uncounted.delete(Routes.webhookMessage(application, token, "@original"), { auth: false });
  }

  /** One more message to an interaction; `hidden`: only its user sees it. */
  async followUp(application: string, token: string, message: MessageBody, hidden: boolean): Promise<string> {
    const body = { ...message, ...QUIET, flags: QUIET.flags | (hidden ? EPHEMERAL : 0) };
    return Sent.parse(await this.uncounted.post(Routes.webhook(application, token), { body, auth: false }))
      .id;
  }

  private async get(path: `/${string}`, query?: URLSearchParams): Promise<unknown> {
    return await this.call(() => this.rest.get(path, query ? { query } : {}));
  }

  /** discord.js forgets a token that was refused once; the operator may put it right at Discord's side. */
  private async call(request: () => Promise<unknown>): Promise<unknown> {
    try {
      return await request();
    } finally {
      this.rest.setToken(this.token);
    }
  }
}

/** REST v10: which path is which route, and what each does to the fake's state. */
import type { FakeBot } from "./bot.ts";
import { ApiError, invalidForm, missingAccess, notAuthor, threadArchived, unknownMessage } from "./errors.ts";
import { checkCommands } from "./interactions.ts";
import { applyEdit, facts, type Request } from "./messages.ts";
import { checkPayload } from "./payload.ts";
import { snowflake } from "./snowflake.ts";
import type { Channel, StoredMessage } from "./state.ts";
import { followUp, original, respond } from "./webhooks.ts";
import { mayRead, wireChannel, wireMessage, wireUser } from "./wire.ts";

/** What a route answers: `undefined` is 204. */
export type Handler = (bot: FakeBot, request: Request) => unknown;

/** A route. `auth`: the bot's token is wanted. */
export interface Route {
  name: string;
  method: string;
  path: RegExp;
  auth: boolean;
  handle: Handler;
}

const ID = "(\\d{1,20})";
const route = (name: string, method: string, path: string, handle: Handler, auth = true): Route => ({
  name,
  method,
  path: new RegExp(`^${path.replaceAll(":id", ID).replaceAll(":token", "([\\w-]+)")}$`),
  auth,
  handle,
});

/** Every route that the fake knows. */
export const ROUTES: Route[] = [
  route("gatewayBot", "GET", "/gateway/bot", gatewayBot),
  route("me", "GET", "/users/@me", (bot) => wireUser(bot.state.me)),
  route("application", "GET", "/applications/@me", (bot) => ({
    id: bot.state.me.id,
    name: "claw",
    flags: bot.appFlags,
  })),
  route("openDm", "POST", "/users/@me/channels", openDm),
  route("getChannel", "GET", "/channels/:id", (bot, { ids }) =>
    wireChannel(bot.state, bot.state.channelFor(ids[0]!)),
  ),
  route("getMessages", "GET", "/channels/:id/messages", getMessages),
  route("getMessage", "GET", "/channels/:id/messages/:id", (bot, { ids }) => wire(bot, messageIn(bot, ids))),
  route("createMessage", "POST", "/channels/:id/messages", createMessage),
  route("editMessage", "PATCH", "/channels/:id/messages/:id", editMessage),
  route("deleteMessage", "DELETE", "/channels/:id/messages/:id", deleteMessage),
  route("typing", "POST", "/channels/:id/typing", typing),
  route("startThread", "POST", "/channels/:id/messages/:id/threads", startThread),
  route("getCommands", "GET", "/applications/:id/commands", (bot) => bot.state.commands),
  route("putCommands", "PUT", "/applications/:id/commands", putCommands),
  route("interactionCallback", "POST", "/interactions/:id/:token/callback", respond, false),
  route("getOriginal", "GET", "/webhooks/:id/:token/messages/@original", original.get, false),
  route("editOriginal", "PATCH", "/webhooks/:id/:token/messages/@original", original.edit, false),
  route("deleteOriginal", "DELETE", "/webhooks/:id/:token/messages/@original", original.remove, false),
  route("followUp", "POST", "/webhooks/:id/:token", followUp, false),
];

function gatewayBot(bot: FakeBot): unknown {
  const { shards, maxConcurrency, sessionStartsLeft } = bot.options.gateway;
  return {
    url: bot.options.base().replace(/^http/, "ws"),
    shards,
    session_start_limit: {
      total: 1_000,
      remaining: sessionStartsLeft,
      reset_after: 14_400_000,
      max_concurrency: maxConcurrency,
    },
  };
}

function openDm(bot: FakeBot, { body }: Request): unknown {
  const user = String(body.json["recipient_id"] ?? "");
  if (!bot.state.users.has(user)) throw invalidForm("recipient_id", "USER_INVALID", "Unknown user");
  return wireChannel(bot.state, bot.state.dmOf(user));
}

/** With `after` Discord gives the oldest ones above it, in descending order all the same. */
function getMessages(bot: FakeBot, { ids, query }: Request): unknown {
  const channel = bot.state.channelFor(ids[0]!);
  const limit = Number(query.get("limit") ?? 50);
  if (!(limit >= 1 && limit <= 100))
    throw invalidForm("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.");
  const all = (bot.state.messages.get(channel.id) ?? []).filter(
    (one) => !one.deleted && one.ephemeralFor === undefined,
  );
  const after = query.get("after");
  const before = query.get("before");
  const found = all.filter(
    (one) =>
      (after === null || BigInt(one.id) > BigInt(after)) &&
      (before === null || BigInt(one.id) < BigInt(before)),
  );
  const page = after === null ? found.slice(-limit) : found.slice(0, limit);
  return page.reverse().map((one) => wire(bot, one));
}

function createMessage(bot: FakeBot, { ids, body }: Request): unknown {
  const channel = bot.state.writable(ids[0]!);
  if (channel.locked) throw threadArchived();
  const payload = checkPayload(body);
  const { nonce, enforce_nonce: enforce } = body.json;
  if (nonce !== undefined && String(nonce).length > 25)
    throw invalidForm("nonce", "NONCE_TYPE_TOO_LONG", "Nonce must be 25 or fewer in length.");
  if (enforce === true && nonce !== undefined) {
    const known = (bot.state.messages.get(channel.id) ?? []).find(
      (one) =>
        one.author === bot.state.me.id &&
        one.nonce === String(nonce) &&
        Date.now() - one.versions[0]!.at < bot.options.nonceMs,
    );
    if (known) return { ...wire(bot, known), nonce };
  }
  const message = bot.state.add({
    ...facts(bot, channel, payload),
    nonce: nonce === undefined ? undefined : String(nonce),
    replyTo: replyTo(bot, channel, body.json["message_reference"]),
  });
  channel.archived = false;
  bot.announceMessage("MESSAGE_CREATE", message);
  return { ...wire(bot, message), ...(nonce === undefined ? {} : { nonce }) };
}

function replyTo(bot: FakeBot, channel: Channel, reference: unknown): string | undefined {
  if (reference === undefined || reference === null) return undefined;
  const { message_id: id, fail_if_not_exists: strict = true } = reference as Record<string, unknown>;
  if (bot.state.find(channel.id, String(id))) return String(id);
  if (strict === false) return undefined;
  throw invalidForm("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message");
}

function editMessage(bot: FakeBot, { ids, body }: Request): unknown {
  const channel = bot.state.channelFor(ids[0]!);
  const message = messageIn(bot, ids);
  if (message.author !== bot.state.me.id) throw notAuthor();
  if (channel.closed) throw missingAccess();
  if (channel.archived) throw threadArchived();
  return wire(bot, applyEdit(bot, message, body));
}

function deleteMessage(bot: FakeBot, { ids }: Request): unknown {
  const message = messageIn(bot, ids);
  const channel = bot.state.channelFor(ids[0]!);
  if (message.author !== bot.state.me.id && channel.kind === "dm")
    throw new ApiError(403, 50_003, "Cannot execute action on a DM channel");
  bot.remove(message.id, channel.id);
  return undefined;
}

function typing(bot: FakeBot, { ids }: Request): unknown {
  const { id } = bot.state.writable(ids[0]!);
  bot.state.typing.push({ channel: id, at: Date.now() });
  return undefined;
}

function startThread(bot: FakeBot, { ids, body }: Request): unknown {
  const message = messageIn(bot, ids);
  const name = body.json["name"];
  if (typeof name !== "string" || name.length < 1 || name.length > 100)
    throw invalidForm("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.");
  return wireChannel(bot.state, bot.state.channels.get(bot.addThread(message.channel, name))!);
}

function putCommands(bot: FakeBot, { ids, body }: Request): unknown {
  if (ids[0] !== bot.state.me.id) throw missingAccess();
  const commands = checkCommands(body.json["list"]);
  bot.state.commandWrites += 1;
  bot.state.commands = commands.map((one) => ({
    type: 1,
    ...one,
    id: snowflake(),
    application_id: bot.state.me.id,
    version: snowflake(),
  }));
  return bot.state.commands;
}

function messageIn(bot: FakeBot, [channel = "", id = ""]: string[]): StoredMessage {
  const message = bot.state.find(bot.state.channelFor(channel).id, id);
  if (!message) throw unknownMessage();
  return message;
}

function wire(bot: FakeBot, message: StoredMessage): Record<string, unknown> {
  return wireMessage(bot.state, message, bot.appFlags !== 0 || mayRead(bot.state, message));
}

/** What every route does to messages: reads a request, makes a message, changes one. */
import type { FakeBot } from "./bot.ts";
import { checkPayload, type Payload } from "./payload.ts";
import type { Body } from "./request.ts";
import { type Channel, FLAGS, type StoredMessage, visible } from "./state.ts";

/** One request after its path was read. */
export interface Request {
  ids: string[];
  query: URLSearchParams;
  body: Body;
}

/** What a new message of the bot consists of. */
export function facts(bot: FakeBot, channel: Channel, payload: Payload) {
  const { content, components, flags, files } = payload;
  const attachments = files.map((file) => bot.state.keep(channel.id, file, bot.options.base()));
  return {
    channel: channel.id,
    author: bot.state.me.id,
    attachments,
    version: { content, components, flags },
  };
}

/** Changes what the edit names and nothing else. */
export function applyEdit(bot: FakeBot, message: StoredMessage, body: Body): StoredMessage {
  const now = visible(message);
  const payload = checkPayload(body, { ...now, files: message.attachments.length });
  const { has } = payload;
  const kept = now.flags & (FLAGS.ephemeral | FLAGS.v2);
  message.versions.push({
    content: has.content ? payload.content : now.content,
    components: has.components ? payload.components : now.components,
    // Saying something ends "… is thinking".
    flags: payload.flags | kept,
    at: Date.now(),
  });
  const channel = bot.state.channels.get(message.channel)!;
  const listed = body.json["attachments"] as { id?: unknown }[] | undefined;
  // Discord: an edit that lists attachments keeps those and drops the others.
  if (listed)
    message.attachments = message.attachments.filter(({ id }) => listed.some((one) => String(one.id) === id));
  message.attachments.push(
    ...payload.files.map((file) => bot.state.keep(channel.id, file, bot.options.base())),
  );
  if (message.ephemeralFor === undefined) bot.announceMessage("MESSAGE_UPDATE", message);
  return message;
}

/** The routes of an interaction: its first response, `@original`, follow-ups. None wants the bot's token. */
import type { FakeBot } from "./bot.ts";
import { unknownMessage, unknownWebhook } from "./errors.ts";
import { checkCallback, checkToken, type Interaction } from "./interactions.ts";
import { applyEdit, facts, type Request } from "./messages.ts";
import { checkPayload } from "./payload.ts";
import { FLAGS, type StoredMessage } from "./state.ts";
import { wireMessage } from "./wire.ts";

/** `POST /interactions/{id}/{token}/callback`. */
export function respond(bot: FakeBot, { ids, query, body }: Request): unknown {
  const [id = "", token = ""] = ids;
  const interaction = bot.interactions.get(id);
  const carrier =
    interaction?.message === undefined ? undefined : bot.messageOf(interaction.channel, interaction.message);
  const callback = checkCallback(interaction, token, body, carrier);
  const known = interaction!;
  known.response = Number(body.json["type"]);
  known.answeredAt = Date.now();
  switch (callback.kind) {
    case "message":
      known.original = say(bot, known, callback.payload, callback.payload.flags).id;
      break;
    case "defer": {
      known.ephemeral = callback.ephemeral;
      const flags = FLAGS.loading | (callback.ephemeral ? FLAGS.ephemeral : 0);
      known.original = say(bot, known, { content: "", components: [], flags, files: [], has: ALL }, flags).id;
      break;
    }
    case "defer-update":
      known.original = known.message;
      break;
    case "update":
      if (!carrier) throw unknownMessage();
      known.original = carrier.id;
      applyEdit(bot, carrier, {
        json: (body.json["data"] ?? {}) as Record<string, unknown>,
        files: body.files,
      });
  }
  if (query.get("with_response") !== "true") return undefined;
  const message = known.original === undefined ? undefined : bot.messageOf(known.channel, known.original);
  return {
    interaction: { id, type: known.kind === "command" ? 2 : 3, response_message_id: known.original },
    resource: {
      type: known.response,
      ...(message ? { message: wireMessage(bot.state, message, true) } : {}),
    },
  };
}

const ALL = { content: true, components: true, flags: true };

function say(
  bot: FakeBot,
  interaction: Interaction,
  payload: ReturnType<typeof checkPayload>,
  flags: number,
): StoredMessage {
  const channel = bot.state.channels.get(interaction.channel)!;
  const made = facts(bot, channel, { ...payload, flags });
  const ephemeralFor = (flags & FLAGS.ephemeral) === 0 ? undefined : interaction.user;
  const message = bot.state.add({ ...made, ephemeralFor, interaction: interaction.id });
  if (ephemeralFor === undefined) bot.announceMessage("MESSAGE_CREATE", message);
  return message;
}

/** `…/messages/@original`. */
export const original = {
  get: (bot: FakeBot, { ids }: Request): unknown =>
    wireMessage(bot.state, originalOf(bot, ids).message, true),
  edit(bot: FakeBot, { ids, body }: Request): unknown {
    const { message } = originalOf(bot, ids);
    return wireMessage(bot.state, applyEdit(bot, message, body), true);
  },
  remove(bot: FakeBot, { ids }: Request): unknown {
    originalOf(bot, ids).message.deleted = true;
    return undefined;
  },
};

/** `POST /webhooks/{application}/{token}`. After a deferral the first one is `@original` itself. */
export function followUp(bot: FakeBot, { ids, body }: Request): unknown {
  const interaction = byToken(bot, ids);
  const payload = checkPayload(body);
  const pending =
    interaction.original === undefined ? undefined : bot.messageOf(interaction.channel, interaction.original);
  if (interaction.response === 5 && pending && (pending.versions.at(-1)!.flags & FLAGS.loading) !== 0)
    return wireMessage(bot.state, applyEdit(bot, pending, body), true);
  return wireMessage(bot.state, say(bot, interaction, payload, payload.flags), true);
}

function byToken(bot: FakeBot, [application = "", token = ""]: string[]): Interaction {
  if (application !== bot.state.me.id) throw unknownWebhook();
  return checkToken([...bot.interactions.values()].find((one) => one.token === token));
}

function originalOf(bot: FakeBot, ids: string[]): { interaction: Interaction; message: StoredMessage } {
  const interaction = byToken(bot, ids);
  const message =
    interaction.original === undefined ? undefined : bot.messageOf(interaction.channel, interaction.original);
  if (!message) throw unknownMessage();
  return { interaction, message };
}

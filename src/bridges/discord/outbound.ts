/**
 * Discord as a {@link BridgePlatform}: posts, edits and deletes, one request per call.
 * A placeholder carries a button with its key: by that it is found again in the channel's history when nobody knows
 * whether it was posted. The button of a turn's own placeholder stops the turn.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Delivery } from "../../store/index.ts";
import {
  type AnchorKey,
  type BridgePlatform,
  type Button,
  type Content,
  type Outcome,
  type OutgoingFile,
  plainText,
  type Style,
  wordsOf,
} from "../core/index.ts";
import type { DiscordApi, MessageBody } from "./api.ts";
import { fetchFile, safeName } from "./files.ts";
import { failureOutcome, outcomeOf } from "./outcome.ts";
import type { PendingInteractions } from "./pending.ts";
import { measureMarkdown, renderMarkdown } from "./render.ts";

/** Discord takes 2000 characters. */
const TEXT_UNITS = 2_000;
/** What a placeholder says until it becomes an answer. */
export const ANCHOR_TEXT = "…";
/** Discord's limit of a nonce is 25. */
const KEY_LENGTH = 22;
/** Discord, "Action Row": five buttons in a row, five rows in a message. */
const PER_ROW = 5;
/** A file of ten megabytes over a slow line. Milliseconds; discord.js's own limit counts, too. */
const UPLOAD_MS = 60_000;
const ROWS = 5;

/** What the platform needs. */
export interface OutboundDeps {
  api: DiscordApi;
  pending: PendingInteractions;
  /** The bot's user id. */
  self(): string;
  /** Where Discord is: a server of others serves its own files. */
  apiRoot: string;
}

/** The Discord platform. */
export function discordPlatform({ api, pending, self, apiRoot }: OutboundDeps): BridgePlatform {
  return {
    name: "discord",
    capabilities: { supportsDrafts: false, supportsButtons: true, supportsTyping: true },
    // Five edits in five seconds per channel; "typing" lasts ten.
    limits: { textUnits: TEXT_UNITS, editIntervalMs: 1_200, typingIntervalMs: 8_000 },
    measure: measureMarkdown,

    async sendAnchor(to: Delivery, anchor: AnchorKey): Promise<Outcome<string>> {
      const mark = markOf(anchor.key);
      const body = { content: ANCHOR_TEXT, components: anchorButtons(anchor, mark, to.language) };
      const interaction = interactionOf(to);
      if (interaction !== undefined) {
        const outcome = await pending.become(interaction, anchor.key, body);
        if (outcome) return outcome;
      }
      if (anchor.again) {
        const found = await findAnchor(api, to, anchor.turnId === "" ? mark : anchor.turnId, self());
        if (found.kind !== "ok" || found.value !== "") return found;
      }
      return await outcomeOf(api.createMessage(to.chat, { ...body, ...replyTo(to) }, mark));
    },

    async editMessage(to: Delivery, id: string, content: Content, style: Style): Promise<Outcome<void>> {
      const body: MessageBody = { content: write(content, style) };
      // A preview keeps the placeholder's button; whatever comes after it says which it has.
      if (content.kind !== "draft") body.components = rowsOf(content);
      return await outcomeOf(api.editMessage(to.chat, id, body));
    },

    async deleteMessage(to: Delivery, id: string): Promise<Outcome<void>> {
      return await outcomeOf(api.deleteMessage(to.chat, id));
    },

    async sendNotice(to: Delivery, content: Content): Promise<Outcome<string>> {
      const body = { content: write(content, "rich"), components: rowsOf(content) };
      const interaction = interactionOf(to);
      const said = interaction === undefined ? undefined : await pending.say(interaction, body);
      return said ?? (await outcomeOf(api.createMessage(to.chat, { ...body, ...replyTo(to) })));
    },

    fetchFile: (file) => fetchFile(file, apiRoot),

    async editFile(to: Delivery, id: string, file: OutgoingFile): Promise<Outcome<void>> {
      const { name, bytes } = file;
      return await outcomeOf(api.editFile(to.chat, id, { name: safeName(name), bytes }, UPLOAD_MS));
    },

    async typing(to: Delivery): Promise<void> {
      await api.typing(to.chat);
    },
  };
}

/** The interaction that is answered, if it is one. */
export function interactionOf(to: Delivery): string | undefined {
  return typeof to["interaction"] === "string" ? to["interaction"] : undefined;
}

/** The turn that a pressed Stop belongs to; undefined for other data. */
export function stoppedTurn(data: string): string | undefined {
  return /^stop:(t_[a-z0-9]{20})$/.exec(data)?.[1];
}

function write(content: Content, style: Style): string {
  return style === "plain" ? plainText(content.blocks) : renderMarkdown(content.blocks);
}

function markOf(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, KEY_LENGTH);
}

const SECONDARY = 2;

function anchorButtons({ turnId }: AnchorKey, mark: string, language: string | undefined): object[] {
  const button =
    turnId === ""
      ? { custom_id: `wait:${mark}`, label: "…", disabled: true }
      : { custom_id: `stop:${turnId}`, label: wordsOf(language).phrase("button.stop") };
  return [{ type: 1, components: [{ type: 2, style: SECONDARY, ...button }] }];
}

function rowsOf({ buttons = [], perRow = PER_ROW }: Content): object[] {
  const width = Math.min(PER_ROW, Math.max(perRow, Math.ceil(buttons.length / ROWS)));
  const rows = [];
  for (let from = 0; from < buttons.length; from += width)
    rows.push({ type: 1, components: buttons.slice(from, from + width).map(buttonOf) });
  return rows;
}

/** Discord: a label has at most 80 characters. */
function buttonOf({ label, data }: Button): object {
  return { type: 2, style: SECONDARY, label: label.slice(0, 80), custom_id: data };
}

/** The answered message may have been deleted: the answer comes all the same. */
function replyTo(to: Delivery) {
  if (to.replyTo === undefined) return {};
  return { message_reference: { message_id: to.replyTo, fail_if_not_exists: false } };
}

const Seen = z.looseObject({
  id: z.string(),
  author: z.looseObject({ id: z.string() }),
  components: z.unknown(),
});

/** Where Discord's memory of a nonce may have ended, the channel itself tells: the id, or empty if it isn't there. */
async function findAnchor(
  api: DiscordApi,
  to: Delivery,
  mark: string,
  self: string,
): Promise<Outcome<string>> {
  // What answers a message is above it; without one, whatever was tried was tried within the last hour.
  let after = to.replyTo ?? snowflakeAt(Date.now() - 3_600_000);
  for (let page = 0; page < 20; page++) {
    let messages: unknown[];
    try {
      messages = await api.messagesAfter(to.chat, after);
    } catch (error) {
      return failureOutcome(error);
    }
    const known = messages.flatMap((one) => Seen.safeParse(one).data ?? []);
    const found = known.find(
      (one) => one.author.id === self && JSON.stringify(one.components).includes(mark),
    );
    if (found) return { kind: "ok", value: found.id };
    const last = known.at(-1);
    if (messages.length < 100 || !last) break;
    after = last.id;
  }
  return { kind: "ok", value: "" };
}

/** Discord's epoch is 2015-01-01. */
const EPOCH_MS = 1_420_070_400_000;

/** The lowest id that a message of this instant (ms since the Unix epoch) may have. */
export function snowflakeAt(ms: number): string {
  return String(BigInt(Math.max(0, Math.round(ms) - EPOCH_MS)) << 22n);
}

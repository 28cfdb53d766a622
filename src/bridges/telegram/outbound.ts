/**
 * Telegram as a {@link BridgePlatform}: posts, edits and deletes through grammY's Api, one request per call.
 * Every text goes out with link previews disabled: a preview is a fetch that an agent's text would cause.
 */
import { type Api, InputFile } from "grammy";
import type { Delivery } from "../../store/index.ts";
import type { BridgePlatform, Content, MessageContext, Outcome, Style } from "../core/index.ts";
import { plainText, unlinked } from "../core/index.ts";
import { fetchFile, mediaOf, safeName } from "./files.ts";
import { draftIdOf } from "./inbound.ts";
import { isNotModified, outcomeOf } from "./outcome.ts";
import { measureHtml, renderHtml } from "./render.ts";

/** Bot API "sendMessage": 1-4096 characters after entity parsing; a margin for what Telegram trims or counts anew. */
const TEXT_UNITS = 4_000;
/** What an anchor says until it becomes an answer. */
export const ANCHOR_TEXT = "…";

/** An upload of up to 50 MB may take this long. Milliseconds. */
const UPLOAD_MS = 120_000;

const NO_PREVIEW = { is_disabled: true } as const;

/** The Telegram platform. `timeoutMs` bounds each request without a file; `place` is where files are fetched. */
export function telegramPlatform(
  api: Api,
  timeoutMs: number,
  place: { root: string; token: string },
): BridgePlatform {
  const signal = () => AbortSignal.timeout(timeoutMs) as never;
  return {
    name: "telegram",
    capabilities: { supportsDrafts: true, supportsButtons: true, supportsTyping: true },
    limits: {
      ...{ textUnits: TEXT_UNITS, editIntervalMs: 1_000, typingIntervalMs: 4_000 },
      // Bot API "sendMessageDraft": a temporary 30-second preview.
      draftRefreshMs: 20_000,
    },
    measure: measureHtml,

    async sendAnchor(to: Delivery): Promise<Outcome<string>> {
      const options = { link_preview_options: NO_PREVIEW, ...replyTo(to), ...thread(to) };
      return idOf(await outcomeOf(api.sendMessage(to.chat, ANCHOR_TEXT, options, signal())));
    },

    async editMessage(to: Delivery, id: string, content: Content, style: Style): Promise<Outcome<void>> {
      const { text, markup } = write(content, style);
      const options = { ...markup, link_preview_options: NO_PREVIEW, ...keyboard(content) };
      const outcome = await outcomeOf(api.editMessageText(to.chat, Number(id), text, options, signal()));
      return isNotModified(outcome) ? { kind: "ok", value: undefined } : nothingOf(outcome);
    },

    async deleteMessage(to: Delivery, id: string): Promise<Outcome<void>> {
      return nothingOf(await outcomeOf(api.deleteMessage(to.chat, Number(id), signal())));
    },

    async sendNotice(to: Delivery, content: Content): Promise<Outcome<string>> {
      const { text, markup } = write(content, "rich");
      const options = { ...markup, link_preview_options: NO_PREVIEW, ...thread(to), ...keyboard(content) };
      return idOf(await outcomeOf(api.sendMessage(to.chat, text, options, signal())));
    },

    // Bot API "sendMessageDraft": private chats only; those have their person's id, groups have negative ones.
    draftsAt: (to: Delivery) => Number(to.chat) > 0,

    async showDraft(to: Delivery, content: Content, _status: string, context: MessageContext): Promise<void> {
      // There is no switch for link previews here, so there are no links.
      const { text, markup } = write({ ...content, blocks: unlinked(content.blocks) }, "rich");
      // Empty is Telegram's own "Thinking…".
      const shown = text === "…" ? "" : text;
      const options = { ...(shown === "" ? {} : markup), ...thread(to), can_stop: true };
      await api.sendMessageDraft(Number(to.chat), draftIdOf(context.turnId), shown, options, signal());
    },

    fetchFile: (file) => fetchFile(api, place, file, timeoutMs),

    async editFile(to, id, file): Promise<Outcome<void>> {
      const media = mediaOf(file);
      const request = (one: ReturnType<typeof mediaOf>) =>
        outcomeOf(
          api.editMessageMedia(to.chat, Number(id), one, {}, AbortSignal.timeout(UPLOAD_MS) as never),
        );
      let outcome = await request(media);
      // A picture that Telegram can't show (its proportions, its pixels) is a document all the same.
      if (outcome.kind === "refused" && media.type === "photo" && /PHOTO|IMAGE/i.test(outcome.code))
        outcome = await request(mediaOf({ ...file, mime: "application/octet-stream" }));
      return isNotModified(outcome) ? { kind: "ok", value: undefined } : nothingOf(outcome);
    },

    async sendFile(to, file, caption): Promise<Outcome<string>> {
      const { text, markup } = caption ? write(caption, "rich") : { text: "", markup: {} };
      const options = { ...(text === "" ? {} : { caption: text, ...markup }), ...replyTo(to), ...thread(to) };
      const upload = new InputFile(file.bytes, safeName(file.name));
      return idOf(await outcomeOf(api.sendDocument(to.chat, upload, options, signal())));
    },

    async typing(to: Delivery): Promise<void> {
      await api.sendChatAction(to.chat, "typing", thread(to), signal());
    },
  };
}

function write(content: Content, style: Style): { text: string; markup: { parse_mode?: "HTML" } } {
  if (style === "plain") return { text: plainText(content.blocks), markup: {} };
  return { text: renderHtml(content.blocks), markup: { parse_mode: "HTML" } };
}

function keyboard({ buttons = [], perRow = buttons.length }: Content) {
  if (buttons.length === 0) return {};
  const keys = buttons.map(({ label, data }) => ({ text: label, callback_data: data }));
  const rows = [];
  for (let from = 0; from < keys.length; from += perRow) rows.push(keys.slice(from, from + perRow));
  return { reply_markup: { inline_keyboard: rows } };
}

/** The answered message may have been deleted: the answer comes all the same. */
function replyTo(to: Delivery) {
  if (to.replyTo === undefined) return {};
  return { reply_parameters: { message_id: Number(to.replyTo), allow_sending_without_reply: true } };
}

function thread(to: Delivery) {
  return to.thread === undefined ? {} : { message_thread_id: Number(to.thread) };
}

function idOf(outcome: Outcome<{ message_id: number }>): Outcome<string> {
  return outcome.kind === "ok" ? { kind: "ok", value: String(outcome.value.message_id) } : outcome;
}

function nothingOf(outcome: Outcome<unknown>): Outcome<void> {
  return outcome.kind === "ok" ? { kind: "ok", value: undefined } : outcome;
}

/** Rules about what a message may say: markup, lengths, buttons, link previews. */
import { type Parsed, parseHtml, parseMarkdownV2, trimmed } from "./entities.ts";
import { badRequest } from "./errors.ts";
import type { Params } from "./params.ts";

/** Text limit of a message, UTF-16 units after entity parsing. */
export const MAX_TEXT = 4096;
/** Limit of a caption. */
export const MAX_CAPTION = 1024;

/** The text of a request, parsed and checked against `limit`. */
export function parseText(source: string, params: Params, limit: number, tooLong: string): Parsed {
  const mode = String(params["parse_mode"] ?? "").toLowerCase();
  let parsed: Parsed;
  if (mode === "html") parsed = parseHtml(source);
  else if (mode === "markdownv2") parsed = parseMarkdownV2(source);
  else if (mode === "") parsed = { text: source, entities: (params["entities"] as Parsed["entities"]) ?? [] };
  else throw badRequest(`unsupported parse_mode`);
  const result = trimmed(parsed);
  if (result.text.length > limit) throw badRequest(tooLong);
  return result;
}

/** Not Telegram's rule but ours: an agent's text must not make Telegram's servers fetch anything. */
export function requireNoPreview(method: string, params: Params): void {
  if (params["link_preview_options"]?.is_disabled === true) return;
  throw badRequest(`FAKE: ${method} without link_preview_options.is_disabled`);
}

/**
 * Not Telegram's rule but ours: `sendMessageDraft` has no switch for previews, so a draft has no link, and no address
 * outside code.
 */
export function requireNoAddress(method: string, { text, entities }: Parsed): void {
  const link = entities.find(({ type }) => type === "text_link" || type === "url" || type === "text_mention");
  let bare = text;
  for (const { type, offset, length } of entities)
    if (type === "code" || type === "pre")
      bare = bare.slice(0, offset) + " ".repeat(length) + bare.slice(offset + length);
  const address = /https?:|www\.|[\p{L}\p{N}-]\.[\p{L}]{2,}/iu.exec(bare)?.[0];
  if (link ?? address)
    throw badRequest(`FAKE: ${method} with an address that can be previewed: ${address ?? link?.type}`);
}

/** Checks a keyboard; returns it as canonical JSON, "" when there is none. */
export function keyboardOf(markup: unknown): string {
  if (markup === undefined) return "";
  const rows = (markup as { inline_keyboard?: unknown }).inline_keyboard;
  if (!Array.isArray(rows)) throw badRequest("object expected as reply markup");
  for (const button of rows.flat() as { text?: unknown; callback_data?: unknown; url?: unknown }[]) {
    if (typeof button.text !== "string" || button.text === "")
      throw badRequest("inline keyboard button text can't be empty");
    if (button.callback_data === undefined && button.url === undefined)
      throw badRequest("text buttons are unallowed in the inline keyboard");
    if (button.callback_data !== undefined) {
      const size = Buffer.byteLength(String(button.callback_data));
      if (size < 1 || size > 64) throw badRequest("BUTTON_DATA_INVALID");
    }
  }
  return rows.length === 0 ? "" : JSON.stringify({ inline_keyboard: rows });
}

/**
 * What a message may contain: Discord's limits, and this project's own rules, which no request may break: no pings, no
 * embeds of links, nothing that makes Discord fetch.
 */
import { type Component, checkComponents } from "./components.ts";
import { emptyMessage, forbiddenHere, invalidForm, tooLarge } from "./errors.ts";
import type { Body, Upload } from "./request.ts";
import { FLAGS } from "./state.ts";

/** A checked message. */
export interface Payload {
  content: string;
  components: Component[];
  flags: number;
  files: Upload[];
  /** Which fields the request had at all: an edit leaves the others. */
  has: { content: boolean; components: boolean; flags: boolean };
}

const MAX_FILE = 10 * 1024 * 1024;

/** Checks a message's body. `before`: what an edited message has. @throws ApiError */
export function checkPayload(
  { json, files }: Body,
  before?: { content: string; components: Component[]; flags: number; files: number },
): Payload {
  const { content, components, flags } = json;
  checkOurRules(json);
  if (content !== undefined && content !== null && typeof content !== "string")
    throw invalidForm("content", "BASE_TYPE_BAD_TYPE", "Must be a string.");
  const text = (content as string | null | undefined) ?? "";
  // Discord counts characters, not UTF-16 units.
  if ([...text].length > 2_000)
    throw invalidForm("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.");
  const asked = typeof flags === "number" ? flags : 0;
  const wholeFlags = asked | ((before?.flags ?? 0) & FLAGS.v2);
  if (before && (before.flags & FLAGS.v2) !== 0 && typeof flags === "number" && (flags & FLAGS.v2) === 0)
    throw invalidForm("flags", "MESSAGE_FLAGS_INVALID", "The flag IS_COMPONENTS_V2 can't be removed");
  const checked = checkComponents(components, wholeFlags);
  const v2 = (wholeFlags & FLAGS.v2) !== 0;
  if (v2 && text !== "")
    throw invalidForm(
      "content",
      "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
      "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
    );
  const uploads = checkFiles(json, files);
  const after = {
    content: content === undefined ? (before?.content ?? "") : text,
    components: components === undefined ? (before?.components ?? []) : checked,
  };
  const kept = before?.files ?? 0;
  if (after.content.trim() === "" && uploads.length + kept === 0 && !(v2 && after.components.length > 0))
    throw emptyMessage();
  return {
    content: text.trim(),
    components: checked,
    flags: asked,
    files: uploads,
    has: {
      content: content !== undefined,
      components: components !== undefined,
      flags: typeof flags === "number",
    },
  };
}

function checkOurRules(json: Record<string, unknown>): void {
  const mentions = json["allowed_mentions"] as
    | { parse?: unknown; users?: unknown; roles?: unknown }
    | undefined;
  const quiet =
    Array.isArray(mentions?.parse) &&
    mentions.parse.length === 0 &&
    mentions.users === undefined &&
    mentions.roles === undefined;
  if (!quiet) throw forbiddenHere("allowed_mentions must be {parse: []} in every message and edit");
  if (typeof json["flags"] !== "number" || (json["flags"] & FLAGS.suppressEmbeds) === 0)
    throw forbiddenHere("SUPPRESS_EMBEDS must be set in every message and edit");
  if (Array.isArray(json["embeds"]) && json["embeds"].length > 0)
    throw forbiddenHere("no embeds: they show and fetch what the text names");
  if (json["tts"] === true) throw forbiddenHere("no speech");
}

function checkFiles(json: Record<string, unknown>, files: Map<number, Upload>): Upload[] {
  if (files.size > 10)
    throw invalidForm("attachments", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.");
  const named = new Map(
    ((json["attachments"] ?? []) as { id?: unknown; filename?: string }[]).map((one) => [
      Number(one.id),
      one.filename,
    ]),
  );
  return [...files].map(([number, upload]) => {
    if (upload.bytes.length > MAX_FILE) throw tooLarge();
    return { ...upload, name: (named.get(number) ?? upload.name).replace(/[^\w.()-]+/g, "_") || "file" };
  });
}

/**
 * Files of Telegram: what a message brings, how it is fetched, and as what an answer's file is shown. Pure but for the
 * fetching. Must never let the token out: it is part of a file's address.
 */
import { type Api, InputFile } from "grammy";
import type { Update } from "grammy/types";
import type { FileRef, Outcome, OutgoingFile } from "../core/index.ts";
import { networkCode, outcomeOf } from "./outcome.ts";

type Message = NonNullable<Update["message"]>;

/** A picture that Telegram takes as a photo: "at most 10 MB in size" (Bot API "sendPhoto"). Bytes. */
const PHOTO_BYTES = 10_000_000;
const PHOTO = /^image\/(jpeg|png|webp)$/;
/** A file that doesn't arrive in this time is tried again. Milliseconds. */
const FETCH_MS = 120_000;

/** The file that a message brings, if any; its name is untrusted. A forwarded recording isn't the sender's own words. */
export function fileOf(message: Message): FileRef | undefined {
  const { photo, document, voice, video, video_note, audio, animation, message_id: id } = message;
  const spoken = message.forward_origin ? {} : { spoken: true as const };
  // Sizes of one picture, the largest last.
  const picture = photo?.at(-1);
  if (picture) return ref(picture, `photo-${id}.jpg`, "image/jpeg");
  if (voice) return { ...ref(voice, `voice-${id}.ogg`, voice.mime_type ?? "audio/ogg"), ...spoken };
  if (video_note) return { ...ref(video_note, `video-note-${id}.mp4`, "video/mp4"), ...spoken };
  if (audio) return ref(audio, audio.file_name ?? `audio-${id}`, audio.mime_type);
  if (video) return ref(video, video.file_name ?? `video-${id}.mp4`, video.mime_type);
  // An animation is a document, too: the same file.
  if (animation) return ref(animation, animation.file_name ?? `animation-${id}.mp4`, animation.mime_type);
  if (document) return ref(document, document.file_name ?? `file-${id}`, document.mime_type);
  return undefined;
}

function ref(file: { file_id: string; file_size?: number }, name: string, mime: string | undefined): FileRef {
  const size = file.file_size === undefined ? {} : { size: file.file_size };
  return { id: file.file_id, name, mime: mime ?? "application/octet-stream", ...size };
}

/** Fetches a file: Bot API "getFile", then its bytes from `<root>/file/bot<token>/<path>`. */
export async function fetchFile(
  api: Api,
  place: { root: string; token: string },
  file: FileRef,
  timeoutMs: number,
): Promise<Outcome<AsyncIterable<Uint8Array>>> {
  const found = await outcomeOf(api.getFile(file.id, AbortSignal.timeout(timeoutMs) as never));
  if (found.kind === "refused" && /file is too big/i.test(found.code))
    return { ...found, reason: "too-large" };
  if (found.kind !== "ok") return found;
  const path = found.value.file_path;
  // As Telegram says it: relative, and in a form that can't leave its folder.
  if (path === undefined || !/^(?!\.{1,2}\/)[^\s?#\\/]+(\/(?!\.{1,2}(\/|$))[^\s?#\\/]+)*$/.test(path))
    return { kind: "refused", reason: "gone", code: "telegram-file-path" };
  try {
    const url = `${place.root}/file/bot${place.token}/${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), redirect: "error" });
    if (response.status === 404) return { kind: "refused", reason: "gone", code: "telegram-file-404" };
    if (!response.ok || !response.body)
      return { kind: "not-applied", code: `telegram-file-${response.status}`, retryAfterMs: 1_000 };
    return { kind: "ok", value: response.body as unknown as AsyncIterable<Uint8Array> };
  } catch (error) {
    return { kind: "unknown", code: networkCode(error) };
  }
}

/** An answer's file as Telegram's "InputMedia": pictures are shown, everything else is kept as it is. */
export function mediaOf({ name, mime, bytes }: OutgoingFile) {
  const media = new InputFile(bytes, safeName(name));
  return PHOTO.test(mime) && bytes.length > 0 && bytes.length <= PHOTO_BYTES
    ? { type: "photo" as const, media }
    : // Telegram would otherwise look into it and show it as something else.
      { type: "document" as const, media, disable_content_type_detection: true };
}

/** A name that fits into a multipart header and says nothing but a name. */
export function safeName(name: string): string {
  const clean = name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}"\\/<>|:*?]/gu, "_")
    .replace(/^\.+/, "_")
    .trim();
  return clean.slice(-120) || "file";
}

/**
 * Files of Discord: what a message brings, how it is fetched, and as what an answer's file is shown. Addresses come from
 * Discord itself and are only followed to its own file servers.
 */
import type { FileRef, Outcome } from "../core/index.ts";
import { networkCode } from "./outcome.ts";
import type { MessageFacts } from "./payloads.ts";

/** Discord's file servers. */
const HOSTS = new Set(["cdn.discordapp.com", "media.discordapp.net"]);
/** A file that doesn't arrive in this time is tried again. Milliseconds. */
const FETCH_MS = 120_000;
/** Discord, message flag `IS_VOICE_MESSAGE`. */
const VOICE = 1 << 13;

/** The files that a message brings; their names are untrusted. */
export function filesOf({ attachments, flags }: Pick<MessageFacts, "attachments" | "flags">): FileRef[] {
  const spoken = (flags & VOICE) !== 0 ? { spoken: true as const } : {};
  return attachments.map(({ url, filename, content_type: mime, size }) => ({
    id: url,
    name: filename,
    mime: mime ?? "application/octet-stream",
    ...(size === undefined ? {} : { size }),
    ...spoken,
  }));
}

/** Fetches a file. `apiRoot`: a server of others serves its own files. */
export async function fetchFile(file: FileRef, apiRoot: string): Promise<Outcome<AsyncIterable<Uint8Array>>> {
  const url = URL.parse(file.id);
  const own = new URL(apiRoot);
  const ours = url !== null && own.hostname !== "discord.com" && url.origin === own.origin;
  if (!url || !(ours || (url.protocol === "https:" && HOSTS.has(url.hostname))))
    return { kind: "refused", reason: "gone", code: "discord-file-address" };
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), redirect: "error" });
    // An address of Discord's expires.
    if (response.status === 404 || response.status === 403)
      return { kind: "refused", reason: "gone", code: `discord-file-${response.status}` };
    if (!response.ok || !response.body)
      return { kind: "not-applied", code: `discord-file-${response.status}`, retryAfterMs: 1_000 };
    return { kind: "ok", value: response.body as unknown as AsyncIterable<Uint8Array> };
  } catch (error) {
    return { kind: "unknown", code: networkCode(error) };
  }
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

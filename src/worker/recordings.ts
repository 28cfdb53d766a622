/**
 * What people say in recordings, as text: asked of the sandbox's guest, which asks the gateway, where the key and the
 * allowance are. The words are the sandbox's claim. What can't be turned into text is said, never a reason to end a turn.
 */
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import type { Heard } from "../store/index.ts";
import { MAX_ATTACHMENTS, MAX_TEXT_BYTES } from "../store/index.ts";
import type { AgentClient } from "./agent-client.ts";

/** A recording that lies in the inbox. */
export interface Recording {
  name: string;
  path: string;
  mime: string;
}

/** The gateway's codes that people are told apart; all others are `failed`. */
const CODES: Readonly<Record<string, Extract<Heard, { failed: string }>["failed"]>> = {
  transcription_off: "off",
  request_too_large: "too-large",
  allowance_used: "used-up",
  rate_limited: "used-up",
};

/** Listens to them, one after the other. @throws Fault `agent-unreachable` */
export async function hear(
  client: AgentClient,
  recordings: readonly Recording[],
  log: Logger,
): Promise<Heard[]> {
  const heard: Heard[] = [];
  let room = MAX_TEXT_BYTES;
  for (const { name, path, mime } of recordings) {
    if (heard.length >= MAX_ATTACHMENTS || room <= 0) {
      heard.push({ name, failed: "used-up" });
      continue;
    }
    const transcript = await client.transcribe(path, mime).catch((error: unknown) => {
      if (error instanceof Fault && error.code === "agent-unreachable") throw error;
      log.error({ sandboxId: client.sandboxId, err: error }, "a recording could not be listened to");
      return { failed: "internal" };
    });
    if ("failed" in transcript) {
      const failed = Object.hasOwn(CODES, transcript.failed) ? CODES[transcript.failed] : undefined;
      heard.push({ name, failed: failed ?? "failed" });
      if (failed !== "off") log.warn({ code: transcript.failed }, "a recording was not turned into text");
      continue;
    }
    const text = startOf(transcript.text, room);
    room -= Buffer.byteLength(text);
    const cut = transcript.cut === true || text.length < transcript.text.length;
    heard.push({ name, text, ...(cut ? { cut } : {}) });
  }
  return heard;
}

/** What the agent reads of them: the person's words, marked as what a machine made of them. */
export function spokenText(heard: readonly Heard[]): string {
  return heard
    .flatMap((one) => {
      if ("failed" in one) return [];
      const head = `[What is said in ${one.name}, turned into text by a machine that may have misheard:]`;
      const rest = one.cut ? "\n[The rest is only in the recording.]" : "";
      return [`${head}\n${one.text === "" ? "(nothing)" : one.text}${rest}`];
    })
    .join("\n\n");
}

/** At most so many bytes, whole characters only. */
function startOf(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return Buffer.from(text)
    .subarray(0, bytes)
    .toString("utf8")
    .replace(/\uFFFD$/, "");
}

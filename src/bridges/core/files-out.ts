/**
 * Files of an answer: each is a part of its own, and what can't be sent is named in words. Reading from the spool checks
 * size and digest: a record is believed, a file isn't.
 */
import { createHash } from "node:crypto";
import type { Spool } from "../../lib/spool.ts";
import type { AnswerBody, Attachment, OmittedFile } from "../../store/index.ts";
import type { Words } from "./catalogue.ts";
import { parseMarkdown } from "./markdown/parse.ts";
import type { BridgePlatform, Content, OutgoingFile } from "./port.ts";
import { fileSize } from "./status-text.ts";

/** A file of the agent in the spool, or one that is made here. */
export type AnswerFile = Attachment | OutgoingFile;

/** The files of an answer, in the order to be sent. */
export function filesOf(body: AnswerBody): readonly Attachment[] {
  return body.kind === "final" ? (body.attachments ?? []) : [];
}

/** One line for each file that the agent wanted to send and that isn't there, in Markdown; "" when there is none. */
export function omittedText(say: Words, body: AnswerBody): string {
  const omitted: readonly OmittedFile[] = body.kind === "final" ? (body.omitted ?? []) : [];
  return omitted
    .map(({ name, why, size }) => {
      const mb = size === undefined ? "" : ` (${fileSize(size, say.language)})`;
      return `📎 ${say.sentence(`omitted-${why}`, { name: `${name}${mb}` })}`;
    })
    .join("\n");
}

/** A file in words, where it can't be shown. */
export function fileNotice(say: Words, code: "file-gone" | "file-not-shown", file: AnswerFile): Content {
  const size = "bytes" in file ? file.bytes.length : file.size;
  const name = `${file.name} (${fileSize(size, say.language)})`;
  const source = `📎 ${say.sentence(code, { name })}`;
  return { kind: "notice", blocks: parseMarkdown(source), source };
}

/** An answer of more messages than this comes as a file, with its beginning above it. */
const MOST_MESSAGES = 8;

/** A long answer as a file; undefined when it is short enough to be read as messages. Pure: the same each time. */
export function wholeAnswer(body: AnswerBody, messages: number): OutgoingFile | undefined {
  if (body.kind !== "final" || messages <= MOST_MESSAGES) return undefined;
  const bytes = Buffer.from(`${body.markdown.trim()}\n`.toWellFormed());
  return { name: "answer.md", mime: "text/markdown", bytes };
}

/** Reads a file from the spool, whole and as its record says; undefined when it is gone or isn't that file. */
export async function outgoing(
  attachment: AnswerFile,
  spool: Spool | undefined,
  platform: Pick<BridgePlatform, "editFile">,
): Promise<OutgoingFile | undefined> {
  if (!platform.editFile) return undefined;
  if ("bytes" in attachment) return attachment;
  if (!spool) return undefined;
  const handle = await spool.open(attachment);
  if (!handle) return undefined;
  try {
    const bytes = await handle.readFile();
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (digest !== attachment.sha256) return undefined;
    return { name: attachment.name, mime: attachment.mime, bytes };
  } finally {
    await handle.close();
  }
}

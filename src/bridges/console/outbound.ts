/**
 * The console as a {@link BridgePlatform}: an anchor is only an id, and a final is a transcript entry under that id,
 * so that delivering twice shows once.
 */
import { newId } from "../../lib/ids.ts";
import type { Delivery } from "../../store/index.ts";
import type { BridgePlatform, Content, MessageContext, Outcome } from "../core/index.ts";
import { blocksOf, type EventStreams } from "./stream.ts";
import type { Transcript } from "./transcript.ts";

const OK = { kind: "ok", value: undefined } as const;

/** The console platform. */
export function consolePlatform(transcript: Transcript, streams: EventStreams): BridgePlatform {
  async function write(id: string, to: Delivery, content: Content, turnId: string): Promise<Outcome<void>> {
    const role = content.kind === "draft" ? "final" : content.kind;
    const entry = { id, chat: to.chat, role, markdown: content.source, replyTo: to.replyTo ?? "", turnId };
    try {
      await transcript.append(entry);
      return OK;
    } catch (error) {
      return { kind: "unknown", code: (error as NodeJS.ErrnoException).code ?? "transcript-not-written" };
    }
  }
  return {
    name: "console",
    capabilities: { supportsDrafts: true, supportsButtons: false, supportsTyping: true },
    limits: { textUnits: Number.MAX_SAFE_INTEGER, editIntervalMs: 250, typingIntervalMs: 4_000 },
    // One message of any length: there is nothing to measure.
    measure: () => 0,
    sendAnchor: async () => ({ kind: "ok", value: newId("m") }),
    editMessage: (to, id, content, _style, context) => write(id, to, content, context.turnId),
    deleteMessage: async () => OK,
    async sendNotice(to, content) {
      const id = newId("m");
      const outcome = await write(id, to, content, "");
      return outcome.kind === "ok" ? { kind: "ok", value: id } : outcome;
    },
    async typing(to: Delivery) {
      streams.send({ event: "working", data: { chat: to.chat } }, to.chat);
    },
    async showDraft(to: Delivery, content: Content, status: string, context: MessageContext) {
      const { source } = content;
      const data = {
        chat: to.chat,
        turnId: context.turnId,
        replyTo: to.replyTo ?? "",
        markdown: source,
        status,
      };
      streams.send({ event: "draft", data: { ...data, blocks: blocksOf(source) } }, to.chat);
    },
  };
}

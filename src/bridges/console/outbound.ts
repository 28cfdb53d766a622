/**
 * The console as a {@link BridgePlatform}: an anchor is only an id, and a final is a transcript entry under that id,
 * so that delivering twice shows once.
 */
import { newId } from "../../lib/ids.ts";
import type { Delivery } from "../../store/index.ts";
import type { BridgePlatform, Content, MessageContext, Outcome } from "../core/index.ts";
import { cardEvent } from "./cards.ts";
import { blocksOf, type EventStreams } from "./stream.ts";
import type { Transcript } from "./transcript.ts";

const OK = { kind: "ok", value: undefined } as const;

/** The console platform. */
export function consolePlatform(transcript: Transcript, streams: EventStreams): BridgePlatform {
  async function write(id: string, to: Delivery, content: Content, turnId: string): Promise<Outcome<void>> {
    const { kind, source, buttons } = content;
    const role = kind === "draft" ? "final" : kind === "card" ? "notice" : kind;
    const entry = {
      ...({ id, chat: to.chat, role, markdown: source, replyTo: to.replyTo ?? "", turnId } as const),
      ...(buttons ? { buttons } : {}),
    };
    try {
      await transcript.append(entry);
      return OK;
    } catch (error) {
      return { kind: "unknown", code: (error as NodeJS.ErrnoException).code ?? "transcript-not-written" };
    }
  }
  /** An open card is only an event; its outcome is an entry, written once under the card's id. */
  async function showCard(id: string, to: Delivery, content: Content): Promise<Outcome<void>> {
    const event = cardEvent(to.chat, id, content);
    if (!event) return OK;
    // It belongs to no message of the user: nobody waits for it as for an answer.
    const outcome = content.card?.open ? OK : await write(id, { chat: to.chat }, content, "");
    if (outcome.kind === "ok") streams.send(event, undefined);
    return outcome;
  }
  return {
    name: "console",
    capabilities: { supportsDrafts: true, supportsButtons: false, supportsTyping: true },
    limits: { textUnits: Number.MAX_SAFE_INTEGER, editIntervalMs: 250, typingIntervalMs: 4_000 },
    // One message of any length: there is nothing to measure.
    measure: () => 0,
    sendAnchor: async () => ({ kind: "ok", value: newId("m") }),
    editMessage: (to, id, content, _style, context) =>
      content.kind === "card" ? showCard(id, to, content) : write(id, to, content, context.turnId),
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

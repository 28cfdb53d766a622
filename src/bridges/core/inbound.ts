/**
 * A platform's message → access decision → a command's answer or an event in the mailbox.
 * The same for every platform. Resolves only when the message is durably stored or needs no storing: only then may the
 * platform be told that it arrived. Must never look into what a text says.
 */
import { Fault } from "../../lib/errors.ts";
import type { AcceptResult, BridgePort } from "../../store/index.ts";
import { type Attachment, type Delivery, type IngressEvent, MAX_TEXT_BYTES } from "../../store/index.ts";
import type { Reception } from "./access/reception.ts";
import type { Admit, Place } from "./access.ts";
import { type CommandName, parseText } from "./commands.ts";
import type { FilesIn, TakenFiles } from "./files-in.ts";
import type { Gate, Passage } from "./gate.ts";
import type { FileRef } from "./port.ts";
import { composed, type Quote } from "./quotation.ts";
import { type CommandDeps, runCommand } from "./run-command.ts";
import type { WaitingNotices } from "./waiting.ts";

/** A message as any platform gives it. */
export interface InboundMessage {
  conversation: string;
  bridge: string;
  /** The platform's idempotency key. */
  updateKey: string;
  deliver: Delivery;
  sender: { id: string; name: string };
  place: Place;
  /** The sender's language as the platform tells it (BCP 47). */
  language?: string;
  /** Absent when the message has no text (a photo, a sticker). */
  text?: string;
  /** Other people's words that it brings along. A forward has no text of its own. */
  quotes?: readonly Quote[];
  /** Files that it brings. */
  files?: readonly FileRef[];
  /** Milliseconds for which more of this message is expected (its paste was split, its album has more files). */
  quietMs?: number;
  /** That counts only behind a running turn or messages that wait. */
  quietIfAhead?: boolean;
  /** What joins it to the message before, where a client has split one text. */
  join?: string;
}

/** A message of somebody who was let in. */
type Admitted = InboundMessage & { principal: string };

/** What was done with a message. */
export type InboundOutcome =
  | { kind: "accepted"; result: AcceptResult }
  | { kind: "answered"; code: string }
  | { kind: "stranger"; told: boolean }
  | { kind: "ignored"; reason: string };

/** What handling a message needs. */
export interface InboundDeps extends CommandDeps {
  admit: Admit;
  /** Where people come in by themselves; absent: strangers hear nothing. */
  reception?: Reception | undefined;
  /** The bot's user name, for `/cmd@bot`. */
  botName: string;
  bridge: BridgePort;
  gate: Gate;
  waiting: WaitingNotices;
  files: FilesIn;
  /** Says a sentence of the catalogue, best effort. */
  reply(to: Delivery, code: string, params: Record<string, string>): Promise<void>;
}

/** Handles one message. Rejects with the store's Fault when it couldn't be stored: hand it in again. */
export async function handleInbound(given: InboundMessage, deps: InboundDeps): Promise<InboundOutcome> {
  const message = withLanguage(given);
  const [platform = message.bridge] = message.bridge.split(".");
  const access = await deps.admit({ ...message, platform });
  if (access.kind === "ignored") return access;
  if (access.kind === "stranger")
    return { kind: "stranger", told: (await deps.reception?.stranger(message)) ?? false };
  const { principal, conversation = message.conversation } = access;
  const admitted: Admitted = { ...message, conversation, principal };
  const about = await deps.reception?.command(message, access);
  if (about !== undefined) return { kind: "answered", code: about };
  if (message.files || message.quotes?.length)
    return await acceptMessage(admitted, message.text ?? "", deps, message.updateKey);
  if (message.text === undefined) return await answer(message, "text-only", deps);
  const parsed = parseText(message.text, deps.botName);
  switch (parsed.kind) {
    case "other-bot":
      return { kind: "ignored", reason: "other-bot" };
    case "unknown-command":
      // In a group it may well be another bot's.
      if (message.place.kind === "group") return { kind: "ignored", reason: "unknown command" };
      return await answer(message, "unknown-command", deps, { name: parsed.name });
    case "text":
      return await acceptMessage(admitted, parsed.text, deps, message.updateKey);
    case "command":
      return await runAsCommand(admitted, parsed.name, parsed.args, deps);
  }
}

/** What the agent reads: in groups with its speaker, others' words set apart. A piece of a paste needs neither. */
export function textFor({ bridge, sender, place, quotes = [], join }: InboundMessage, text: string): string {
  const [platform = bridge] = bridge.split(".");
  const speaker = { identity: `${platform}:${sender.id}`, name: sender.name };
  if (join !== undefined || (place.kind === "private" && quotes.length === 0)) return text;
  return composed({ text, quotes, ...(place.kind === "group" ? { speaker } : {}) });
}

/** With the message's address, so that whatever is said about it, by whomever, is said in its sender's language. */
export function withLanguage(message: InboundMessage): InboundMessage {
  const language = /^[A-Za-z0-9_-]{1,35}$/.exec(message.language ?? "")?.[0];
  return language === undefined ? message : { ...message, deliver: { ...message.deliver, language } };
}

async function runAsCommand(
  message: Admitted,
  name: CommandName,
  args: string,
  deps: InboundDeps,
): Promise<InboundOutcome> {
  const outcome = await runCommand(message, name, args, deps);
  if (outcome.kind === "answered") return { kind: "answered", code: name };
  logAccepted(message, outcome.result, deps);
  if (outcome.text === undefined) return { kind: "accepted", result: outcome.result };
  return await acceptMessage(message, outcome.text, deps, `${message.updateKey}.text`);
}

async function acceptMessage(
  message: Admitted,
  said: string,
  deps: InboundDeps,
  updateKey: string,
): Promise<InboundOutcome> {
  const text = textFor(message, said);
  if (Buffer.byteLength(text) > MAX_TEXT_BYTES) {
    return await answer(message, "too-long", deps, { limit: String(MAX_TEXT_BYTES / 1024) });
  }
  const { files = [] } = message;
  if (said.trim() === "" && files.length === 0 && !message.quotes?.length)
    return await answer(message, "text-only", deps);
  const passage = deps.gate.check(message.principal, deps.offers);
  if (passage.kind !== "open") return await refuse(message, passage, deps);
  const { perMinute } = passage;
  let result: AcceptResult | undefined;
  try {
    const taken = files.length === 0 ? NONE : await deps.files.take(files);
    if (taken.kind !== "taken") return await refuseFile(message, taken, deps);
    result = await store({ ...eventOf(message), updateKey, text }, taken.attachments, perMinute, deps);
  } finally {
    deps.gate.settled(message.principal, result?.kind === "accepted" ? result.left : undefined);
  }
  logAccepted(message, result, deps);
  tellWaiting(message, result, deps);
  return { kind: "accepted", result };
}

const NONE = { kind: "taken", attachments: [] } as const;

async function store(
  event: IngressEvent,
  attachments: readonly Attachment[],
  perMinute: number | undefined,
  deps: InboundDeps,
): Promise<AcceptResult> {
  try {
    const result = await deps.ingress.accept({
      ...event,
      ...(perMinute === undefined ? {} : { perMinute }),
      ...(attachments.length === 0 ? {} : { attachments: [...attachments] }),
    });
    const kept = result.kind === "accepted" && !result.duplicate;
    if (!kept && attachments.length > 0) await deps.files.drop(attachments);
    return result;
  } catch (error) {
    // It may have been stored all the same: then its files are needed. Else they are swept by age.
    if (error instanceof Fault && error.certain) await deps.files.drop(attachments);
    throw error;
  }
}

async function refuseFile(
  message: Admitted,
  taken: Exclude<TakenFiles, { kind: "taken" }>,
  deps: InboundDeps,
): Promise<InboundOutcome> {
  if (taken.kind === "no-files") return await answer(message, "text-only", deps);
  const { kind, name } = taken;
  const limit = kind === "too-large" ? { limit: taken.limit } : {};
  return await answer(message, kind === "too-large" ? "file-too-large" : "file-not-there", deps, {
    name,
    ...limit,
  });
}

/** Too many messages, or nothing left for today: said, but not each time. */
async function refuse(
  message: Admitted,
  passage: Exclude<Passage, { kind: "open" }>,
  deps: InboundDeps,
): Promise<InboundOutcome> {
  deps.logger.info({ conversation: message.conversation, passage: passage.kind }, "message refused");
  const code = passage.kind === "too-fast" ? "too-fast" : `used-up-${passage.what}`;
  const params: Record<string, string> =
    passage.kind === "too-fast" ? { seconds: String(passage.seconds), limit: String(passage.perMinute) } : {};
  if (passage.tell) await deps.reply(message.deliver, code, params);
  return { kind: "answered", code };
}

/** Pieces of one message, and one that ends the running turn or joins it, don't wait behind anything. */
function tellWaiting(message: Admitted, result: AcceptResult, deps: InboundDeps): void {
  if (result.kind !== "accepted" || result.duplicate) return;
  const alone = message.join === undefined && message.quietMs === undefined;
  const steers = result.steers !== undefined && !message.files;
  const ahead = alone && result.interrupts === undefined && !steers ? result.ahead : 0;
  deps.waiting.accepted(message.conversation, message.deliver, ahead);
}

function eventOf(message: Admitted): IngressEvent {
  const { conversation, bridge, updateKey, deliver, sender, principal, quietMs, join } = message;
  const name = sender.name.slice(0, 128).toWellFormed();
  return {
    conversation,
    bridge,
    updateKey,
    deliver,
    sender: { ...sender, name },
    principal,
    ...(quietMs === undefined ? {} : { quietMs, quietIfAhead: message.quietIfAhead === true }),
    ...(join === undefined ? {} : { join }),
  };
}

function logAccepted(message: InboundMessage, result: AcceptResult, deps: InboundDeps): void {
  const seq = "seq" in result ? result.seq : undefined;
  deps.logger.info(
    { conversation: message.conversation, updateKey: message.updateKey, seq, duplicate: result.duplicate },
    `message ${result.kind}`,
  );
}

async function answer(
  message: InboundMessage,
  code: string,
  deps: InboundDeps,
  params: Record<string, string> = {},
): Promise<InboundOutcome> {
  await deps.reply(message.deliver, code, params);
  return { kind: "answered", code };
}

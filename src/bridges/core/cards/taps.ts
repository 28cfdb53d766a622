/**
 * A press of a card's or list's button → the gateway's judgement → a sentence for the presser.
 * Nothing is decided here: who, what and from which message is handed on exactly as the platform reports it. Must never
 * let a press in that no person made, and never keep its presser waiting for a turn.
 */
import { Fault } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/logging.ts";
import type { CardPort, TapOutcome } from "../../../store/index.ts";
import type { FrontDoor } from "../access/door.ts";
import { type Words, wordsOf } from "../catalogue.ts";
import type { Content } from "../port.ts";
import type { CardBoard } from "./board.ts";
import { rulesContents } from "./lists.ts";
import { type Press, readPress } from "./press.ts";

/** A press as a platform reports it. */
export interface PressEvent {
  /** The same for the same press, however often it is delivered. */
  tapId: string;
  /** Callback data: whatever the client sent. */
  data: string;
  platform: string;
  presser: { id: string; name: string };
  /** The presser's language (BCP 47). */
  language?: string | undefined;
  /** Whose sandbox the presser speaks to in that chat. */
  principal: string;
  bridge: string;
  /** Chat and message that carried the button. */
  conversation: string;
  message: string;
  /** Data of all buttons that the message carries now, as the platform says; not what the client says. */
  carried: readonly string[];
}

/** What handling a press needs. */
export interface PressDeps {
  cards: CardPort;
  /** Judges presses about who gets in. */
  door?: Pick<FrontDoor, "press"> | undefined;
  board: Pick<CardBoard, "look" | "repost">;
  /** Whether buttons are shown; lists name ids where they aren't. */
  supportsButtons: boolean;
  logger: Logger;
}

/** What the presser is told, and what the pressed list looks like now, if it changed. */
export interface PressAnswer {
  text: string;
  kind: TapOutcome["kind"] | "reposted" | "failed" | "access";
  list?: Content;
}

/** Handles one press of somebody whom the bridge lets in; undefined when the data is no such button's. Never rejects. */
export async function handlePress(event: PressEvent, deps: PressDeps): Promise<PressAnswer | undefined> {
  const press = readPress(event.data);
  try {
    if (!press) {
      const text = await deps.door?.press(event);
      return text === undefined ? undefined : { kind: "access", text };
    }
    const answer = await answerTo(press, event, deps);
    const { conversation, presser } = event;
    deps.logger.info({ conversation, presser: presser.id, press: press.kind, outcome: answer.kind }, "tap");
    return answer;
  } catch (err) {
    // Not tried again by itself: a decision must not take effect when nobody expects it any more.
    deps.logger.warn({ err: err instanceof Fault ? err.code : err }, "tap not handed on");
    return { kind: "failed", text: wordsOf(event.language).phrase("tap.failed") };
  }
}

/** The sentence for an outcome. */
export function tapText(
  { kind, state }: Pick<TapOutcome, "kind" | "state">,
  say: Words = wordsOf("en"),
): string {
  if (kind === "done" && state !== undefined && state !== "pending") return say.phrase(`tap.${state}`);
  const decided = state?.startsWith("allowed-") || state === "denied";
  if (kind === "decided" && state && decided) return say.phrase(`tap.decided.${state}`);
  if (kind === "decided" && (state === "expired" || state === "cancelled")) return say.phrase(`tap.${state}`);
  return say.phrase(`tap.${kind}`);
}

/** The sentence for the outcome of taking a rule back. */
export function revokeText(outcome: Pick<TapOutcome, "kind" | "state">, say: Words = wordsOf("en")): string {
  return outcome.kind === "gone" ? say.phrase("tap.rule-gone") : tapText(outcome, say);
}

async function answerTo(press: Press, event: PressEvent, deps: PressDeps): Promise<PressAnswer> {
  switch (press.kind) {
    case "decide":
      return await decide(press, event, deps);
    case "repost":
      return await repost(press.approvalId, event, deps);
    case "revoke":
      return await revoke(press.ruleId, event, deps);
  }
}

async function decide(
  press: Press & { kind: "decide" },
  event: PressEvent,
  deps: PressDeps,
): Promise<PressAnswer> {
  const { approvalId, verb } = press;
  const card = await deps.cards.message(approvalId);
  // A card of this bridge's own, or one that was forgotten long after its end.
  if (!card) return told({ kind: "gone" }, event);
  const { tapId, bridge, conversation, message } = event;
  const outcome = await deps.cards.tap(card.principal, {
    kind: "decide",
    v: 1,
    tapId,
    approvalId,
    verb,
    by: deciderOf(event),
    bridge,
    conversation,
    message,
  });
  deps.board.look(card.principal, approvalId);
  return told(outcome, event);
}

/** Only within the chat that the question belongs to. */
async function repost(approvalId: string, event: PressEvent, deps: PressDeps): Promise<PressAnswer> {
  const { principal } = event;
  const record = await deps.cards.get(principal, approvalId);
  if (!record) return told({ kind: "gone" }, event);
  if (record.conversation !== event.conversation || record.bridge !== event.bridge) {
    return told({ kind: "misplaced" }, event);
  }
  if (record.state !== "pending") return told({ kind: "decided", state: record.state }, event);
  deps.board.repost(principal, approvalId);
  return { kind: "reposted", text: wordsOf(event.language).phrase("tap.reposted") };
}

async function revoke(ruleId: string, event: PressEvent, deps: PressDeps): Promise<PressAnswer> {
  const { tapId, bridge, conversation, carried, principal } = event;
  const by = deciderOf(event);
  const outcome = await deps.cards.tap(principal, {
    kind: "revoke",
    v: 1,
    tapId,
    ruleId,
    by,
    bridge,
    conversation,
  });
  const answer: PressAnswer = { kind: outcome.kind, text: revokeText(outcome, wordsOf(event.language)) };
  // Data that the message doesn't carry came from no button of it: then it is no list, and stays as it is.
  const listed = carried.flatMap((data) => {
    const button = readPress(data);
    return button?.kind === "revoke" ? [button.ruleId] : [];
  });
  if ((outcome.kind !== "revoked" && outcome.kind !== "gone") || !listed.includes(ruleId)) return answer;
  const left = (await deps.cards.rules(principal)).filter(
    (rule) => listed.includes(rule.ruleId) && rule.ruleId !== ruleId,
  );
  const [list] = rulesContents(left, deps.supportsButtons, wordsOf(event.language));
  return list ? { ...answer, list } : answer;
}

/** By numeric platform id; the name is what its bearer likes to be called. */
function deciderOf({ platform, presser }: PressEvent) {
  return { via: platform, identity: presser.id, name: presser.name.slice(0, 128).toWellFormed() };
}

function told(outcome: Pick<TapOutcome, "kind" | "state">, { language }: PressEvent): PressAnswer {
  return { kind: outcome.kind, text: tapText(outcome, wordsOf(language)) };
}

/**
 * An approval record as a card. Pure.
 * The gateway's facts come first; what the sandbox says stands last, quoted, in one line. Built as a tree: nothing that
 * others wrote is ever parsed as markup, and only a card starts with the card's sign.
 */
import type { PhrasingContent, RootContent } from "mdast";
import type { ApprovalRecord, TapVerb } from "../../../store/index.ts";
import { type Words, wordsOf } from "../catalogue.ts";
import type { Blocks } from "../markdown/parse.ts";
import type { Button, Content } from "../port.ts";
import { commandBlocks, commandButtons, commandText } from "./command-card.ts";
import { CARD_MARK } from "./marker.ts";
import { pressData } from "./press.ts";
import { asLine, programText, requestText, targetOf, targetText } from "./safe.ts";

/** The card of a record as it stands now, in its asker's language; `now` is the wall clock, for display only. */
export function cardContent(record: ApprovalRecord, now: number): Content {
  const say = wordsOf(record.deliver.language);
  const open = record.state === "pending";
  const blocks = record.command
    ? commandCard(say, record, now)
    : !open
      ? ended(say, record)
      : record.confirming
        ? confirming(say, record)
        : asking(say, record, now);
  const buttons = open ? buttonsOf(say, record) : [];
  return {
    kind: "card",
    blocks,
    source: lineOf(say, record),
    card: {
      approvalId: record.approvalId,
      target: whereTo(say, record),
      detail: detailOf(say, record, now),
      open,
      confirming: record.confirming,
      rev: record.rev,
    },
    ...(buttons.length > 0 ? { buttons, perRow: 2 } : {}),
  };
}

/** What is left of a card that was posted again below. */
export function movedContent(record: ApprovalRecord): Content {
  const say = wordsOf(record.deliver.language);
  const text = say.phrase("card.moved");
  return {
    kind: "card",
    blocks: [
      paragraph([
        `${CARD_MARK} ${text}`,
        BREAK,
        ...(record.command ? [whereTo(say, record)] : target(record)),
      ]),
    ],
    source: text,
  };
}

/** What makes the destination worth a look, in words; "" when nothing does. */
export function flagsOf(say: Words, record: ApprovalRecord): string {
  const { facts, risks } = record;
  const flags = new Set<string>(risks);
  if (facts.kind !== "name") flags.add("ip");
  if (facts.idn || /(^|\.)xn--/i.test(targetText(facts))) flags.add("idn");
  if (targetText(facts).includes("\\u{")) flags.add("odd");
  return [...flags].map((flag) => say.phrase(`card.flag.${flag}`)).join(" · ");
}

/** `hh:mm` in UTC. */
export function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 16);
}

/** What is asked for, on one line. */
export function whereTo(say: Words, record: ApprovalRecord): string {
  return record.command ? say.phrase("card.command.target") : targetText(record.facts);
}

function commandCard(say: Words, record: ApprovalRecord, now: number): Blocks {
  if (record.state === "pending") {
    const notes = [timeLeft(say, { ...record, holding: false }, now), say.phrase("card.command.note")];
    return commandBlocks(say, record, say.phrase("card.command.ask"), notes);
  }
  const outcome = outcomeOf(record);
  return commandBlocks(say, record, say.phrase(`card.state.${outcome}`), [
    say.phrase(outcome.startsWith("allowed-") ? "card.command.ran" : "card.command.not-run"),
    decided(say, record),
  ]);
}

function asking(say: Words, record: ApprovalRecord, now: number): Blocks {
  const { facts, attempts, held, holding } = record;
  const flags = flagsOf(say, record);
  const request = requestText(facts);
  const program = programText(facts.binary);
  const waiting = say.phrase("card.held", { count: String(holding ? held : 0) });
  const what = whatOf(say, record);
  const blocks: Blocks = [
    paragraph([`${CARD_MARK} ${say.phrase("card.ask")}`, BREAK, ...target(record)]),
    ...(flags === "" ? [] : [paragraph([`⚠️ ${flags}`])]),
    lines([
      program === "" ? say.phrase("card.program.unknown") : say.phrase("card.program", { program }),
      request === undefined ? say.phrase("card.tunnel") : say.phrase("card.request", { request }),
      `${say.phrase("card.attempts", { count: String(attempts) })} · ${waiting}`,
      timeLeft(say, record, now),
    ]),
    lines([
      say.phrase(holding ? "card.scope.once" : "card.scope.next"),
      say.phrase("card.scope.session", { what }),
      say.phrase("card.scope.always", { what }),
      say.phrase("card.scope.deny"),
    ]),
  ];
  return [...blocks, ...says(say, record)];
}

function confirming(say: Words, record: ApprovalRecord): Blocks {
  const reasons = record.risks.map((risk) => `⚠️ ${say.phrase(`card.why.${risk}`)}`);
  return [
    paragraph([`${CARD_MARK} ${say.phrase("card.confirm")}`, BREAK, ...target(record)]),
    lines(reasons.length > 0 ? reasons : [say.phrase("card.why.other")]),
    lines([say.phrase("card.scope.always", { what: whatOf(say, record) })]),
    ...says(say, record),
  ];
}

function ended(say: Words, record: ApprovalRecord): Blocks {
  const outcome = outcomeOf(record);
  return [
    paragraph([`${CARD_MARK} ${say.phrase(`card.state.${outcome}`)}`, BREAK, ...target(record)]),
    lines([say.phrase(`card.scope-of.${outcome}`, { what: whatOf(say, record) }), decided(say, record)]),
  ];
}

/** One line of Markdown, for a transcript and for screen readers; the target is no link. */
function lineOf(say: Words, record: ApprovalRecord): string {
  const target = record.command
    ? `\`${commandText(record, 200).replaceAll("`", "'")}\``
    : `\`${whereTo(say, record)}\``;
  if (record.state === "pending")
    return `${say.phrase(record.command ? "card.command.ask" : "card.ask")} ${target}`;
  const by = say.sentence("card.text", { text: decided(say, record) });
  return `${say.phrase(`card.state.${outcomeOf(record)}`)}: ${target} (${by})`;
}

/** What a one-line surface shows beside the target. */
function detailOf(say: Words, record: ApprovalRecord, now: number): string {
  if (record.command)
    return `${commandText(record, 200)} · ${timeLeft(say, { ...record, holding: false }, now)}`;
  const program = programText(record.facts.binary);
  const facts = [
    requestText(record.facts) ?? say.phrase("card.what.tunnel"),
    program === "" ? say.phrase("card.program.unknown") : say.phrase("card.program", { program }),
    flagsOf(say, record),
    timeLeft(say, record, now),
  ];
  return facts.filter((fact) => fact !== "").join(" · ");
}

function outcomeOf(record: ApprovalRecord): string {
  return record.state === "allowed-once" && record.nextTry ? "next-try" : record.state;
}

function decided(say: Words, record: ApprovalRecord): string {
  const time = clock(record.decidedAt);
  const name = asLine(record.decidedBy?.name ?? "", 40) || record.decidedBy?.identity;
  return name === undefined ? say.phrase("card.at", { time }) : say.phrase("card.by", { name, time });
}

/** The hold's end is a bound, so a card that isn't edited meanwhile stays true. */
function timeLeft(say: Words, record: ApprovalRecord, now: number): string {
  const time = clock(record.decideUntil);
  if (!record.holding) return say.phrase("card.open", { time });
  const whole = record.holdUntil - record.createdAt;
  const left = Math.min(whole, Math.max(0, record.holdUntil - now));
  return say.phrase("card.waits", { seconds: String(Math.ceil(left / 1_000)), time });
}

function whatOf(say: Words, record: ApprovalRecord): string {
  return say.phrase(requestText(record.facts) === undefined ? "card.what.tunnel" : "card.what.request");
}

function says(say: Words, record: ApprovalRecord): Blocks {
  const text = asLine(record.says, 200);
  if (text === "") return [];
  // Isolated, so that right-to-left letters in it stay within their quotation marks.
  const quoted = say.phrase("card.says", { says: `\u2068${text}\u2069` });
  return [
    { type: "blockquote", children: [{ type: "paragraph", children: [{ type: "text", value: quoted }] }] },
  ];
}

function buttonsOf(say: Words, record: ApprovalRecord): Button[] {
  if (record.command) return commandButtons(say, record);
  const { approvalId, holding, confirming } = record;
  const button = (label: string, verb: TapVerb): Button => ({
    label: say.phrase(`button.${label}`),
    data: pressData({ kind: "decide", approvalId, verb }),
  });
  if (confirming) return [button("confirm", "always-confirmed"), button("back", "back")];
  return [
    button(holding ? "once" : "next", "once"),
    button("session", "session"),
    button("always", "always"),
    button("deny", "deny"),
  ];
}

const BREAK = Symbol("line break");

function target(record: ApprovalRecord): PhrasingContent[] {
  const { before, domain, after } = targetOf(record.facts);
  return [
    ...(before === "" ? [] : [{ type: "text" as const, value: before }]),
    { type: "strong", children: [{ type: "text", value: domain }] },
    { type: "text", value: after },
  ];
}

function lines(texts: string[]): RootContent {
  return paragraph(texts.flatMap((text, i) => (i === 0 ? [text] : [BREAK, text])));
}

function paragraph(parts: (string | typeof BREAK | PhrasingContent)[]): RootContent {
  const children = parts.map((part): PhrasingContent => {
    if (part === BREAK) return { type: "break" };
    return typeof part === "string" ? { type: "text", value: part } : (part as PhrasingContent);
  });
  return { type: "paragraph", children };
}

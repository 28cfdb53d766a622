/**
 * The answers to /approvals and /rules: what waits for a decision, and what is allowed for good. Pure.
 * Targets stand in code, so that no client makes links of them.
 */
import type { PhrasingContent, RootContent } from "mdast";
import type { ApprovalRecord, RuleRecord } from "../../../store/index.ts";
import { type Words, wordsOf } from "../catalogue.ts";
import type { Button, Content } from "../port.ts";
import { commandText } from "./command-card.ts";
import { pressData } from "./press.ts";
import { clock, flagsOf, whereTo } from "./render.ts";
import { asLine, programText, requestText, targetText } from "./safe.ts";

/** Entries of one message: short enough for every platform's text limit. */
const PER_MESSAGE = 15;

interface Entry {
  number: string;
  target: string;
  detail: string;
  button?: Button;
}

/** Open questions of a principal; those of this conversation can be shown again below. */
export function approvalsContents(
  records: readonly ApprovalRecord[],
  conversation: string,
  supportsButtons: boolean,
  say: Words = wordsOf("en"),
): Content[] {
  const entries = records.map((record, i): Entry => {
    const here = record.conversation === conversation;
    const number = String(i + 1);
    const detail = [
      say.phrase("card.attempts", { count: String(record.attempts) }),
      flagsOf(say, record),
      say.phrase("card.open", { time: clock(record.decideUntil) }),
      here ? "" : say.phrase("approvals.elsewhere"),
    ];
    const data = pressData({ kind: "repost", approvalId: record.approvalId });
    return {
      number,
      target: record.command ? commandText(record, 80) : whereTo(say, record),
      detail: joined(detail),
      ...(here && supportsButtons
        ? { button: { label: say.phrase("button.repost", { number }), data } }
        : {}),
    };
  });
  return messages(say, "approvals", entries, "");
}

/** Standing rules of a principal, each with a button that takes it back, or with its id where there are no buttons. */
export function rulesContents(
  rules: readonly RuleRecord[],
  supportsButtons: boolean,
  say: Words = wordsOf("en"),
): Content[] {
  const entries = rules.map((rule, i): Entry => {
    const number = String(i + 1);
    const { ruleId, by, createdAt } = rule;
    const program = programText(rule.binary);
    const detail = [
      requestText({ ...rule, scheme: "https" }) ?? say.phrase("rules.any-request"),
      program === "" ? say.phrase("rules.any-program") : program,
      say.phrase("rules.since", {
        day: new Date(createdAt).toISOString().slice(0, 10),
        name: asLine(by.name, 40) || by.identity,
      }),
      supportsButtons ? "" : ruleId,
    ];
    const data = pressData({ kind: "revoke", ruleId });
    return {
      number,
      target: ruleTarget(rule),
      detail: joined(detail),
      button: { label: say.phrase("button.revoke", { number }), data },
    };
  });
  return messages(say, "rules", entries, supportsButtons ? "" : say.phrase("rules.how"));
}

/** One sentence of the catalogue's bare ones. */
export function noteContent(text: string): Content {
  return { kind: "notice", blocks: [line(text)], source: text };
}

/** A rule knows no registered part: the host is shown whole. */
function ruleTarget({ host, port }: RuleRecord): string {
  const kind = host.includes(":") ? ("ipv6" as const) : ("name" as const);
  return targetText({ host, domain: "", kind, port });
}

function joined(detail: string[]): string {
  return detail.filter((part) => part !== "").join(" · ");
}

function messages(say: Words, list: "approvals" | "rules", entries: Entry[], foot: string): Content[] {
  if (entries.length === 0) return [noteContent(say.phrase(`${list}.none`))];
  const contents: Content[] = [];
  for (let from = 0; from < entries.length; from += PER_MESSAGE) {
    contents.push(message(say, list, entries.slice(from, from + PER_MESSAGE), foot));
  }
  return contents;
}

function message(say: Words, list: "approvals" | "rules", entries: Entry[], foot: string): Content {
  const head = say.phrase(`${list}.head`);
  const items = entries.flatMap((entry, i): PhrasingContent[] => [
    ...(i === 0 ? [] : [{ type: "break" as const }]),
    ...itemNodes(say, list, entry),
  ]);
  const blocks = [line(head), { type: "paragraph" as const, children: items }];
  const markdown = entries.map(({ number, target, detail }) =>
    say.sentence(`${list}.item`, { number, target, detail }),
  );
  const buttons = entries.flatMap(({ button }) => (button ? [button] : []));
  return {
    kind: "notice",
    blocks: foot === "" ? blocks : [...blocks, line(foot)],
    source: [head, markdown.join("\n"), foot].filter((part) => part !== "").join("\n\n"),
    ...(buttons.length > 0 ? { buttons, perRow: 2 } : {}),
  };
}

/** The catalogue's item with its target as code: built, not parsed, so that nothing in it becomes a link. */
function itemNodes(
  say: Words,
  list: "approvals" | "rules",
  { number, target, detail }: Entry,
): PhrasingContent[] {
  const mark = "\u0000";
  const [before = "", after = ""] = say
    .phrase(`${list}.item`, { number, target: mark, detail })
    .split(`\`${mark}\``);
  return [
    { type: "text", value: before },
    { type: "inlineCode", value: target },
    { type: "text", value: after },
  ];
}

function line(text: string): RootContent {
  return { type: "paragraph", children: [{ type: "text", value: text }] };
}

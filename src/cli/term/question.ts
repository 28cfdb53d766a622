/**
 * The question box: the guide's own words, to the letter, and what one needs to know to answer. However small the screen
 * and long the name, the end of the name is there: that is the part that somebody owns.
 */
import { Box, Text } from "ink";
import { createElement as h, type ReactElement } from "react";
import type { ApprovalRecord } from "../../store/index.ts";
import { frame, line, toned } from "./pieces.ts";
import { cutMiddle, shown } from "./safe.ts";
import { currentCard, nameOf, type State } from "./state.ts";

const ASKED = "[OpenShell] Agent attempted to reach ";
/** Least room for a name behind the sentence; with less it gets a line of its own. */
const LEAST_ROOM = 24;

interface QuestionProps {
  state: State;
  width: number;
  /** Lines that it may take, borders included. */
  lines: number;
  borders: boolean;
}

/** The box; nothing while nothing is asked. */
export function Question({ state, width, lines, borders }: QuestionProps): ReactElement {
  const card = currentCard(state);
  if (!card) return h(Box);
  const texts = textsOf(state, card, borders ? width - 4 : width);
  const more = state.approvals.length > 1 ? ` (1 of ${state.approvals.length})` : "";
  if (borders)
    return frame({ title: `Question${more}`, width, height: lines, color: "yellow", children: texts });
  return h(Box, { flexDirection: "column", height: lines }, ...texts.slice(0, lines));
}

/** OpenClaw's own question before a command: no boundary, and the sandbox's words. */
function commandTexts(
  state: State,
  card: ApprovalRecord,
  command: NonNullable<ApprovalRecord["command"]>,
  room: number,
): ReactElement[] {
  const strong = { bold: true, color: "yellow" };
  const letters = command.always ? "y/n/a" : "y/n";
  const meaning = `# y=allow once, n=deny${command.always ? ", a=add permanently" : ""}`;
  return [
    line("asked", h(Text, strong, "[OpenShell] Agent asks to run a command inside the sandbox:")),
    line("command", h(Text, { bold: true }, shown(command.line, Math.max(10, room)))),
    line("allow", h(Text, { bold: true }, `Allow? [${letters}]:  `), toned(meaning, "dim")),
    line("about", toned(`${shown(nameOf(state, card.principal), 24)} · in ${shown(command.cwd, 80)}`, "dim")),
  ];
}

function textsOf(state: State, card: ApprovalRecord, room: number): ReactElement[] {
  if (card.command) return commandTexts(state, card, card.command, room);
  const { facts, held, attempts, risks, says, holding } = card;
  const strong = { bold: true, color: "yellow" };
  const oneLine = room - ASKED.length - 6 >= LEAST_ROOM;
  const target = targetOf(facts, oneLine ? room - ASKED.length : room);
  const sure = state.confirming === card.approvalId;
  const waiting =
    held > 0 ? `${held} waiting` : holding ? `${attempts} tried` : "nobody waits: for the next try";
  const request = facts.method
    ? `${shown(facts.method, 16)} ${shown(facts.path ?? "", 60)}`
    : "any method, any path";
  const program = shown(facts.binary ?? "unknown program", 40);
  return [
    ...(oneLine
      ? [line("asked", h(Text, strong, ASKED + target))]
      : [line("asked", h(Text, strong, ASKED.trim())), line("target", h(Text, strong, target))]),
    sure
      ? line(
          "allow",
          h(Text, { bold: true, color: "red" }, "For good? [y/n]:  "),
          toned(risks.join(", "), "bad"),
        )
      : line(
          "allow",
          h(Text, { bold: true }, "Allow? [y/n/a]:  "),
          toned("# y=allow once, n=deny, a=add permanently, s=this session", "dim"),
        ),
    line(
      "about",
      risks.length > 0 && !sure ? toned(`[${risks.join(", ")}] `, "bad") : "",
      toned(`${shown(nameOf(state, card.principal), 24)} · ${waiting} · ${program} · ${request}`, "dim"),
    ),
    line(
      "says",
      toned(says === "" ? "the agent said nothing about it" : `the agent says: “${shown(says)}”`, "dim"),
    ),
  ];
}

/** `host:port` in so much room: the registered part first, then the end, then the beginning. */
export function targetOf({ host, domain, port, kind }: ApprovalRecord["facts"], room: number): string {
  const end = `:${port}`;
  const name = kind === "ipv6" && !host.startsWith("[") ? `[${shown(host, 80)}]` : shown(host, 253);
  const most = room - end.length;
  if (name.length <= most) return name + end;
  // Where the owner doesn't fit, nothing that stands before it is shown: it could look like another one.
  const fits = name.endsWith(domain) && domain.length + 4 <= most;
  const tail = fits ? domain.length + 1 : most - 1;
  if (tail < 1) return cutMiddle(name + end, Math.max(3, room));
  return `${name.slice(0, most - 1 - tail)}…${name.slice(-tail)}${end}`;
}

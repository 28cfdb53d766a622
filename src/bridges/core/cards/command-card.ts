/**
 * The card of a command that OpenClaw asks about. Pure. It says that it is about the sandbox's inside and no boundary,
 * and shows the command as code: the sandbox's words, made harmless, never cut without saying so.
 */
import type { RootContent } from "mdast";
import type { ApprovalRecord, TapVerb } from "../../../store/index.ts";
import type { Words } from "../catalogue.ts";
import type { Blocks } from "../markdown/parse.ts";
import type { Button } from "../port.ts";
import { CARD_MARK, withoutMark } from "./marker.ts";
import { pressData } from "./press.ts";
import { asLine } from "./safe.ts";

/** Letters of a command on a card. */
const MOST = 700;

/** The command in one line, for lists and one-line surfaces. */
export function commandText(record: ApprovalRecord, most: number): string {
  return asLine(record.command?.line ?? "", most);
}

/** What stands on the card; `ended` and `left` are the lines about outcome and time. */
export function commandBlocks(
  say: Words,
  record: ApprovalRecord,
  head: string,
  foot: readonly string[],
): Blocks {
  const { line = "", cwd = "" } = record.command ?? {};
  const where = asLine(cwd, 80);
  return [
    text([`${CARD_MARK} ${head}`]),
    { type: "code", value: printable(line) },
    text([...(where === "" ? [] : [say.phrase("card.command.where", { where })]), ...foot]),
  ];
}

/** Once and Deny; Always only where OpenClaw offers it. */
export function commandButtons(say: Words, { approvalId, command }: ApprovalRecord): Button[] {
  const button = (verb: TapVerb): Button => ({
    label: say.phrase(`button.${verb}`),
    data: pressData({ kind: "decide", approvalId, verb }),
  });
  return [button("once"), ...(command?.always ? [button("always")] : []), button("deny")];
}

/** Lines stay lines; what can't be seen is shown as `\u{…}`. */
function printable(command: string): string {
  const lines = withoutMark(command).split(/\r\n|\r|\n/);
  const shown = lines.map((line) => asLine(line, MOST)).join("\n");
  const letters = [...shown];
  return letters.length <= MOST ? shown : `${letters.slice(0, MOST - 1).join("")}…`;
}

function text(lines: readonly string[]): RootContent {
  return {
    type: "paragraph",
    children: lines.flatMap((value, i) =>
      i === 0
        ? [{ type: "text" as const, value }]
        : [{ type: "break" as const }, { type: "text" as const, value }],
    ),
  };
}

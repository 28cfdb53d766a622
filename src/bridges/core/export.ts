/** A conversation as a Markdown file, for /export. Pure. */
import type { PastTurn } from "../../store/index.ts";
import { markdownOf, type Words } from "./catalogue.ts";
import type { OutgoingFile } from "./port.ts";

/** The file; undefined when there is nothing to keep. */
export function exportOf(say: Words, turns: readonly PastTurn[]): OutgoingFile | undefined {
  const last = turns.at(-1);
  if (!last) return undefined;
  const parts = turns.flatMap((turn) => [
    `## ${say.phrase("export.you")}, ${stamp(turn.acceptedAt)}`,
    ...turn.files.map((name) => `📎 ${name}`),
    ...spokenIn(turn.answer),
    turn.text,
    `## ${say.phrase("export.agent")}, ${stamp(turn.settledAt)}`,
    ...(turn.answer.kind === "final" ? (turn.answer.attachments ?? []).map(({ name }) => `📎 ${name}`) : []),
    markdownOf(turn.answer, say.language),
  ]);
  const text = [`# ${say.phrase("export.title")}`, ...parts.filter((part) => part !== "")].join("\n\n");
  const day = stamp(last.settledAt).slice(0, 10);
  return {
    name: `conversation-${day}.md`,
    mime: "text/markdown",
    bytes: Buffer.from(`${text}\n`.toWellFormed()),
  };
}

/** What was said in recordings, whole. */
function spokenIn(answer: PastTurn["answer"]): string[] {
  const heard = answer.kind === "notice" ? [] : (answer.heard ?? []);
  return heard.flatMap((one) => ("failed" in one ? [] : [`🎤 ${one.text}`]));
}

function stamp(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

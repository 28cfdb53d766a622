/** What a turn that ended badly was asked, for asking it once more. Pure. */
import type { IngressEvent, TurnRecord } from "./records.ts";

/** Text and files of all its messages: they lie in the spool until a turn with them was answered (`worker/turn-files.ts`). */
export function repeated(turn: TurnRecord): Pick<IngressEvent, "text" | "attachments"> {
  const { attachments } = turn;
  return { text: wholeText(turn), ...(attachments && attachments.length > 0 ? { attachments } : {}) };
}

/** Everything that the turn was asked: also what joined it while it ran. */
export function wholeText({ text, steered = [] }: Pick<TurnRecord, "text" | "steered">): string {
  return [text, ...steered.map((one) => one.text)].filter((part) => part !== "").join("\n\n");
}

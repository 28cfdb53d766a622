/** What a turn that ended badly was asked, for asking it once more. Pure. */
import type { IngressEvent, TurnRecord } from "./records.ts";

/** Text and files of all its messages: they lie in the spool until a turn with them was answered (`worker/turn-files.ts`). */
export function repeated({ text, attachments }: TurnRecord): Pick<IngressEvent, "text" | "attachments"> {
  return { text, ...(attachments && attachments.length > 0 ? { attachments } : {}) };
}

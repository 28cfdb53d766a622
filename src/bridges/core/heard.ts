/** What was understood of a person's recordings, above the answer to them. Pure. */
import type { AnswerBody } from "../../store/index.ts";
import type { Words } from "./catalogue.ts";

/** Characters that are shown of what was said: enough to see whether it was understood. All of it is in /export. */
const SHOWN = 300;

/** One line for each recording, in Markdown; "" when there is none. */
export function heardText(say: Words, body: AnswerBody): string {
  const heard = body.kind === "notice" ? [] : (body.heard ?? []);
  // One sentence is enough for several recordings that nothing was made of for the same reason.
  const lines = heard.map((one) => {
    if ("failed" in one) return `🎤 ${say.sentence(`heard-${one.failed}`)}`;
    if (one.text === "") return `🎤 ${say.sentence("heard-nothing")}`;
    const short = one.text.length > SHOWN ? `${one.text.slice(0, SHOWN).toWellFormed()}…` : one.text;
    return `🎤 ${say.sentence("heard", { text: short })}`;
  });
  return [...new Set(lines)].join("\n\n");
}

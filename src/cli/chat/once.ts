/** `--once`: one question through the console bridge, the answer alone on stdout. */
import { consoleClient } from "../../bridges/console/index.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import { EXIT, report, say } from "../io.ts";

/** Asks and prints; returns the exit code. Gives up, silently, when the signal says so. */
export async function askOnce(consoleSocket: string, text: string, signal: AbortSignal): Promise<number> {
  let last = "";
  const status = (line: string) => {
    if (line !== "" && line !== last) say(`· ${line}`);
    last = line;
  };
  try {
    const timeoutMs = TIMEOUTS.turn + TIMEOUTS.waking;
    const answer = await consoleClient(consoleSocket).ask(text, {
      chat: "once",
      timeoutMs,
      signal,
      onDraft: (draft) => status(draft.status),
      // Nobody answers here: whoever watches learns where to decide.
      onCard: (card) =>
        status(card.open ? `waits for a decision (console page or prompt): ${card.target}` : ""),
    });
    if (answer.kind !== "final") {
      say(`nemoclaw: ${answer.markdown}`);
      return EXIT.failed;
    }
    process.stdout.write(`${answer.markdown}\n`);
    return EXIT.ok;
  } catch (error) {
    return signal.aborted ? EXIT.failed : report(error);
  }
}

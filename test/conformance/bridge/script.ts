/** What the suite's worker answers, by the first word of a message. No agent: bridges are what is tested. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TurnHandler } from "../../bridges/tiny-worker.ts";
import { SAMPLES } from "./samples.ts";

/** Lines of a long answer, each with its number. */
export const LONG_LINES = 260;

/** See the module's header. */
export const script: TurnHandler = async (turn, show) => {
  const [verb = "", ...rest] = turn.text.split(" ");
  const text = rest.join(" ");
  show("working");
  switch (verb) {
    case "stream":
    case "slow":
      for (let i = 0; i < (verb === "slow" ? 16 : 4); i++) {
        show("text", `half of it ${i}`);
        show("tool", `running step ${i}`);
        await sleep(600);
      }
      return final(`THE FINAL of ${text}`);
    case "wake":
      show("waking");
      await sleep(2_500);
      return final(`THE FINAL of ${text}`);
    case "late":
      await sleep(800);
      return final(`THE FINAL of ${text}`);
    case "long": {
      const lines = Array.from({ length: LONG_LINES }, (_, i) => `row ${i} ${"x".repeat(20)}`);
      return final(`THE FINAL\n\n${lines.join("\n\n")}\n\nSECOND PART`);
    }
    case "two":
      return final(`THE FINAL of ${text}\n\n${"filler ".repeat(700)}\n\nSECOND PART`);
    case "sample":
      return final(SAMPLES[text]?.markdown ?? "no such sample");
    case "fail":
      return { kind: "failure", code: text, reference: "ref-1234" };
    case "notice":
      return { kind: "notice", code: text, params: {} };
    case "empty":
      return final("");
    default:
      return final(`echo: ${turn.text}`);
  }
};

const final = (markdown: string) => ({ kind: "final" as const, markdown });

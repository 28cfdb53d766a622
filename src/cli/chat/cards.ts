/**
 * Approval cards in a terminal: what to print, and what the next line means while a card is open. Pure.
 * A line is a decision only while a card is open and only if it is one of the few letters; everything else is a message.
 */
import type { CardEvent } from "../../bridges/console/index.ts";
import { verbOf } from "../../bridges/core/index.ts";
import type { TapVerb } from "../../store/index.ts";

/** A line that decided: what to press, and where. */
export interface CardPress {
  card: CardEvent;
  data: string;
}

const ASKING: Readonly<Record<string, TapVerb>> = {
  ...{ y: "once", yes: "once", n: "deny", no: "deny", a: "always", s: "session" },
};
const CONFIRMING: Readonly<Record<string, TapVerb>> = {
  ...{ y: "always-confirmed", yes: "always-confirmed", n: "back", no: "back" },
};

/** The cards of one terminal. The oldest open one is asked; the others wait. */
export class TerminalCards {
  private open: CardEvent[] = [];
  /** What was asked last, so that a counter's change prints nothing. */
  private asked = "";

  /** A card appeared or changed: what to print, "" for nothing. */
  accept(card: CardEvent): string {
    const known = this.open.findIndex(({ approvalId }) => approvalId === card.approvalId);
    if (known >= 0 && this.open[known]!.rev > card.rev) return "";
    if (card.open && known >= 0) this.open[known] = card;
    else if (card.open) this.open.push(card);
    else this.open = this.open.filter(({ approvalId }) => approvalId !== card.approvalId);
    const outcome = card.open || known < 0 ? "" : `[OpenShell] ${plain(card.markdown)}\n`;
    return outcome + this.question();
  }

  /** A new stream tells anew what is open. */
  forget(): void {
    this.open = [];
  }

  /** What a line decides; undefined when it is a message. */
  read(line: string): CardPress | undefined {
    const card = this.open[0];
    if (!card) return undefined;
    const letters = card.confirming ? CONFIRMING : ASKING;
    const word = line.trim().toLowerCase();
    const verb = Object.hasOwn(letters, word) ? letters[word] : undefined;
    const button = verb && card.buttons.find(({ data }) => verbOf(data) === verb);
    return button && { card, data: button.data };
  }

  private question(): string {
    const card = this.open[0];
    const key = card ? `${card.approvalId} ${card.confirming}` : "";
    if (key === this.asked) return "";
    this.asked = key;
    if (!card) return "";
    return card.confirming ? confirmation(card) : question(card);
  }
}

/** The agent's words, so that they neither steer the terminal nor pass for one of our questions. */
export function agentText(text: string): string {
  return (
    text
      .replace(/\r\n?/g, "\n")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "")
      .replace(/\[(OpenShell)\]/gi, "($1)")
  );
}

function question({ target, detail }: CardEvent): string {
  return [
    `[OpenShell] Agent attempted to reach ${target}`,
    "Allow? [y/n/a]:  # y=allow once, n=deny, a=add permanently",
    `  s=this session · ${detail}\n`,
  ].join("\n");
}

function confirmation({ target, detail }: CardEvent): string {
  return [
    `[OpenShell] Add ${target} permanently?`,
    "Sure? [y/n]:  # y=yes, always, n=back to the question",
    `  ${detail}\n`,
  ].join("\n");
}

/** One line of Markdown without its marks: targets stand in code, names may be escaped. */
function plain(markdown: string): string {
  return markdown.replace(/`/g, "").replace(/\\([!-/:-@[-`{-~])/g, "$1");
}

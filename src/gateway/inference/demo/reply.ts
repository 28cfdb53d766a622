/**
 * The demo's answers: an intent and the tools at hand in, text or one tool call out. Pure and deterministic.
 * Must say in every answer that this is a demo and no AI.
 */
import { calculate } from "./arithmetic.ts";
import type { Conversation } from "./conversation.ts";
import { type Intent, intentOf } from "./intent.ts";

/** One answer. `pieces` are sent one by one; `slow` ones with a pause between them. */
export type DemoReply =
  | { kind: "text"; pieces: string[]; slow: boolean }
  | { kind: "tool"; name: string; args: Record<string, unknown>; lead: string };

const NOTE = "\n\n(Demo model, not an AI.)";
const HELP =
  "I am the built-in demo model: a fixed program, not an AI. I can do sums (`What is 2+2?`), `echo TEXT`, " +
  "`count slowly to 20`, `fetch URL`, `run COMMAND` and `write FILE: TEXT`. " +
  "For a real model set the key of a provider, for example `OPENAI_API_KEY`, and start again.";
const MAX_RESULT = 6_000;

const text = (full: string, slow = false): DemoReply => ({ kind: "text", pieces: pieces(full), slow });

/** Words with the blanks that follow them: small chunks, as a real model streams. */
function pieces(full: string): string[] {
  return full.match(/\S*\s*/g)?.filter(Boolean) ?? [];
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A code block that the content can't end. */
function fenced(content: string): string {
  const longest = Math.max(2, ...(content.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${content.replace(/\n$/, "")}\n${fence}`;
}

/** Answers a conversation. */
export function replyTo(conversation: Conversation): DemoReply {
  const intent = intentOf(conversation.said);
  if (conversation.results.length > 0) return report(intent, conversation.results);
  switch (intent.kind) {
    case "greet":
      return text(`Hello! ${HELP}`);
    case "help":
      return text(HELP);
    case "sum": {
      const result = calculate(intent.expression);
      return text(
        result === undefined
          ? `I can't work out ${intent.expression}.${NOTE}`
          : `${intent.expression.trim()} = ${result}${NOTE}`,
      );
    }
    case "count": {
      const numbers = Array.from({ length: intent.to }, (_, i) => `${i + 1}${i + 1 < intent.to ? ", " : ""}`);
      return { kind: "text", pieces: [...numbers, NOTE], slow: intent.slowly };
    }
    case "words":
      return text(
        `${Array.from({ length: intent.count }, (_, i) => `word${i + 1}${i % 12 === 11 ? ".\n" : ""}`).join(" ")}${NOTE}`,
      );
    case "echo":
      return text(`${intent.text}${NOTE}`);
    case "unknown":
      return text(intent.text ? `You said: ${intent.text}\n\n${HELP}` : HELP);
    default:
      return toolCall(intent, conversation.tools);
  }
}

type ToolIntent = Extract<Intent, { kind: "fetch" | "run" | "write" }>;

function toolCall(intent: ToolIntent, tools: ReadonlySet<string>): DemoReply {
  const call = (name: string, args: Record<string, unknown>, lead: string): DemoReply => ({
    kind: "tool",
    name,
    args,
    lead,
  });
  const canRun = tools.has("exec");
  if (intent.kind === "run" && canRun)
    return call("exec", { command: intent.command }, "Demo model: I run that now.\n\n");
  if (intent.kind === "write") {
    if (tools.has("write")) {
      return call(
        "write",
        { path: intent.path, content: intent.content },
        "Demo model: I write that file now.\n\n",
      );
    }
    if (canRun) {
      const command = `printf %s ${quoted(intent.content)} > ${quoted(intent.path)}`;
      return call("exec", { command }, "Demo model: I write that file now.\n\n");
    }
  }
  if (intent.kind === "fetch") {
    if (tools.has("web_fetch"))
      return call("web_fetch", { url: intent.url }, "Demo model: I fetch that now.\n\n");
    if (canRun) {
      const command = `curl -sS -L --max-time 60 -- ${quoted(intent.url)}`;
      return call("exec", { command }, "Demo model: I fetch that now.\n\n");
    }
  }
  return text(`The agent offers me no tool for that.${NOTE}`);
}

function report(intent: Intent, results: string[]): DemoReply {
  const all = results.join("\n");
  const shown =
    all.length > MAX_RESULT
      ? `${all.slice(0, MAX_RESULT)}\n… (${all.length - MAX_RESULT} more characters)`
      : all;
  const what =
    intent.kind === "run"
      ? "The command's result"
      : intent.kind === "fetch"
        ? "What came back"
        : intent.kind === "write"
          ? "The file tool's result"
          : "The tool's result";
  return text(`${what}:\n\n${fenced(shown.trim() || "(nothing)")}${NOTE}`);
}

/**
 * Finds, in a request of either dialect, what the user really said last and what tools have answered since.
 * OpenClaw appends a user message with internal context, stamps user texts with the time, and adds a "Runtime:" block
 * to the first one; "the last user message" is therefore not the user's text.
 */

/** What the demo needs to know of a conversation. */
export interface Conversation {
  /** The user's last words. */
  said: string;
  /** Results of tools called since, oldest first. */
  results: string[];
  tools: Set<string>;
}

interface Message {
  role?: unknown;
  content?: unknown;
}

const INTERNAL = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>";
const STAMP = /^\[[A-Z][a-z]{2} \d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2})?[^\]]{0,40}\]\s*/;
const RUNTIME = /\n\nRuntime: agent=[^\n]*(?:\n[\s\S]*)?$/;
/** Facts about the sender that OpenClaw's gateway puts between the stamp and the words. */
const CONTEXT = /^[^\n]*⟦openclaw:ctx⟧\n```json\n[\s\S]*?\n```\n\n/;

/** Text of a message's content: a string, or the text parts of an array. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) => (part as { text?: unknown })?.text)
    .filter((text) => typeof text === "string")
    .join("\n");
}

/** A user's text without what the agent's program put around it. */
export function bareText(text: string): string {
  const cut = text.indexOf(INTERNAL);
  return (cut < 0 ? text : text.slice(0, cut))
    .replace(STAMP, "")
    .replace(CONTEXT, "")
    .replace(RUNTIME, "")
    .trim();
}

/** Reads a request body that was already judged. */
export function readConversation(body: Record<string, unknown>): Conversation {
  const messages = (Array.isArray(body["messages"]) ? body["messages"] : []) as Message[];
  let results: string[] = [];
  let said = "";
  for (const message of messages) {
    if (message.role === "tool") results.push(textOf(message.content));
    else if (message.role === "user") {
      // Anthropic's tool results are parts of user messages.
      const blocks = Array.isArray(message.content)
        ? (message.content as { type?: unknown; content?: unknown }[])
        : [];
      const answered = blocks
        .filter((block) => block?.type === "tool_result")
        .map((block) => textOf(block.content));
      const text = bareText(textOf(message.content));
      if (answered.length > 0) results.push(...answered);
      else if (text) {
        said = text;
        results = [];
      }
    }
  }
  const tools = (Array.isArray(body["tools"]) ? body["tools"] : []) as {
    name?: unknown;
    function?: { name?: unknown };
  }[];
  return {
    said,
    results,
    tools: new Set(tools.map((tool) => String(tool?.function?.name ?? tool?.name ?? ""))),
  };
}

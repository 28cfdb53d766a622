/**
 * The demo's replies in the words of both dialects: whole bodies and stream frames. Pure.
 */
import type { Dialect } from "../providers.ts";
import type { Tokens } from "../usage.ts";
import type { DemoReply } from "./reply.ts";

/** Renders one reply. */
export interface Framer {
  whole(reply: DemoReply): string;
  start(reply: DemoReply): string;
  text(piece: string): string;
  end(reply: DemoReply): string;
}

const MODEL = "demo-1";

/** The renderer of a dialect; `ref` makes the ids. */
export function framerFor(dialect: Dialect, ref: string, tokens: Tokens, withUsage: boolean): Framer {
  return dialect === "openai" ? openai(ref, tokens, withUsage) : anthropic(ref, tokens);
}

function openai(ref: string, tokens: Tokens, withUsage: boolean): Framer {
  const base = { id: `chatcmpl-${ref}`, created: Math.floor(Date.now() / 1_000), model: MODEL };
  const usage = {
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
  };
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const call = (reply: Extract<DemoReply, { kind: "tool" }>) => ({
    id: `call_${ref}`,
    type: "function",
    function: { name: reply.name, arguments: JSON.stringify(reply.args) },
  });
  return {
    whole(reply) {
      const message =
        reply.kind === "text"
          ? { role: "assistant", content: reply.pieces.join("") }
          : { role: "assistant", content: reply.lead, tool_calls: [call(reply)] };
      const finish_reason = reply.kind === "text" ? "stop" : "tool_calls";
      return JSON.stringify({
        ...base,
        object: "chat.completion",
        choices: [{ index: 0, message, finish_reason }],
        usage,
      });
    },
    start: () => chunk({ role: "assistant", content: "" }),
    text: (piece) => chunk({ content: piece }),
    end(reply) {
      const last =
        reply.kind === "text"
          ? chunk({}, "stop")
          : chunk({ tool_calls: [{ index: 0, ...call(reply) }] }) + chunk({}, "tool_calls");
      const counted = withUsage
        ? `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [], usage })}\n\n`
        : "";
      return `${last}${counted}data: [DONE]\n\n`;
    },
  };
}

function anthropic(ref: string, tokens: Tokens): Framer {
  const id = `msg_${ref}`;
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const stop = (reply: DemoReply) => (reply.kind === "text" ? "end_turn" : "tool_use");
  const usage = { input_tokens: tokens.input, output_tokens: tokens.output };
  return {
    whole(reply) {
      const content =
        reply.kind === "text"
          ? [{ type: "text", text: reply.pieces.join("") }]
          : [
              { type: "text", text: reply.lead },
              { type: "tool_use", id: `toolu_${ref}`, name: reply.name, input: reply.args },
            ];
      const end = { stop_reason: stop(reply), stop_sequence: null };
      return JSON.stringify({ id, type: "message", role: "assistant", model: MODEL, content, ...end, usage });
    },
    start() {
      const end = { stop_reason: null, stop_sequence: null };
      const message = { id, type: "message", role: "assistant", model: MODEL, content: [], ...end };
      return (
        event("message_start", { message: { ...message, usage: { ...usage, output_tokens: 0 } } }) +
        event("content_block_start", { index: 0, content_block: { type: "text", text: "" } })
      );
    },
    text: (piece) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text: piece } }),
    end(reply) {
      let out = event("content_block_stop", { index: 0 });
      if (reply.kind === "tool") {
        const block = { type: "tool_use", id: `toolu_${ref}`, name: reply.name, input: {} };
        out += event("content_block_start", { index: 1, content_block: block });
        const delta = { type: "input_json_delta", partial_json: JSON.stringify(reply.args) };
        out += event("content_block_delta", { index: 1, delta });
        out += event("content_block_stop", { index: 1 });
      }
      out += event("message_delta", { delta: { stop_reason: stop(reply), stop_sequence: null }, usage });
      return out + event("message_stop", {});
    },
  };
}

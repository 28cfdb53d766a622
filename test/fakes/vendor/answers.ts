/**
 * Good answers of both vendors, whole and as stream events, byte forms as the real ones use them.
 */
import type { Behaviour } from "./behaviour.ts";

/** Rendered answer. `events` are complete event texts; the last ones carry finish, usage and end. */
export interface Rendered {
  whole: string;
  chunks: string[];
  ending: string[];
}

/** Splits the text into the wanted number of pieces. */
function pieces(text: string, wanted: number | undefined): string[] {
  const words = text.match(/\S+\s*/g) ?? [text];
  if (wanted === undefined) return words;
  return Array.from({ length: wanted }, (_, i) => words[i] ?? `t${i} `);
}

/** Chat completions. */
export function renderOpenAI(behaviour: Behaviour, model: string, inputTokens: number): Rendered {
  const text = behaviour.text ?? "Hello from the fake vendor.";
  const words = pieces(text, behaviour.chunks);
  const usage = {
    prompt_tokens: inputTokens,
    completion_tokens: words.length,
    total_tokens: inputTokens + words.length,
  };
  const base = { id: "chatcmpl-fake", created: 1_700_000_000, model };
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }], usage: null })}\n\n`;
  const omit = new Set(behaviour.omit ?? []);
  const call = behaviour.tool && { id: "call_fake", type: "function", function: behaviour.tool };
  const finish = call ? "tool_calls" : "stop";
  const chunks = call
    ? [chunk({ role: "assistant", content: null, tool_calls: [{ index: 0, ...call }] })]
    : words.map((word, i) => chunk(i === 0 ? { role: "assistant", content: word } : { content: word }));
  return {
    whole: JSON.stringify({
      ...base,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: call
            ? { role: "assistant", content: null, tool_calls: [call] }
            : { role: "assistant", content: words.join("") },
          finish_reason: finish,
        },
      ],
      ...(omit.has("usage") ? {} : { usage }),
    }),
    chunks,
    ending: [
      ...(omit.has("finish") ? [] : [chunk({}, finish)]),
      ...(omit.has("usage")
        ? []
        : [`data: ${JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [], usage })}\n\n`]),
      ...(omit.has("done") ? [] : ["data: [DONE]\n\n"]),
    ],
  };
}

/** Messages. */
export function renderAnthropic(behaviour: Behaviour, model: string, inputTokens: number): Rendered {
  const words = pieces(behaviour.text ?? "Hello from the fake vendor.", behaviour.chunks);
  const omit = new Set(behaviour.omit ?? []);
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const cache = { cache_creation_input_tokens: 3, cache_read_input_tokens: 4 };
  const base = { id: "msg_fake", type: "message", role: "assistant", model };
  const usage = { input_tokens: inputTokens, ...cache, output_tokens: words.length };
  return {
    whole: JSON.stringify({
      ...base,
      content: [{ type: "text", text: words.join("") }],
      stop_reason: "end_turn",
      usage,
    }),
    chunks: [
      event("message_start", { message: { ...base, content: [], usage: { ...usage, output_tokens: 1 } } }) +
        event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }) +
        event("content_block_delta", { index: 0, delta: { type: "text_delta", text: words[0] } }),
      ...words
        .slice(1)
        .map((text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } })),
    ],
    ending: [
      event("content_block_stop", { index: 0 }),
      ...(omit.has("usage")
        ? []
        : [
            event("message_delta", {
              delta: { stop_reason: "end_turn" },
              usage: { output_tokens: words.length },
            }),
          ]),
      ...(omit.has("done") ? [] : [event("message_stop", {})]),
    ],
  };
}

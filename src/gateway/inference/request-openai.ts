/**
 * What a chat-completions request may ask for. Everything is named; what isn't named is refused, because a vendor's
 * extra features (web search, files by URL, stored conversations, MCP servers) would be a way out past the policy.
 * Judges outlines (json-outline.ts): strings here may be shortened, so only forms and short values are checked.
 */
import { z } from "zod";

/** Inline bytes only; never a URL that the vendor would fetch. */
const dataUrl = z.string().regex(/^data:[a-z]+\/[a-z0-9.+-]+;base64,/i, "must be an inline data: URL");
const shortText = z.string().max(256);
const cacheControl = z.strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() });
const cached = { cache_control: cacheControl.nullish() };

const textPart = z.strictObject({ type: z.literal("text"), text: z.string(), ...cached });
const part = z.discriminatedUnion("type", [
  textPart,
  z.strictObject({
    type: z.literal("image_url"),
    image_url: z.strictObject({ url: dataUrl, detail: z.enum(["auto", "low", "high"]).optional() }),
    ...cached,
  }),
  z.strictObject({ type: z.literal("video_url"), video_url: z.strictObject({ url: dataUrl }) }),
  z.strictObject({
    type: z.literal("input_audio"),
    input_audio: z.strictObject({ data: z.string(), format: z.enum(["wav", "mp3"]) }),
  }),
  z.strictObject({
    type: z.literal("file"),
    file: z.strictObject({ file_data: dataUrl, filename: shortText.optional() }),
    ...cached,
  }),
  z.strictObject({ type: z.literal("refusal"), refusal: z.string() }),
]);
const text = z.union([z.string(), z.array(textPart)]);
const name = shortText.optional();

const toolCall = z.strictObject({
  id: shortText,
  type: z.literal("function"),
  function: z.strictObject({ name: shortText, arguments: z.string() }),
  /** Gemini's thought signatures travel back here. */
  extra_content: z.strictObject({ google: z.strictObject({ thought_signature: z.string() }) }).optional(),
});

const message = z.discriminatedUnion("role", [
  z.strictObject({ role: z.enum(["system", "developer"]), content: text, name }),
  z.strictObject({ role: z.literal("user"), content: z.union([z.string(), z.array(part)]), name }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.union([z.string(), z.array(part), z.null()]).optional(),
    name,
    refusal: z.string().nullish(),
    tool_calls: z.array(toolCall).optional(),
    // Names under which vendors return reasoning; agents send it back unchanged.
    reasoning: z.string().nullish(),
    reasoning_content: z.string().nullish(),
    reasoning_text: z.string().nullish(),
    reasoning_details: z.array(z.record(z.string(), z.unknown())).nullish(),
  }),
  z.strictObject({
    role: z.literal("tool"),
    content: z.union([z.string(), z.array(part)]),
    tool_call_id: shortText,
    name,
  }),
]);

const tool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: shortText,
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
  ...cached,
});

const count = z.number().int().min(1).max(10_000_000);

/** Every top-level member that is let through. Nothing that stores, fetches, multiplies the cost or picks a route. */
export const OPENAI_FIELDS = {
  /** Ignored: the router sets it. */
  model: z.string().max(256).optional(),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
    .nullish(),
  tools: z.array(tool).max(512).optional(),
  tool_choice: z
    .union([
      z.enum(["none", "auto", "required"]),
      z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: shortText }) }),
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  max_tokens: count.nullish(),
  max_completion_tokens: count.nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  n: z.literal(1).nullish(),
  store: z.literal(false).nullish(),
  prompt_cache_key: shortText.optional(),
  reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).nullish(),
  verbosity: z.enum(["low", "medium", "high"]).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  response_format: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("text") }),
      z.strictObject({ type: z.literal("json_object") }),
      z.strictObject({
        type: z.literal("json_schema"),
        json_schema: z.strictObject({
          name: shortText,
          description: z.string().optional(),
          schema: z.record(z.string(), z.unknown()).optional(),
          strict: z.boolean().nullish(),
        }),
      }),
    ])
    .optional(),
};

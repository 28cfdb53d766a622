/**
 * What an Anthropic messages request may ask for; the same rule as request-openai.ts: named or refused.
 * Server tools, MCP connectors, containers, file ids and URL sources are not named, so they never pass.
 */
import { z } from "zod";

const shortText = z.string().max(256);
const cacheControl = z.strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).optional() });
const cached = { cache_control: cacheControl.nullish() };
const base64 = z.strictObject({ type: z.literal("base64"), media_type: shortText, data: z.string() });

const textBlock = z.strictObject({ type: z.literal("text"), text: z.string(), ...cached });
const image = z.strictObject({ type: z.literal("image"), source: base64, ...cached });
const document = z.strictObject({
  type: z.literal("document"),
  source: z.discriminatedUnion("type", [
    base64,
    z.strictObject({ type: z.literal("text"), media_type: shortText, data: z.string() }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  ...cached,
});
const block = z.discriminatedUnion("type", [
  textBlock,
  image,
  document,
  z.strictObject({
    type: z.literal("tool_use"),
    id: shortText,
    name: shortText,
    input: z.record(z.string(), z.unknown()),
    ...cached,
  }),
  z.strictObject({
    type: z.literal("tool_result"),
    tool_use_id: shortText,
    content: z
      .union([z.string(), z.array(z.discriminatedUnion("type", [textBlock, image, document]))])
      .optional(),
    is_error: z.boolean().optional(),
    ...cached,
  }),
  z.strictObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() }),
  z.strictObject({ type: z.literal("redacted_thinking"), data: z.string() }),
]);

const message = z.strictObject({
  role: z.enum(["user", "assistant"]),
  content: z.union([z.string(), z.array(block)]),
});

/** Every top-level member that is let through. */
export const ANTHROPIC_FIELDS = {
  /** Ignored: the router sets it. */
  model: z.string().max(256).optional(),
  messages: z.array(message).min(1),
  system: z.union([z.string(), z.array(textBlock)]).optional(),
  max_tokens: z.number().int().min(1).max(10_000_000),
  stream: z.boolean().optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.number().int().optional(),
  stop_sequences: z.array(z.string()).max(16).optional(),
  tools: z
    .array(
      z.strictObject({
        type: z.literal("custom").optional(),
        name: shortText,
        description: z.string().optional(),
        input_schema: z.record(z.string(), z.unknown()),
        strict: z.boolean().optional(),
        eager_input_streaming: z.boolean().optional(),
        ...cached,
      }),
    )
    .max(512)
    .optional(),
  tool_choice: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.enum(["auto", "any"]), disable_parallel_tool_use: z.boolean().optional() }),
      z.strictObject({
        type: z.literal("tool"),
        name: shortText,
        disable_parallel_tool_use: z.boolean().optional(),
      }),
      z.strictObject({ type: z.literal("none") }),
    ])
    .optional(),
  thinking: z
    .discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("enabled"),
        budget_tokens: z.number().int().min(1),
        display: shortText.optional(),
      }),
      z.strictObject({ type: z.literal("adaptive"), display: shortText.optional() }),
      z.strictObject({ type: z.literal("disabled") }),
    ])
    .optional(),
  output_config: z.strictObject({ effort: z.enum(["low", "medium", "high", "xhigh", "max"]) }).optional(),
};

/** Beta flags that change only how the answer is made; all others are dropped. */
export const ANTHROPIC_BETAS: ReadonlySet<string> = new Set([
  "prompt-caching-2024-07-31",
  "extended-cache-ttl-2025-04-11",
  "interleaved-thinking-2025-05-14",
  "fine-grained-tool-streaming-2025-05-14",
  "token-efficient-tools-2025-02-19",
  "output-128k-2025-02-19",
  "effort-2025-11-24",
]);

/**
 * The checks that real vendors make before they answer: authentication, known parameters, well-formed conversations.
 * A router that sends what a vendor would refuse fails its tests here.
 */
import type { IncomingHttpHeaders } from "node:http";

/** What is wrong, as the vendor would say it. */
export interface Complaint {
  status: number;
  message: string;
}

const OPENAI_KNOWN = new Set(
  (
    "model messages stream stream_options tools tool_choice parallel_tool_calls max_tokens max_completion_tokens " +
    "temperature top_p frequency_penalty presence_penalty seed stop n store prompt_cache_key reasoning_effort verbosity " +
    "logprobs top_logprobs response_format"
  ).split(" "),
);
const ANTHROPIC_KNOWN = new Set(
  "model messages system max_tokens stream temperature top_p top_k stop_sequences tools tool_choice thinking output_config".split(
    " ",
  ),
);

type Json = Record<string, unknown>;

/** Checks a chat-completions request. */
export function checkOpenAI(
  body: Json,
  headers: IncomingHttpHeaders,
  key: string,
  models: Set<string>,
): Complaint | undefined {
  if (headers.authorization !== `Bearer ${key}`) {
    return { status: 401, message: `Incorrect API key provided: ${headers.authorization ?? ""}.` };
  }
  const common = checkCommon(body, headers, OPENAI_KNOWN, models);
  if (common) return common;
  if (body["stream_options"] !== undefined && body["stream"] !== true) {
    return {
      status: 400,
      message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    };
  }
  if (body["max_tokens"] !== undefined && body["max_completion_tokens"] !== undefined) {
    return {
      status: 400,
      message: "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    };
  }
  const open = new Set<string>();
  for (const message of body["messages"] as {
    role?: string;
    tool_calls?: { id: string }[];
    tool_call_id?: string;
  }[]) {
    if (!["system", "developer", "user", "assistant", "tool"].includes(message.role ?? "")) {
      return { status: 400, message: `Invalid value: '${message.role}'.` };
    }
    for (const call of message.tool_calls ?? []) open.add(call.id);
    if (message.role === "tool" && !open.has(message.tool_call_id ?? "")) {
      return {
        status: 400,
        message: "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
      };
    }
  }
  return undefined;
}

/** Checks a messages request. */
export function checkAnthropic(
  body: Json,
  headers: IncomingHttpHeaders,
  key: string,
  models: Set<string>,
): Complaint | undefined {
  if (headers["x-api-key"] !== key) return { status: 401, message: "invalid x-api-key" };
  if (!headers["anthropic-version"]) return { status: 400, message: "anthropic-version: header is required" };
  const common = checkCommon(body, headers, ANTHROPIC_KNOWN, models);
  if (common) return common;
  if (typeof body["max_tokens"] !== "number") return { status: 400, message: "max_tokens: Field required" };
  return undefined;
}

function checkCommon(
  body: Json,
  headers: IncomingHttpHeaders,
  known: Set<string>,
  models: Set<string>,
): Complaint | undefined {
  if (headers["content-type"] !== "application/json")
    return { status: 415, message: "Unsupported content type" };
  for (const field of Object.keys(body)) {
    if (!known.has(field))
      return { status: 400, message: `Unrecognized request argument supplied: ${field}` };
  }
  if (!models.has(String(body["model"])))
    return { status: 404, message: `The model '${body["model"]}' does not exist.` };
  if (!Array.isArray(body["messages"]) || body["messages"].length === 0)
    return { status: 400, message: "messages: too short" };
  return undefined;
}

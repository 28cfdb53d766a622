/**
 * Tokens and money of one call: what is held before it, and what it turned out to use. Pure.
 * Cached input counts as input: a budget may be kept too strictly, never too loosely.
 */

/** Tokens of one call. */
export interface Tokens {
  input: number;
  output: number;
}

/** Millionths of a dollar per million tokens. */
export interface Price {
  input: number;
  output: number;
}

/** Bytes per token of English prose and JSON, rounded down so that estimates err upwards. */
const BYTES_PER_TOKEN = 4;
/** Output that is held when the caller names no cap. */
const DEFAULT_OUTPUT = 4_096;

/** Estimate held before a call. */
export function estimate(requestBytes: number, maxOutput: number | undefined): Tokens {
  return { input: Math.ceil(requestBytes / BYTES_PER_TOKEN), output: maxOutput ?? DEFAULT_OUTPUT };
}

/** Money for tokens, rounded up to whole micros. */
export function microsOf(tokens: Tokens, price: Price | undefined): number {
  if (!price) return 0;
  return Math.ceil((tokens.input * price.input + tokens.output * price.output) / 1_000_000);
}

const count = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.round(value) : 0;

/** `usage` of either dialect, in one answer or one stream event; fields that are absent stay undefined. */
export function readUsage(usage: unknown): Partial<Tokens> {
  if (typeof usage !== "object" || usage === null) return {};
  const u = usage as Record<string, unknown>;
  const out: Partial<Tokens> = {};
  if ("prompt_tokens" in u) out.input = count(u["prompt_tokens"]);
  else if ("input_tokens" in u) {
    out.input =
      count(u["input_tokens"]) +
      count(u["cache_read_input_tokens"]) +
      count(u["cache_creation_input_tokens"]);
  }
  // Some vendors leave reasoning out of completion_tokens; the total tells.
  const total = count(u["total_tokens"]);
  if ("completion_tokens" in u) {
    out.output = Math.max(count(u["completion_tokens"]), out.input === undefined ? 0 : total - out.input);
  } else if ("output_tokens" in u) out.output = count(u["output_tokens"]);
  return out;
}

/**
 * Counts a stream's output without parsing it, for when it ends before its usage arrives: the bytes of the events
 * beyond the smallest one (the frame), or one token per event, whichever is more.
 */
export class StreamEstimate {
  #events = 0;
  #bytes = 0;
  #smallest = Number.POSITIVE_INFINITY;

  add(eventBytes: number): void {
    this.#events++;
    this.#bytes += eventBytes;
    if (eventBytes < this.#smallest) this.#smallest = eventBytes;
  }

  get output(): number {
    if (this.#events === 0) return 0;
    return Math.max(this.#events, Math.ceil((this.#bytes - this.#events * this.#smallest) / BYTES_PER_TOKEN));
  }
}

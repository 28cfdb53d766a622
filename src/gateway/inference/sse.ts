/**
 * Reads along with a vendor's event stream: whole events only go on, usage is picked out, a vendor's own error event is
 * held back, the key is looked for. Doesn't parse events that carry only text. Never holds more than one event.
 */
import type { Dialect } from "./providers.ts";
import type { SecretGuard } from "./secret-guard.ts";
import { readUsage, StreamEstimate, type Tokens } from "./usage.ts";

/** One event may be this large (tool arguments come in one piece from some vendors). */
const MAX_EVENT = 4 * 1024 * 1024;

/** What one chunk led to. `forward` may be empty. `stop` = end the stream with that error after `forward`. */
export interface Tapped {
  forward: Buffer;
  stop?: "vendor_failed" | "answer_blocked";
}

const NOTHING = Buffer.alloc(0);

/** The reader of one stream. */
export class EventTap {
  readonly #dialect: Dialect;
  readonly #guard: SecretGuard;
  /** False: the usage event was asked for by us, not by the caller, and is taken out. */
  readonly #passUsage: boolean;
  readonly #estimate = new StreamEstimate();
  #carry: Buffer = NOTHING;
  #usage: Partial<Tokens> = {};
  #done = false;
  #finished = false;

  constructor(dialect: Dialect, guard: SecretGuard, passUsage: boolean) {
    this.#dialect = dialect;
    this.#guard = guard;
    this.#passUsage = passUsage;
  }

  /** The dialect's end mark was seen. */
  get done(): boolean {
    return this.#done;
  }

  /** The answer is complete, whether or not the end mark came. */
  get finished(): boolean {
    return this.#finished || this.#done;
  }

  /** Tokens as far as known. `estimated` when the vendor didn't say. */
  tokens(estimatedInput: number): Tokens & { estimated: boolean } {
    const { input, output } = this.#usage;
    const complete = input !== undefined && output !== undefined && this.finished;
    return {
      input: input ?? estimatedInput,
      output: complete ? output : Math.max(output ?? 0, this.#estimate.output),
      estimated: !complete,
    };
  }

  /** Takes a chunk, gives back the events that became whole. */
  push(chunk: Buffer): Tapped {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    const text = bytes.toString("latin1");
    const end = blankEnd(text, text.length);
    if (end === 0) {
      this.#carry = bytes;
      return bytes.length > MAX_EVENT ? { forward: NOTHING, stop: "vendor_failed" } : { forward: NOTHING };
    }
    this.#carry = end < bytes.length ? bytes.subarray(end) : NOTHING;
    const events = end < text.length ? text.slice(0, end) : text;
    if (this.#guard.hit(events)) return { forward: NOTHING, stop: "answer_blocked" };
    return this.#read(events, bytes.subarray(0, end));
  }

  #read(text: string, bytes: Buffer): Tapped {
    const cuts: [number, number][] = [];
    for (let at = text.indexOf("data:"); at >= 0; ) {
      let end = text.indexOf("\n", at);
      if (end < 0) end = text.length;
      if (at === 0 || text.charCodeAt(at - 1) === 10) {
        const seen = this.#event(text.slice(at + 5, end).trim());
        if (seen === "error") {
          return { forward: bytes.subarray(0, blankEnd(text, at)), stop: "vendor_failed" };
        }
        if (seen === "usage-only" && !this.#passUsage)
          cuts.push([at, end + (text[end + 1] === "\r" ? 3 : 2)]);
      }
      at = text.indexOf("data:", end);
    }
    return { forward: cuts.length === 0 ? bytes : without(bytes, cuts) };
  }

  #event(payload: string): "error" | "usage-only" | undefined {
    if (payload === "[DONE]") {
      this.#done = true;
      return undefined;
    }
    // A quote inside a JSON string is escaped, so these only ever find keys.
    if (payload.includes('"usage":') || payload.includes('"error"') || payload.includes('"usage" :')) {
      let event: Record<string, unknown> | undefined;
      try {
        event = JSON.parse(payload) as Record<string, unknown>;
      } catch {
        return "error";
      }
      if (event === null || typeof event !== "object") return "error";
      if (event["error"] != null || event["type"] === "error") return "error";
      const message = event["message"] as { usage?: unknown } | undefined;
      Object.assign(this.#usage, readUsage(event["usage"] ?? message?.usage));
      const choices = event["choices"];
      if (event["usage"] != null && Array.isArray(choices) && choices.length === 0) return "usage-only";
    }
    if (this.#dialect === "anthropic") {
      if (payload.includes('"type":"message_stop"')) this.#done = true;
    } else if (payload.includes('"finish_reason":"')) this.#finished = true;
    this.#estimate.add(payload.length);
    return undefined;
  }
}

/** Index after the last blank line at or before `before`; 0 when there is none. Events begin and end there. */
function blankEnd(text: string, before: number): number {
  const lf = text.lastIndexOf("\n\n", before);
  const crlf = text.lastIndexOf("\r\n\r\n", before);
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 4);
}

function without(bytes: Buffer, cuts: [number, number][]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const [start, end] of cuts) {
    parts.push(bytes.subarray(from, start));
    from = end;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

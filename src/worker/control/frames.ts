/**
 * Length-prefixed JSON frames: bytes in, checked frames out. Pure: knows no socket.
 * Every cap that protects the reader is here: frame size, UTF-8, nesting, schema.
 */
import type { FromGuest, ToGuest } from "../../sandbox/index.ts";
import { FromGuestSchema } from "./schema.ts";
import { MAX_FRAME } from "./wire.ts";

/** Levels of `[` and `{` that a frame may nest. */
export const MAX_DEPTH = 16;
/** Commas outside of strings: what parsing costs is the number of values, not bytes. A full hello has about 5,000. */
export const MAX_COMMAS = 10_000;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A guest broke the protocol; its connection is closed. The message names the rule, never the content. */
export class ProtocolViolation extends Error {}

/** Collects chunks and cuts frames. */
export class FrameBuffer {
  #bytes: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Size of the next frame when it is complete. */
  peek(): number | undefined {
    if (this.#bytes.length < 4) return undefined;
    const size = this.#bytes.readUInt32BE(0);
    // Refused by its announced size, before a byte of it is kept.
    if (size > MAX_FRAME) throw new ProtocolViolation(`frame larger than ${MAX_FRAME} bytes`);
    return this.#bytes.length >= 4 + size ? size : undefined;
  }

  /** The next frame's JSON bytes; call after {@link peek} gave its size. */
  shift(size: number): Buffer {
    const body = this.#bytes.subarray(4, 4 + size);
    this.#bytes = this.#bytes.subarray(4 + size);
    return body;
  }
}

/** Looks at brackets and commas outside of strings, before JSON.parse, which has no such limits. */
function checkShape(json: Uint8Array): void {
  let depth = 0;
  let commas = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > MAX_DEPTH) throw new ProtocolViolation(`JSON nested deeper than ${MAX_DEPTH}`);
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === 0x2c && ++commas > MAX_COMMAS)
      throw new ProtocolViolation(`JSON with more than ${MAX_COMMAS} values`);
  }
}

/** One frame's bytes as a checked message, or a {@link ProtocolViolation}. */
export function parseFrame(json: Uint8Array): FromGuest {
  checkShape(json);
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(json));
  } catch {
    throw new ProtocolViolation("frame is not JSON");
  }
  const parsed = FromGuestSchema.safeParse(value);
  if (!parsed.success) throw new ProtocolViolation("frame does not fit the schema");
  return parsed.data;
}

/** A message for the guest as bytes. Throws a RangeError when it is larger than a frame may be. */
export function encodeFrame(message: ToGuest): Buffer {
  const json = Buffer.from(JSON.stringify(message), "utf8");
  if (json.length > MAX_FRAME) throw new RangeError(`message to the guest is ${json.length} bytes`);
  const frame = Buffer.allocUnsafe(4 + json.length);
  frame.writeUInt32BE(json.length, 0);
  json.copy(frame, 4);
  return frame;
}

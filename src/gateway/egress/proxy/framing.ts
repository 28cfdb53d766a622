/**
 * How a request's body is framed, and a strict decoder for chunks. Anything that another reader could take for another
 * length is a fault. Pure; the decoder is fed bytes and never looks at a socket.
 */
import { type HeaderLine, membersOf, type RequestHead, valuesOf } from "./head.ts";

/** A body's framing. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" };

/** Why framing was refused. */
export type FramingFault =
  | "length_and_encoding"
  | "several_lengths"
  | "bad_length"
  | "bad_encoding"
  | "encoding_in_1_0";

/** Decides from the head alone. */
export function framingOf(
  head: RequestHead,
): { ok: true; framing: Framing } | { ok: false; fault: FramingFault } {
  const lengths = valuesOf(head.headers, "content-length");
  const encodings = valuesOf(head.headers, "transfer-encoding");
  if (lengths.length > 0 && encodings.length > 0) return { ok: false, fault: "length_and_encoding" };
  if (encodings.length > 0) {
    if (head.minor === 0) return { ok: false, fault: "encoding_in_1_0" };
    if (encodings.length > 1 || encodings[0]!.toLowerCase() !== "chunked")
      return { ok: false, fault: "bad_encoding" };
    return { ok: true, framing: { kind: "chunked" } };
  }
  if (lengths.length > 1) return { ok: false, fault: "several_lengths" };
  if (lengths.length === 0) return { ok: true, framing: { kind: "none" } };
  // Up to 15 digits stay exact in a number.
  if (!/^[0-9]{1,15}$/.test(lengths[0]!)) return { ok: false, fault: "bad_length" };
  return { ok: true, framing: { kind: "length", length: Number(lengths[0]) } };
}

/** Headers that belong to one connection and never travel on (RFC 9110 §7.6.1), and what only a proxy is told. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** The headers that travel on: without hop-by-hop ones and those that `Connection` names. */
export function endToEnd(headers: readonly HeaderLine[]): HeaderLine[] {
  const named = new Set(membersOf(headers, "connection"));
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    // Naming Host or a length as a connection option must not remove it: that is how a request is bent.
    return !HOP_BY_HOP.has(lower) && !(named.has(lower) && lower !== "host" && lower !== "content-length");
  });
}

/** Longest chunk-size line and longest trailer section. */
const MAX_SIZE_DIGITS = 8;
const MAX_TRAILER = 8 * 1024;

/**
 * Decodes a chunked body. No chunk extensions, no leading space, at most 8 hex digits, CRLF only. Trailers are read and
 * dropped. Throws nothing: a fault is a value, after which the decoder must not be fed again.
 */
export class ChunkDecoder {
  private state: "size" | "data" | "data_end" | "trailer" | "done" = "size";
  private line = "";
  private left = 0;
  private trailer = 0;

  /** True after the last chunk and the trailers. */
  get done(): boolean {
    return this.state === "done";
  }

  /** Takes bytes. Returns decoded pieces and how many bytes were used (less than given only when done). */
  feed(bytes: Buffer): { ok: true; data: Buffer[]; used: number } | { ok: false } {
    const data: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && this.state !== "done") {
      if (this.state === "data") {
        const piece = bytes.subarray(at, at + this.left);
        data.push(piece);
        at += piece.length;
        this.left -= piece.length;
        if (this.left === 0) this.state = "data_end";
        continue;
      }
      this.line += String.fromCharCode(bytes[at++]!);
      if (!this.step()) return { ok: false };
    }
    return { ok: true, data, used: at };
  }

  /** One more character of a size line, of the CRLF after data, or of the trailers. False: malformed. */
  private step(): boolean {
    const { line } = this;
    const ended = line.endsWith("\n");
    if (ended && !line.endsWith("\r\n")) return false;
    if (this.state === "data_end") {
      if (!"\r\n".startsWith(line)) return false;
      if (ended) this.next("size");
      return true;
    }
    if (this.state === "size") {
      if (!ended) return line.length <= MAX_SIZE_DIGITS + 1 && /^[0-9a-fA-F]*\r?$/.test(line);
      const digits = line.slice(0, -2);
      if (digits === "") return false;
      this.left = Number.parseInt(digits, 16);
      this.next(this.left === 0 ? "trailer" : "data");
      return true;
    }
    if (++this.trailer > MAX_TRAILER) return false;
    if (!ended) return true;
    if (line === "\r\n") this.next("done");
    // A trailer is a header line; a lone CR or a NUL in it is not.
    else if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n$/.test(line)) return false;
    this.line = "";
    return true;
  }

  private next(state: "size" | "data" | "trailer" | "done"): void {
    this.state = state;
    this.line = "";
  }
}

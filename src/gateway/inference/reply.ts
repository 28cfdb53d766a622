/**
 * Writes answers to the sandbox: only headers that are named here, back-pressure both ways, errors in the caller's
 * dialect, also in a stream that has begun.
 */
import type { ServerResponse } from "node:http";
import { failpoint } from "../../lib/failpoints.ts";
import { errorBody, errorFrame, type InferenceCode, type InferenceError, statusOf } from "./errors.ts";
import type { Dialect } from "./providers.ts";
import type { EventTap } from "./sse.ts";
import type { StreamSink } from "./vendor-call.ts";

/** Sends a whole JSON answer. */
export function sendJson(
  res: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  res.end(body);
}

/** Ends a call badly: a body before the first byte, else a frame and the dialect's end. */
export function sendError(res: ServerResponse, error: InferenceError, dialect: Dialect, ref: string): void {
  if (res.destroyed || res.writableEnded) return;
  if (res.headersSent) {
    res.end(errorFrame(error, dialect, ref));
    return;
  }
  const headers: Record<string, string> = { "x-nemoclaw-ref": ref };
  if (error.retryAfterSeconds !== undefined) headers["retry-after"] = String(error.retryAfterSeconds);
  // The rest of an oversized body is not read: the connection can't be used again.
  if (error.code === "request_too_large") headers["connection"] = "close";
  sendJson(res, statusOf(error.code), errorBody(error, dialect, ref), headers);
}

/** Starts an event stream. */
export function beginStream(res: ServerResponse): void {
  res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
}

/** Passes a vendor's stream on through an {@link EventTap}. */
export class StreamReply implements StreamSink {
  readonly #res: ServerResponse;
  readonly #tap: EventTap;
  readonly #dialect: Dialect;
  readonly #ref: string;
  /** performance.now() of the vendor's first byte. */
  firstAt: number | undefined;
  verdict: "ok" | InferenceCode = "vendor_cut";

  constructor(res: ServerResponse, tap: EventTap, dialect: Dialect, ref: string) {
    this.#res = res;
    this.#tap = tap;
    this.#dialect = dialect;
    this.#ref = ref;
  }

  begin(resume: () => void): void {
    this.firstAt = performance.now();
    failpoint("gateway.first-byte");
    this.#res.on("drain", resume);
  }

  data(chunk: Buffer): { more: boolean; stop?: InferenceCode } {
    const { forward, stop } = this.#tap.push(chunk);
    if (forward.length === 0) return stop ? { more: false, stop } : { more: true };
    if (!this.#res.headersSent) beginStream(this.#res);
    const more = this.#res.write(forward);
    return stop ? { more, stop } : { more };
  }

  /** Ends it as the vendor did, with the end mark that it forgot, or with an error frame. */
  end(problem: InferenceCode | undefined): void {
    const { done, finished } = this.#tap;
    const wrong =
      problem === "vendor_cut" && done ? undefined : (problem ?? (finished ? undefined : "vendor_cut"));
    this.verdict = wrong ?? "ok";
    if (wrong) sendError(this.#res, { code: wrong }, this.#dialect, this.#ref);
    else this.#res.end(done || this.#dialect === "anthropic" ? undefined : "data: [DONE]\n\n");
  }
}

/**
 * One attempt at one vendor: four separate time-outs (connect, first byte, idle, total by the caller's signal),
 * cancellation at any moment, back-pressure. Knows HTTP, not dialects; follows no redirect; hands on no header.
 */
import type { Dispatcher } from "undici";
import type { TIMEOUTS } from "../../lib/timeouts.ts";
import type { InferenceCode } from "./errors.ts";
import { type Failure, failureOf } from "./retry.ts";

/** The limits that one attempt keeps. */
export type VendorTimeouts = { [K in "modelFirstByte" | "modelIdle"]: (typeof TIMEOUTS)[K] | number };

/** What is sent. */
export interface VendorRequest {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  stream: boolean;
}

/** Takes a stream's bytes. `begin` comes with the first chunk. `data` returns false to be asked to wait. */
export interface StreamSink {
  begin(resume: () => void): void;
  /** `stop` ends the call with that code. */
  data(chunk: Buffer): { more: boolean; stop?: InferenceCode };
  /** Once after `begin`, in the same tick as the last chunk where there is one: it then costs no packet of its own. */
  end(problem: InferenceCode | undefined): void;
}

/** How the attempt ended. `sent` = the vendor may have begun to work, and to bill. */
export type VendorOutcome =
  | { kind: "failed"; failure: Failure; sent: boolean; status?: number; cause?: string }
  | { kind: "json"; body: Buffer }
  | { kind: "streamed"; problem?: InferenceCode; cause?: string }
  | { kind: "aborted"; began: boolean; sent: boolean };

/** Answers that are not streamed are held whole up to here. */
const MAX_JSON = 32 * 1024 * 1024;
const MAX_ERROR_BODY = 16 * 1024;

const header = (headers: Record<string, string | string[] | undefined>, name: string): string => {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? "";
};

/** Makes the attempt. Never rejects. */
export function callVendor(
  pool: Dispatcher,
  request: VendorRequest,
  sink: StreamSink,
  timeouts: VendorTimeouts,
  signal: AbortSignal,
): Promise<VendorOutcome> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    let began = false;
    let status = 0;
    let retryAfter = "";
    let chunks: Buffer[] = [];
    let size = 0;

    const finish = (outcome: VendorOutcome) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      if (outcome.kind === "streamed") sink.end(outcome.problem);
      resolve(outcome);
    };
    /** Ends the exchange with the vendor as well. */
    const drop = (outcome: VendorOutcome) => {
      if (over) return;
      finish(outcome);
      controller?.abort(new Error("call ended"));
    };
    const failed = (code: InferenceCode, extra: Partial<Failure> = {}, cause?: string): VendorOutcome => ({
      kind: "failed",
      failure: { code, again: false, elsewhere: true, ...extra },
      sent: controller !== undefined,
      ...(status ? { status } : {}),
      ...(cause === undefined ? {} : { cause }),
    });
    const onAbort = () => drop({ kind: "aborted", began, sent: controller !== undefined });
    const arm = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (began) drop({ kind: "streamed", problem: "vendor_stalled" });
        else drop(failed("vendor_silent"));
      }, ms);
    };

    if (signal.aborted) return resolve({ kind: "aborted", began, sent: false });
    signal.addEventListener("abort", onAbort);

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started;
        if (over) return started.abort(new Error("call ended"));
        arm(timeouts.modelFirstByte);
      },
      onResponseStart(_controller, code, headers) {
        if (over || code < 200) return;
        status = code;
        retryAfter = header(headers, "retry-after");
        const encoding = header(headers, "content-encoding");
        if (encoding && encoding !== "identity")
          return drop(failed("vendor_failed", {}, "compressed answer"));
        if (code !== 200) return;
        const type = header(headers, "content-type");
        if (
          request.stream ? !type.startsWith("text/event-stream") : !/^application\/[a-z.+-]*json/.test(type)
        ) {
          drop(failed("vendor_failed", {}, `answer of type ${type.slice(0, 60)}`));
        }
      },
      onResponseData(started, chunk) {
        if (over) return;
        if (status === 200 && request.stream) {
          if (!began) {
            began = true;
            sink.begin(() => {
              if (over) return;
              arm(timeouts.modelIdle);
              started.resume();
            });
            arm(timeouts.modelIdle);
          } else timer?.refresh();
          const { more, stop } = sink.data(chunk);
          if (stop) return drop({ kind: "streamed", problem: stop });
          if (!more) {
            // A reader that waits is not a vendor that is silent.
            clearTimeout(timer);
            started.pause();
          }
          return;
        }
        size += chunk.length;
        if (status !== 200) {
          if (size <= MAX_ERROR_BODY) chunks.push(chunk);
          return;
        }
        if (size > MAX_JSON) return drop(failed("vendor_failed", { elsewhere: false }, "answer too large"));
        if (size === chunk.length) arm(timeouts.modelIdle);
        else timer?.refresh();
        chunks.push(chunk);
      },
      onResponseEnd() {
        if (over) return;
        const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
        chunks = [];
        if (status !== 200) {
          const failure = failureOf(status, body.toString("utf8"), retryAfter);
          return finish({ kind: "failed", failure, sent: true, status });
        }
        if (!request.stream) return finish({ kind: "json", body });
        if (began) return finish({ kind: "streamed" });
        finish(failed("vendor_failed", { again: true }, "empty stream"));
      },
      onResponseError(_controller, error) {
        if (over) return;
        const cause = (error as NodeJS.ErrnoException).code ?? error.name;
        if (began) return finish({ kind: "streamed", problem: "vendor_cut", cause });
        // A JSON answer that broke off was worked on and billed: not asked for again.
        if (size > 0 && status === 200) return finish(failed("vendor_cut", { elsewhere: false }, cause));
        const unreachable = controller === undefined;
        finish(failed(unreachable ? "vendor_unreachable" : "vendor_failed", { again: true }, cause));
      },
    };
    pool.dispatch(
      {
        method: "POST",
        path: request.path,
        headers: request.headers,
        body: request.body,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
  });
}

/**
 * Troubles on order, for fakes of chat platforms: for the next calls of a method the connection breaks before or after the
 * effect, a proxy answers 502 after it, everything takes long, or the platform says 429.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** What goes wrong on any platform. */
export type CommonKind =
  | "reset-before-apply"
  | "apply-then-reset"
  | "apply-then-502"
  | "delay"
  | "429"
  | "error";

/** A trouble that was ordered. */
export interface CommonFault<Kind extends string = never> {
  method: string;
  kind: CommonKind | Kind;
  /** How many calls; 1 by default. */
  times?: number;
  /** Only calls whose parameters, as one JSON text, match this regular expression. */
  match?: string;
  /** `delay`: how long before the effect. */
  ms?: number;
  /** `429`: seconds. */
  retryAfter?: number;
  /** `error`: code and wording. */
  code?: number;
  description?: string;
}

/** Troubles that wait for their call. */
export class FaultList<F extends CommonFault<string>> {
  private pending: F[] = [];

  /** Orders one. */
  add(fault: F): void {
    this.pending.push({ ...fault, times: fault.times ?? 1 });
  }

  /** The trouble for this call, if any; counts it. */
  take(method: string, params: unknown): F | undefined {
    const text = JSON.stringify(params, (_, value) => (Buffer.isBuffer(value) ? "[bytes]" : value));
    const found = this.pending.find(
      (fault) => fault.method === method && (fault.match === undefined || new RegExp(fault.match).test(text)),
    );
    if (!found) return undefined;
    found.times = (found.times ?? 1) - 1;
    if (found.times <= 0) this.pending = this.pending.filter((fault) => fault !== found);
    return found;
  }

  /** Forgets all; returns how many were left. */
  clear(): number {
    const left = this.pending.length;
    this.pending = [];
    return left;
  }
}

/** After the effect. True when the client gets no proper answer. */
export function breakAnswer(
  { kind }: CommonFault<string>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (kind === "apply-then-reset") {
    request.socket.resetAndDestroy();
    return true;
  }
  if (kind === "apply-then-502") {
    response.writeHead(502, { "content-type": "text/html" }).end("<html><h1>502 Bad Gateway</h1></html>");
    return true;
  }
  return false;
}

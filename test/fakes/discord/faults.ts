/**
 * Troubles on order: for the next calls of a route the connection breaks before or after the effect, a proxy answers 502
 * after it, everything takes long, Discord says 429; or an event of the gateway comes twice or never.
 */

/** What goes wrong. */
export type FaultKind =
  | "reset-before-apply"
  | "apply-then-reset"
  | "apply-then-502"
  | "delay"
  | "429"
  | "error"
  | "duplicate-delivery"
  | "lost-delivery";

/** A trouble that was ordered. */
export interface Fault {
  /** Name of a route (see `ROUTES`), or of a gateway event such as `MESSAGE_CREATE`. */
  method: string;
  kind: FaultKind;
  /** How many calls; 1 by default. */
  times?: number;
  /** Only calls whose path and body, as one JSON text, match this regular expression. */
  match?: string;
  /** `delay`: how long before the effect. */
  ms?: number;
  /** `429`: seconds, and whether it is the global limit. */
  retryAfter?: number;
  global?: boolean;
  /** `error`: HTTP status, code and wording. */
  status?: number;
  code?: number;
  description?: string;
}

/** Troubles that wait for their call. */
export class Faults {
  private pending: Fault[] = [];

  /** Orders one. */
  add(fault: Fault): void {
    this.pending.push({ ...fault, times: fault.times ?? 1 });
  }

  /** The trouble for this call, if any; counts it. */
  take(method: string, facts: unknown): Fault | undefined {
    const text = JSON.stringify(facts);
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

/**
 * Troubles on order: for the next calls of a method, the connection breaks before or after the effect, a proxy answers
 * 502 after it, everything takes long, Telegram says 429, or a batch of updates comes twice.
 */

/** What goes wrong. */
export type FaultKind =
  | "reset-before-apply"
  | "apply-then-reset"
  | "apply-then-502"
  | "delay"
  | "429"
  | "error"
  | "duplicate-delivery";

/** A trouble that was ordered. */
export interface Fault {
  method: string;
  kind: FaultKind;
  /** How many calls; 1 by default. */
  times?: number;
  /** Only calls whose parameters, as JSON, match this regular expression. */
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
export class Faults {
  private pending: Fault[] = [];

  /** Orders one. */
  add(fault: Fault): void {
    this.pending.push({ ...fault, times: fault.times ?? 1 });
  }

  /** The trouble for this call, if any; counts it. */
  take(method: string, params: unknown): Fault | undefined {
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

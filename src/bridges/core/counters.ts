/** Counts of a bridge process, by metric name; read by `status` and tests. */
export class Counters {
  private readonly values = new Map<string, number>();

  /** Adds one. */
  count(name: string): void {
    this.values.set(name, (this.values.get(name) ?? 0) + 1);
  }

  /** The present value, 0 when never counted. */
  get(name: string): number {
    return this.values.get(name) ?? 0;
  }

  /** All of them. */
  all(): Record<string, number> {
    return Object.fromEntries(this.values);
  }
}

/**
 * Kept-alive connections to the vendors, one pool per origin. TLS is verified by Node's own rules and roots.
 */
import { Pool } from "undici";

/** Pools by origin. */
export class VendorPools {
  readonly #pools = new Map<string, Pool>();
  readonly #connectMs: number;

  constructor(connectMs: number) {
    this.#connectMs = connectMs;
  }

  /** The pool of an origin, made when first needed. */
  of(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (!pool) {
      pool = new Pool(origin, {
        connect: { timeout: this.#connectMs },
        keepAliveTimeout: 30_000,
        pipelining: 1,
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  /** Ends all connections, also those with a call on them. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
    this.#pools.clear();
  }
}

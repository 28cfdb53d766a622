/**
 * Limits of one sandbox's proxy, in one place. Time in milliseconds.
 */

/** Sizes, counts and times. */
export interface ProxyLimits {
  /** Bytes of a request head, and header lines in it. Beyond: 431. */
  readonly headBytes: number;
  readonly headLines: number;
  /** From the first byte of a head to its last. Beyond: 408. */
  readonly headMs: number;
  /** Silence between requests of one connection. */
  readonly keepAliveMs: number;
  /** Connections and open tunnels of one sandbox. Beyond: 429. */
  readonly connections: number;
  readonly tunnels: number;
  /** Whole dial: all addresses tried. Beyond: 504. */
  readonly dialMs: number;
  /** The first client bytes in a tunnel must be judged within these. */
  readonly firstBytes: number;
  readonly firstBytesMs: number;
  /** A tunnel, or a response, without a byte either way. */
  readonly idleMs: number;
  /** From the end of a request to the head of its response. */
  readonly responseMs: number;
}

/** What a gateway uses unless told otherwise. */
export const DEFAULT_LIMITS: ProxyLimits = {
  headBytes: 32 * 1024,
  headLines: 200,
  headMs: 10_000,
  keepAliveMs: 60_000,
  connections: 512,
  tunnels: 256,
  dialMs: 10_000,
  firstBytes: 16 * 1024,
  firstBytesMs: 5_000,
  idleMs: 600_000,
  responseMs: 120_000,
};

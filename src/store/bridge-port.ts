/** The port to small facts of one bridge. */

/** Small facts of a bridge. */
export interface BridgePort {
  /**
   * Takes or renews the poller lease. Returns who holds it now: the caller's own id when it got it.
   * `deadOwner`: a holder that is known to be dead, whose lease ends at once.
   */
  holdPoller(owner: string, ttlMs: number, deadOwner?: string): Promise<string>;
  releasePoller(owner: string): Promise<void>;
  /** Share of Redis' maxmemory that is in use, 0 to 1; 0 when it has none. */
  memoryUse(): Promise<number>;
  /** Counts a stranger's knock; true when it should be told (at most once in `quietMs`, default an hour). */
  strangerKnocked(identity: string, quietMs?: number): Promise<boolean>;
  /** Keeps updates as they came, by id: durable when it resolves, so that the platform may forget them. */
  keepUpdates(updates: ReadonlyMap<number, string>): Promise<void>;
  /** Forgets updates that were worked off. */
  dropUpdates(ids: readonly number[]): Promise<void>;
  /** Everything kept, lowest id first. */
  keptUpdates(): Promise<string[]>;
}

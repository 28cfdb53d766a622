/** Where updates come from: long polling, or Telegram's posts to us. */
export interface UpdateSource {
  start(): Promise<void> | void;
  /** The lease is ours from now on. */
  held(): void;
  /** The lease is gone, or Redis is full: nothing more for now. */
  interrupt(): void;
  close(): Promise<void>;
  /** When Telegram was last heard of (ms since the epoch), 0 before. */
  readonly lastAnswerAt: number;
}

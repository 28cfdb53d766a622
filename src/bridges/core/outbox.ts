/**
 * Delivers answers, in order per conversation, many conversations at once (RELIABILITY §4).
 * Only the holder of the bridge's lease delivers.
 * Must never forget an answer before each of its parts is sent or refused for good.
 */
import type { Logger } from "../../lib/logging.ts";
import type { Spool } from "../../lib/spool.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { OutboxPort } from "../../store/index.ts";
import type { Counters } from "./counters.ts";
import { deliverAnswer } from "./deliver.ts";
import type { DraftBoard } from "./drafts.ts";
import { Lanes, type Later } from "./lanes.ts";
import type { BridgePlatform } from "./port.ts";

/** What the outbox needs. */
export interface OutboxDeps {
  platform: BridgePlatform;
  store: OutboxPort;
  drafts: DraftBoard;
  counters: Counters;
  logger: Logger;
  /** See {@link DeliverDeps.linkHosts}. */
  linkHosts?(conversation: string): Promise<string[]>;
  /** The spool's `out`; absent: files are told in words. */
  spool?: Spool | undefined;
  /** Whether this process holds the lease now. */
  mayDeliver(): boolean;
}

/** The delivery loop of one bridge. */
export class Outbox {
  private readonly deps: OutboxDeps;
  private readonly lanes: Lanes;

  constructor(deps: OutboxDeps) {
    this.deps = deps;
    this.lanes = new Lanes({
      what: "answer",
      dirty: async (limit) =>
        (await deps.store.dirty(limit)).map(({ conversation, mark }) => ({ key: conversation, mark })),
      work: (conversation, mark) => this.drain(conversation, mark),
      mayAct: () => deps.mayDeliver(),
      logger: deps.logger,
    });
  }

  /** Subscribes to hints and drafts and starts to sweep. */
  start(): void {
    const { store, drafts } = this.deps;
    this.lanes.start([
      () => store.onOutboxHint((conversation) => this.lanes.hint(conversation)),
      () =>
        store.onDraft((draft) => {
          if (this.lanes.active) drafts.show(draft);
        }),
    ]);
  }

  /** Stops sweeping and waits for deliveries under way, at most `flushMs`. */
  async close(flushMs: number = TIMEOUTS.drainOutbox): Promise<void> {
    await this.lanes.close(flushMs);
  }

  /** Delivers what is pending, oldest first; stops at the first answer that has to wait, so that order holds. */
  private async drain(conversation: string, mark: number | undefined): Promise<Later | undefined> {
    for (const answer of await this.deps.store.pending(conversation)) {
      if (!this.deps.mayDeliver()) return undefined;
      const outcome = await deliverAnswer(this.deps, answer);
      if (outcome.kind === "later") return outcome;
      this.lanes.succeeded(conversation);
    }
    if (mark !== undefined) await this.deps.store.clean(conversation, mark);
    return undefined;
  }
}

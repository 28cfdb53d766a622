/**
 * One worker acts on a host (a sandbox has one control connection); others stand by and take over when its lease ends
 * or it is proved dead. Says only who acts; what that means is run-worker's business.
 */
import { describeError } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { isDead } from "../lib/owner.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { HostPort } from "../store/index.ts";
import { Lease } from "./lease.ts";

/** How often a stand-by asks. */
const ASK_MS = 500;

/** See the module's header. */
export class HostLease {
  readonly #port: HostPort;
  readonly #owner: string;
  readonly #hostId: string;
  readonly #log: Logger;
  readonly #changed: (acting: boolean) => void;
  #lease: Lease | undefined;
  #acting = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `changed(false)` only when another worker holds the host: while Redis is away nobody else can. */
  constructor(options: {
    port: HostPort;
    owner: string;
    hostId: string;
    log: Logger;
    changed: (acting: boolean) => void;
  }) {
    this.#port = options.port;
    this.#owner = options.owner;
    this.#hostId = options.hostId;
    this.#log = options.log;
    this.#changed = options.changed;
  }

  /** This worker may act now. */
  held(): boolean {
    return this.#lease?.held() ?? false;
  }

  start(): void {
    void this.#ask();
  }

  /** Gives the host to whoever stands by. */
  async release(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (!this.#acting) return;
    await this.#port.release(this.#owner).catch(() => {}); // it ends by itself
  }

  async #ask(): Promise<void> {
    const askedAt = performance.now();
    try {
      let holder = await this.#port.hold(this.#owner, TIMEOUTS.lease);
      if (holder !== this.#owner && isDead(holder, this.#hostId)) {
        this.#log.info({ holder }, "the host's former worker is dead");
        holder = await this.#port.hold(this.#owner, TIMEOUTS.lease, holder);
      }
      if (this.#closed) return;
      this.#lease = holder === this.#owner ? new Lease(TIMEOUTS.leaseStop, askedAt) : undefined;
      const acting = holder === this.#owner;
      if (acting !== this.#acting) {
        this.#acting = acting;
        this.#log.info(
          { acting, holder },
          acting ? "this worker acts for the host" : "another worker acts for the host",
        );
        this.#changed(acting);
      }
    } catch (error) {
      this.#log.debug({ reason: describeError(error) }, "host lease could not be renewed");
    }
    if (!this.#closed)
      this.#timer = setTimeout(() => void this.#ask(), this.#acting ? TIMEOUTS.leaseRenew : ASK_MS);
  }
}

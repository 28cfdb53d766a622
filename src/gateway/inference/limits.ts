/**
 * Caps per sandbox: calls at once, calls per minute, calls per hour outside a turn. In memory: a restarted gateway
 * starts with fresh windows. Money and tokens are the store's business (ports.ts), not this module's.
 */

/** Caps of one sandbox. */
export interface Caps {
  concurrent: number;
  perMinute: number;
  idlePerHour: number;
}

/** Admitted (call `release` once when the call is over), or not, and when to come back. */
export type Admission =
  | { kind: "ok"; release(): void }
  | { kind: "limited"; retryAfterSeconds: number }
  | { kind: "idle" };

interface State {
  running: number;
  /** Start times within the last minute, oldest first. */
  recent: number[];
  idle: number[];
}

/** The counters of all sandboxes. */
export class SandboxLimits {
  readonly #caps: Caps;
  readonly #now: () => number;
  readonly #states = new Map<string, State>();

  constructor(caps: Caps, now: () => number = () => performance.now()) {
    this.#caps = caps;
    this.#now = now;
  }

  /** Asks for one call. `idle` = no turn is running. */
  admit(sandboxId: string, idle: boolean): Admission {
    const now = this.#now();
    let state = this.#states.get(sandboxId);
    if (!state) {
      state = { running: 0, recent: [], idle: [] };
      this.#states.set(sandboxId, state);
    }
    drop(state.recent, now - 60_000);
    if (idle) {
      drop(state.idle, now - 3_600_000);
      if (state.idle.length >= this.#caps.idlePerHour) return { kind: "idle" };
    }
    if (state.running >= this.#caps.concurrent) return { kind: "limited", retryAfterSeconds: 1 };
    const oldest = state.recent[0];
    if (oldest !== undefined && state.recent.length >= this.#caps.perMinute) {
      return { kind: "limited", retryAfterSeconds: Math.max(1, Math.ceil((oldest + 60_000 - now) / 1_000)) };
    }
    state.running++;
    state.recent.push(now);
    if (idle) state.idle.push(now);
    const admitted = state;
    let released = false;
    return {
      kind: "ok",
      release() {
        if (!released) admitted.running--;
        released = true;
      },
    };
  }

  /** Forgets a destroyed sandbox. */
  forget(sandboxId: string): void {
    this.#states.delete(sandboxId);
  }
}

function drop(times: number[], before: number): void {
  let gone = 0;
  while (gone < times.length && (times[gone] as number) <= before) gone++;
  if (gone > 0) times.splice(0, gone);
}

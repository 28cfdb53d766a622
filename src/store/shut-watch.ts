/**
 * Which principals are shut, kept up to date for whoever must stop them: asked for on every hint and twice a second, so
 * that a block takes effect within a second even when its hint is lost. While Redis is away the last answer stays: who
 * was shut stays shut.
 */
import type { AccessReadPort } from "./access-ports.ts";

const LOOK_MS = 500;

/** See the module's header. */
export class ShutWatch {
  readonly #port: Pick<AccessReadPort, "shut" | "onChange">;
  readonly #listeners = new Set<(principal: string, shut: boolean) => void>();
  #shut: ReadonlySet<string> = new Set();
  #known = false;
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #off: (() => Promise<void>) | undefined;

  constructor(port: Pick<AccessReadPort, "shut" | "onChange">) {
    this.#port = port;
  }

  /** Starts to look; resolves when the first answer is in, or Redis gave none. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#off = await this.#port.onChange(() => this.#look());
    this.#look();
    await this.#looking;
  }

  /** Whether Redis has said yet who is shut. */
  get known(): boolean {
    return this.#known;
  }

  /** Nothing of this principal may run or leave. */
  has(principal: string): boolean {
    return this.#shut.has(principal);
  }

  /** Calls back for each principal that was shut or opened; not for those that were shut at the start. */
  onChange(listener: (principal: string, shut: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#off?.();
  }

  #look(): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#looking = this.#read()
      .catch(() => {}) // the next look will
      .finally(() => {
        this.#looking = undefined;
        if (this.#again) this.#look();
      });
  }

  async #read(): Promise<void> {
    const before = this.#shut;
    const now = await this.#port.shut();
    this.#shut = now;
    this.#known = true;
    for (const id of now) if (!before.has(id)) for (const listener of this.#listeners) listener(id, true);
    for (const id of before) if (!now.has(id)) for (const listener of this.#listeners) listener(id, false);
  }
}

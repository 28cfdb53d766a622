/**
 * The program behind a connection, looked up beside the work and waited for only where something depends on it.
 * Attribution, not a boundary: a program may be made to act for another. Must never reject or hold a decision for long.
 */
import type { ProgramLookup } from "./ports.ts";

/** How long a decision waits for the answer; a later one doesn't count any more. */
const WAIT_MS = 200;

/** One connection's program. Its name is undefined while unknown, and for good when the answer is late. */
export class Program {
  name: string | undefined;
  private readonly lookup: ProgramLookup;
  private readonly port: number;
  private state: "new" | "looking" | "done" = "new";
  private answer: Promise<void> | undefined;

  constructor(lookup: ProgramLookup, port: number) {
    this.lookup = lookup;
    this.port = port;
  }

  /** Whether an answer may still come. */
  get pending(): boolean {
    return this.state === "looking";
  }

  /** Starts the lookup, the first time. */
  look(): void {
    if (this.state !== "new") return;
    this.state = "looking";
    this.answer = this.lookup(this.port).then(
      (name) => this.settle(name),
      () => this.settle(undefined),
    );
  }

  /** Waits for the answer; after {@link WAIT_MS} the program is unknown. */
  async known(): Promise<void> {
    if (!this.pending) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.settle(undefined);
        resolve();
      }, WAIT_MS);
    });
    await Promise.race([this.answer, late]);
    clearTimeout(timer);
  }

  private settle(name: string | undefined): void {
    if (this.state !== "looking") return;
    this.state = "done";
    this.name = name;
  }
}

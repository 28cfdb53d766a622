/**
 * Whether a turn came to nothing for want of memory. When the kernel kills a tool or OpenClaw itself, OpenClaw may end
 * the turn without a word, or just be gone: that is one failure with one reason, and the launcher knows it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { LauncherPort } from "./launcher-port.ts";
import { retrying } from "./retry.ts";
import type { Ending } from "./turn-machine.ts";

/** A driver may hear of a kill by an event: looked at once more after this. */
const TOLD_MS = 300;
/** A launcher that is being restarted is waited for this long; then the ending stays as the agent put it. */
const ASKED_MS = 3_000;

/** One turn's view of its sandbox's memory. */
export class MemoryVerdict {
  readonly #launcher: Pick<LauncherPort, "inspect">;
  readonly #sandboxId: string;
  /** Kills that it has nothing to do with. */
  #before = 0;

  constructor(launcher: Pick<LauncherPort, "inspect">, sandboxId: string) {
    this.#launcher = launcher;
    this.#sandboxId = sandboxId;
  }

  /** The turn begins: what was killed before is not its. A recovered turn never says so: all of this life counts. */
  begin(oomKills: number): void {
    this.#before = oomKills;
  }

  /** The ending as it is told: `out-of-memory` instead of nothing, or of a crash, when the kernel killed something. */
  async judge(ending: Ending): Promise<Ending> {
    if (!isDoubtful(ending)) return ending;
    return (await this.#killed()) ? { outcome: "failed", code: "out-of-memory" } : ending;
  }

  async #killed(): Promise<boolean> {
    const more = async () => {
      const info = await retrying(() => this.#launcher.inspect(this.#sandboxId), { withinMs: ASKED_MS });
      return (info?.oomKills ?? 0) > this.#before;
    };
    try {
      if (await more()) return true;
      await sleep(TOLD_MS);
      return await more();
    } catch {
      return false; // not known, so not said
    }
  }
}

/** Endings that a kill may explain. */
function isDoubtful(ending: Ending): boolean {
  if (ending.outcome === "answered") return ending.text.trim() === "";
  return ending.outcome === "failed" && ending.code === "agent-crashed";
}

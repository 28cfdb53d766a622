/** A swap file of the bench's own, so that parking can be measured on a machine without swap. Always removed. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SIZE_MB = 3_072;

/** See the module's header. */
export class SwapFile {
  readonly #path: string;
  readonly #onExit = () => this.#off();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes and enables it. Needs root. */
  static async make(): Promise<SwapFile> {
    const path = join(tmpdir(), `nc-bench-${process.pid}.swap`);
    execFileSync("dd", ["if=/dev/zero", `of=${path}`, "bs=1M", `count=${SIZE_MB}`, "status=none"]);
    execFileSync("chmod", ["600", path]);
    execFileSync("mkswap", [path], { stdio: "ignore" });
    execFileSync("swapon", [path]);
    const swap = new SwapFile(path);
    process.on("exit", swap.#onExit);
    return swap;
  }

  async remove(): Promise<void> {
    process.off("exit", this.#onExit);
    this.#off();
  }

  #off(): void {
    try {
      execFileSync("swapoff", [this.#path]);
    } finally {
      rmSync(this.#path, { force: true });
    }
  }
}

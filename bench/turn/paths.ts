/** The measured ways of asking the real agent. All call the same model: the scripted vendor, which answers at once. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { LauncherClient } from "../../src/sandbox/index.ts";
import type { FakeVendor } from "../../test/fakes/vendor/index.ts";
import { realRuntime } from "../../test/helpers/runtime.ts";
import { startScriptedVendor, VENDOR_KEY, vendorConfig } from "../../test/helpers/scripted-vendor.ts";
import { startService, type TestService, waitUntil } from "../../test/helpers/service.ts";

/** What is asked, everywhere. */
export const PROMPT = "What is 2+2?";
const PARK_MS = 1_000;

/** `openclaw agent --local` on the host, as an operator without us would run it. */
export class BareAgent {
  readonly #dir: string;
  readonly #vendor: FakeVendor;

  private constructor(dir: string, vendor: FakeVendor) {
    this.#dir = dir;
    this.#vendor = vendor;
  }

  static async make(): Promise<BareAgent> {
    const dir = mkdtempSync(join(tmpdir(), "nc-bare-"));
    const vendor = await startScriptedVendor();
    await realRuntime(join(dir, "runtime"));
    const state = join(dir, "state");
    mkdirSync(state);
    const config = {
      models: {
        mode: "replace",
        providers: {
          bench: {
            baseUrl: vendor.url,
            apiKey: VENDOR_KEY,
            api: "openai-completions",
            models: [
              {
                id: "fake-1",
                name: "fake-1",
                reasoning: false,
                input: ["text"],
                contextWindow: 131_072,
                maxTokens: 8_192,
              },
            ],
          },
        },
      },
      agents: { defaults: { model: { primary: "bench/fake-1" }, workspace: join(dir, "ws") } },
      update: { checkOnStart: false },
    };
    writeFileSync(join(state, "openclaw.json"), JSON.stringify(config));
    return new BareAgent(dir, vendor);
  }

  /** One run: wall milliseconds and the peak of its processes' resident megabytes. */
  async ask(): Promise<{ ms: number; memoryMB: number }> {
    const since = performance.now();
    const program = join(this.#dir, "runtime", "node_modules", "openclaw", "openclaw.mjs");
    const args = [
      program,
      "agent",
      "--agent",
      "main",
      "--local",
      "-m",
      PROMPT,
      "--session-id",
      "bench",
      "--json",
    ];
    const child = spawn(process.execPath, args, {
      cwd: this.#dir,
      env: {
        PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}`,
        HOME: this.#dir,
        OPENCLAW_STATE_DIR: join(this.#dir, "state"),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    child.stderr.resume();
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, treeRssMB(child.pid ?? 0));
    }, 250);
    const code = await new Promise((resolve) => child.once("close", resolve));
    clearInterval(sampling);
    if (code !== 0 || !/\b4\b/.test(output))
      throw new Error(`the bare agent failed (${code}): ${output.slice(-400)}`);
    return { ms: performance.now() - since, memoryMB: peak };
  }

  async remove(): Promise<void> {
    await this.#vendor.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** The whole service; questions go by the console. */
export class OurAgent {
  #service: TestService;
  readonly #vendor: FakeVendor;
  readonly #parking: boolean;

  private constructor(service: TestService, vendor: FakeVendor, parking: boolean) {
    this.#service = service;
    this.#vendor = vendor;
    this.#parking = parking;
  }

  static async start({ parking }: { parking: boolean }): Promise<OurAgent> {
    const vendor = await startScriptedVendor();
    return new OurAgent(await service(vendor, { parking, mode: "warm" }), vendor, parking);
  }

  /** The same with another way of running turns, on a home of its own. */
  async restart({ mode }: { mode: "warm" | "oneshot" }): Promise<this> {
    await this.#service.stop();
    this.#service = await service(this.#vendor, { parking: this.#parking, mode });
    return this;
  }

  /** Milliseconds from question to answer. */
  async ask(): Promise<number> {
    const since = performance.now();
    const answer = await this.#service.ask(PROMPT, { timeoutMs: 180_000 });
    if (answer.kind !== "final" || !/\b4\b/.test(answer.markdown)) throw new Error(JSON.stringify(answer));
    return performance.now() - since;
  }

  /** The same, with the sandbox stopped before. */
  async askCold(): Promise<number> {
    await this.#launcher((launcher) => launcher.stop(OPERATOR_PRINCIPAL, "bench"));
    return this.ask();
  }

  /** Waits until the idle agent is parked, then asks. Memory is what it holds while parked. */
  async askParked(): Promise<{ ms: number; memoryMB: number }> {
    await waitUntil(
      async () => (await this.#service.sandboxes()).some(({ state }) => state === "parked"),
      60_000,
      () => "the agent was not parked",
    );
    const memoryMB = await this.memoryMB();
    return { ms: await this.ask(), memoryMB };
  }

  /** Megabytes of the sandbox's processes now. */
  memoryMB(): Promise<number> {
    return this.#launcher(async (launcher) =>
      Math.round((await launcher.stats(OPERATOR_PRINCIPAL)).memoryBytes / 2 ** 20),
    );
  }

  /** Samples until stopped; the peak in megabytes. */
  peakMB(): { stop(): Promise<number> } {
    let peak = 0;
    let going = true;
    const sampling = (async () => {
      while (going) {
        peak = Math.max(peak, await this.memoryMB().catch(() => 0));
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    })();
    return {
      async stop() {
        going = false;
        await sampling;
        return peak;
      },
    };
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    await this.#vendor.close();
  }

  async #launcher<T>(work: (launcher: LauncherClient) => Promise<T>): Promise<T> {
    const launcher = new LauncherClient({ socket: this.#service.paths.launcher.operatorSocket });
    try {
      return await work(launcher);
    } finally {
      launcher.close();
    }
  }
}

function service(
  vendor: FakeVendor,
  { parking, mode }: { parking: boolean; mode: "warm" | "oneshot" },
): Promise<TestService> {
  return startService({
    agent: "real",
    config: {
      inference: vendorConfig(vendor),
      sandbox: { plainSwap: parking },
      worker: { mode, parkAfterMs: parking ? PARK_MS : 3_600_000, stopAfterMs: 3_600_000 },
    },
    env: { COMPATIBLE_API_KEY: VENDOR_KEY },
  });
}

/** Resident megabytes of a process and all its descendants. */
function treeRssMB(root: number): number {
  const parents = new Map<number, number>();
  const rss = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      parents.set(Number(name), Number(fields[1]));
      rss.set(Number(name), Number(fields[21]) / 256);
    } catch {
      // It ended while we looked.
    }
  }
  const within = (pid: number): boolean => pid === root || (parents.has(pid) && within(parents.get(pid)!));
  return Math.round([...rss].reduce((sum, [pid, mb]) => (within(pid) ? sum + mb : sum), 0));
}

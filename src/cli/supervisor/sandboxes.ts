/**
 * The operator's view of the sandboxes, through the launcher: which protections are really there, and ending all agents.
 */
import type { Config } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { judgeLayers, LauncherClient, type Layer } from "../../sandbox/index.ts";
import type { Installation, Settings } from "./installation.ts";

/** See the module's header. */
export class Sandboxes {
  readonly #installation: Installation;
  readonly #logger: Logger;
  /** As probed by the launcher's self-test at start. */
  layers: Layer[] = [];

  constructor(installation: Installation, logger: Logger) {
    this.#installation = installation;
    this.#logger = logger;
  }

  /**
   * Asks the launcher for its layers; returns warnings.
   * @throws Fault `layers-missing` when this host lacks a required one and the operator did not choose `best_effort`.
   */
  async checkLayers(): Promise<string[]> {
    this.layers = await this.#ask((client) => client.layers());
    return this.judge(this.#installation);
  }

  /** The same for other settings, without looking again. @throws Fault `layers-missing` */
  judge({ config, onlyOperator }: Pick<Settings, "config" | "onlyOperator">): string[] {
    const { serve, problems } = judgeLayers(this.layers, config.sandbox.protections, onlyOperator);
    for (const problem of problems) this.#logger.warn({ problem }, "protection is missing");
    if (serve) return problems.map((problem) => `PROTECTION MISSING: ${problem}`);
    throw new Fault({
      code: "layers-missing",
      message: `this host can't give every required protection: ${problems.join("; ") || "the self-test saw none"}`,
      hint: "mend it, or accept weaker cages with sandbox.protections: best_effort in config.yaml (NEMOCLAW_PROTECTIONS=best_effort)",
    });
  }

  /** Whether these layers are enough for the operator's own agent only. */
  solo(protections: Config["sandbox"]["protections"]): boolean {
    return !judgeLayers(this.layers, protections, false).serve;
  }

  /** Ends every agent that runs. Files stay. */
  async stopAll(): Promise<void> {
    try {
      await this.#ask(async (client) => {
        const all = await client.list();
        await Promise.all(
          all.filter(({ state }) => state !== "stopped").map(({ id }) => client.stop(id, "asked")),
        );
      });
    } catch (error) {
      this.#logger.error({ err: error }, "sandboxes could not be stopped");
    }
  }

  async #ask<T>(question: (client: LauncherClient) => Promise<T>): Promise<T> {
    const client = new LauncherClient({ socket: this.#installation.paths.launcher.operatorSocket });
    try {
      return await question(client);
    } finally {
      client.close();
    }
  }
}

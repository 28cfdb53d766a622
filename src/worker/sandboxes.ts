/**
 * All sandboxes of this worker: adoption at start, what the launcher reports, room in memory, idle ones parked or
 * stopped, predicted ones woken. Which turn runs where is not decided here.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, Fault } from "../lib/errors.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { SandboxNow } from "./activity.ts";
import { retrying } from "./retry.ts";
import { Sandbox } from "./sandbox.ts";
import type { SandboxDeps } from "./sandbox-deps.ts";

/** Numbers from the worker's configuration. */
export interface SandboxLimits {
  maxWarm: number;
  maxPredicted: number;
  parkAfterMs: number;
  stopAfterMs: number;
}

/** How often idle ones are looked at. */
const TICK_MS = 1_000;

/** See the module's header. */
export class Sandboxes {
  readonly #deps: SandboxDeps;
  readonly #limits: SandboxLimits;
  readonly #all = new Map<string, Sandbox>();
  #canPark = true;
  #predicted = 0;
  #unwatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: Omit<SandboxDeps, "makeRoom">, limits: SandboxLimits) {
    this.#deps = { ...deps, makeRoom: (forTurn) => this.#makeRoom(forTurn) };
    this.#limits = limits;
  }

  /** Adopts what runs, then follows the launcher. */
  async start(): Promise<void> {
    const running = (await retrying(() => this.#deps.launcher.list(), { withinMs: TIMEOUTS.waking })).filter(
      (info) => info.state !== "stopped",
    );
    await Promise.all(
      running.map((info) =>
        this.of(info.id)
          .adopt(info)
          .catch((error: unknown) =>
            this.#deps.log.error({ sandboxId: info.id, err: error }, "sandbox was not adopted"),
          ),
      ),
    );
    this.#unwatch = await this.#deps.launcher.watch((id, info) => {
      if (info || this.#all.has(id)) this.of(id).learned(info);
      if (!info && this.#all.get(id)?.idle) this.#forget(id);
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    if (running.length > 0) this.#deps.log.info({ count: running.length }, "sandboxes adopted");
  }

  /** It was destroyed; another one of this principal begins afresh. */
  #forget(id: string): void {
    this.#all.delete(id);
    this.#deps.hub.unlisten(id);
  }

  /** Agents go on. */
  close(): void {
    clearInterval(this.#timer);
    this.#unwatch?.();
  }

  of(principal: string): Sandbox {
    const known = this.#all.get(principal);
    if (known) return known;
    const made = new Sandbox(principal, this.#deps);
    this.#all.set(principal, made);
    return made;
  }

  /** How they are, for whoever looks. */
  now(): SandboxNow[] {
    return [...this.#all.values()].map((sandbox) => sandbox.now);
  }

  /** Somebody looks. */
  watchFiles(): void {
    for (const sandbox of this.#all.values()) sandbox.watchFiles();
  }

  /** A turn is likely soon: wakes the agent if that pushes nobody else out. */
  predict(principal: string): void {
    if (this.#deps.isOff(principal)) return;
    const sandbox = this.of(principal);
    const asleep = sandbox.phase === "cold" || sandbox.phase === "parked";
    if (!asleep || this.#predicted >= this.#limits.maxPredicted || this.#inMemory() >= this.#limits.maxWarm)
      return;
    this.#predicted++;
    sandbox
      .ready()
      .catch((error: unknown) => {
        this.#deps.log.warn({ principal, reason: describeError(error) }, "predicted agent did not wake");
      })
      .finally(() => this.#predicted--);
  }

  #inMemory(): number {
    let count = 0;
    for (const { phase } of this.#all.values()) if (phase !== "cold" && phase !== "parked") count++;
    return count;
  }

  /** The one that asks counts already. A prediction waits for no room: it gives up. */
  async #makeRoom(forTurn: () => boolean): Promise<void> {
    while (this.#inMemory() > this.#limits.maxWarm) {
      const [victim] = this.#idleOnes();
      if (victim) await this.#rest(victim);
      else if (!forTurn())
        throw new Fault({ code: "host-full", message: "no room for a predicted agent", retryable: true });
      await sleep(50);
    }
  }

  /** Warm and idle, the longest idle first. */
  #idleOnes(): Sandbox[] {
    return [...this.#all.values()]
      .filter((sandbox) => sandbox.phase === "warm" && sandbox.idle)
      .sort((a, b) => b.idleMs - a.idleMs);
  }

  /** Parks, or stops where parking is not to be had. */
  async #rest(sandbox: Sandbox): Promise<void> {
    try {
      if (this.#canPark && (await sandbox.park())) return;
      await sandbox.stop();
    } catch (error) {
      if (error instanceof Fault && error.code === "sandbox-park-unsupported") {
        this.#canPark = false;
        this.#deps.log.info({ reason: error.message }, "this host can't park agents; idle ones are stopped");
      } else
        this.#deps.log.warn({ sandboxId: sandbox.id, err: error }, "idle agent could not be put to rest");
    }
  }

  #tick(): void {
    if (this.#deps.activity.watched) this.watchFiles();
    const { parkAfterMs, stopAfterMs } = this.#limits;
    for (const sandbox of this.#all.values()) {
      const { phase, idleMs } = sandbox;
      const failed = (error: unknown) =>
        this.#deps.log.warn({ sandboxId: sandbox.id, err: error }, "idle agent could not be put to rest");
      if (idleMs >= stopAfterMs && (phase === "warm" || phase === "parked"))
        void sandbox.stop().catch(failed);
      else if (phase === "warm" && this.#canPark && idleMs >= parkAfterMs && sandbox.idle)
        void sandbox.park().catch((error: unknown) => {
          if (error instanceof Fault && error.code === "sandbox-park-unsupported") this.#canPark = false;
          else failed(error);
        });
      else void sandbox.checkReachable().catch(failed);
    }
  }
}

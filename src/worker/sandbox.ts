/**
 * One principal's sandbox and agent as this worker holds it: waking, parking, stopping, and who needs it now.
 * Never parks or stops what a turn holds; never decides about a turn: its end is told to the turns as `gone`.
 */
import { Fault } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { FileChange, SandboxInfo } from "../sandbox/index.ts";
import type { SandboxNow } from "./activity.ts";
import { AgentClient } from "./agent-client.ts";
import type { LauncherPort } from "./launcher-port.ts";
import { once } from "./once.ts";
import { retrying } from "./retry.ts";
import type { SandboxDeps } from "./sandbox-deps.ts";
import { type AgentInput, type AgentPhase, nextAgentPhase, STOP_CODES } from "./sandbox-table.ts";
import { Signal } from "./signal.ts";

/** See the module's header. */
export class Sandbox {
  readonly id: string;
  readonly client: AgentClient;
  readonly #deps: SandboxDeps;
  readonly #signal = new Signal();
  #phase: AgentPhase = "cold";
  #info: SandboxInfo | undefined;
  #listeningAt = "";
  #listening: Promise<void> = Promise.resolve();
  #holders = 0;
  /** Those among them that need no agent: the operator's shells and files. */
  #attached = 0;
  #waking: Promise<void> | undefined;
  /** It is being parked or stopped. Never rejects. */
  #resting: Promise<void> | undefined;
  #watchedAt = Number.NEGATIVE_INFINITY;
  #idleSince = performance.now();
  /** When a turn or the operator needed it last, by this host's clock; 0 = not in this worker's life. */
  #usedAt = 0;
  #silentSince = performance.now();
  /** Why we ourselves end this life, when the launcher will only say `asked`. */
  #endCode: string | undefined;

  constructor(id: string, deps: SandboxDeps) {
    this.id = id;
    this.#deps = deps;
    const watcher = {
      changed: () => this.#changed(),
      files: (changes: readonly FileChange[], more: number) => deps.activity.files(id, changes, more),
    };
    this.client = new AgentClient({ sandboxId: id, port: deps.hub, log: deps.log, watcher });
  }

  get phase(): AgentPhase {
    return this.#phase;
  }

  /** No turn of this worker needs it; whether something runs inside is asked before it is parked or stopped. */
  get idle(): boolean {
    return this.#holders === 0;
  }

  /** Milliseconds since it was needed last. */
  get idleMs(): number {
    return this.idle ? performance.now() - this.#idleSince : 0;
  }

  /** For whoever looks. */
  get now(): SandboxNow {
    const turns = this.#holders - this.#attached;
    return { id: this.id, phase: this.#phase, agent: this.client.agent, turns, usedAt: this.#usedAt };
  }

  /** Somebody looks: tells the guest to tell changed files, unless it was told a moment ago. */
  watchFiles(): void {
    const now = performance.now();
    if (this.#phase !== "warm" || now - this.#watchedAt < TIMEOUTS.homeWatch / 3) return;
    this.#watchedAt = now;
    this.client.watchFiles(TIMEOUTS.homeWatch);
  }

  /** What the kernel killed inside for want of memory, as far as this worker was told. */
  get oomKills(): number {
    return this.#info?.oomKills ?? 0;
  }

  /** Keeps it from being parked or stopped until the returned function is called. */
  hold(): () => void {
    this.#holders++;
    return once(() => {
      this.#holders--;
      this.#idleSince = performance.now();
      this.#usedAt = Date.now();
    });
  }

  /**
   * For the operator: starts or wakes it, and holds it until the function is called. Resolves when the guest speaks, be
   * the agent warm or not: a broken agent is no reason to have no shell.
   */
  async attach(): Promise<{ client: AgentClient; detach: () => void }> {
    const release = this.hold();
    this.#attached++;
    const detach = once(() => {
      this.#attached--;
      release();
    });
    try {
      while (this.#resting) await this.#resting;
      const speaks = () => {
        const { connected, bootId } = this.client;
        return connected && this.#info?.state === "running" && bootId === this.#info.bootId;
      };
      if (!this.#usable()) {
        const woken = this.#wake();
        const deadline = performance.now() + TIMEOUTS.waking;
        const spoken = this.#signal.until(speaks, deadline, "the guest's first word");
        await Promise.any([woken, spoken]).catch(() => woken);
      }
      return { client: this.client, detach };
    } catch (error) {
      detach();
      throw error;
    }
  }

  /** The agent's life if it takes turns now, else "". */
  get warmLife(): string {
    return !this.#resting && this.#usable() ? this.client.bootId : "";
  }

  /** How a turn is to be run now: the fallback when the warm gateway can't be started. The next wake tries it again. */
  get modeNow(): "warm" | "oneshot" {
    return this.client.agent === "failed" ? "oneshot" : this.#deps.mode;
  }

  /** Resolves when a turn may be sent; rejects with a Fault whose code the user may be told. */
  async ready(): Promise<AgentClient> {
    for (let tries = 0; tries < 3; tries++) {
      // While it is being put to rest: first to the end of that, then awake again.
      while (this.#resting) await this.#resting;
      if (!this.#usable()) await this.#wake();
      if (this.#usable()) return this.client;
    }
    throw this.#died();
  }

  /** The life `bootId` still runs; makes sure that it is awake and can dial. For turns that were given to it. */
  async sameLife(bootId: string): Promise<boolean> {
    const info = await this.#ask((launcher) => launcher.inspect(this.id));
    this.learned(info);
    if (!info || info.state === "stopped" || info.bootId !== bootId) return false;
    await this.#listen(info);
    if (info.state === "parked") await this.ready();
    return true;
  }

  /** What the launcher says of it now. */
  learned(info: SandboxInfo | undefined): void {
    const before = this.#info?.bootId ?? "";
    const life = info && info.state !== "stopped" ? info.bootId : "";
    this.#info = info;
    if (before === life) {
      if (info?.state === "parked" && this.#phase === "warm") this.#phase = "parked";
      return;
    }
    this.#deps.hub.expect(this.id, life);
    this.#silentSince = performance.now();
    if (before !== "") this.#gone(info);
    else if (this.#phase === "cold" && life !== "")
      this.#phase = info?.state === "parked" ? "parked" : "warm";
    this.#signal.changed();
  }

  /** At start: takes over what runs already. */
  async adopt(info: SandboxInfo): Promise<void> {
    this.learned(info);
    await this.#listen(info);
    if (info.state === "parked") this.#deps.hub.heartbeat(this.id, false);
  }

  /** Pages it out. False when something runs inside or the host can't (the Fault is thrown then). */
  async park(): Promise<boolean> {
    return !this.#resting && this.#go("idle") && this.#rest(this.#park());
  }

  async #park(): Promise<boolean> {
    try {
      await this.client.quiesce();
      if (!this.idle) return this.#notParked();
      this.#deps.hub.heartbeat(this.id, false);
      const info = await this.#deps.launcher.park(this.id);
      this.#go("parked");
      this.learned(info);
      return true;
    } catch (error) {
      this.#deps.hub.heartbeat(this.id, true);
      this.#notParked();
      if (error instanceof Fault && error.code === "sandbox-park-unsupported") throw error;
      this.#deps.log.info({ sandboxId: this.id, err: error }, "not parked");
      return false;
    }
  }

  #notParked(): false {
    this.#go("not-parked");
    this.#idleSince = performance.now();
    return false;
  }

  /** Stops it unless something runs inside. */
  async stop(): Promise<void> {
    if (!this.#resting) await this.#rest(this.#stopIdle());
  }

  /** Who wants it meanwhile waits for the end of this. */
  async #rest<T>(work: Promise<T>): Promise<T> {
    const over = () => {
      this.#resting = undefined;
    };
    this.#resting = work.then(over, over);
    return work;
  }

  async #stopIdle(): Promise<void> {
    try {
      if (this.#phase === "warm") await this.client.quiesce();
    } catch (error) {
      if (error instanceof Fault && error.code === "guest-busy") {
        this.#idleSince = performance.now();
        return;
      }
      // One that doesn't answer any more is not spared.
    }
    if (this.idle && this.#go("stop-due")) await this.#stop("idle");
  }

  /** Ends it, whoever needs it; its files stay. Turns inside fail with `code`. */
  async end(reason: string, code: string): Promise<void> {
    this.#endCode = code;
    try {
      await this.#stop(reason);
    } finally {
      this.#endCode = undefined;
    }
  }

  async #stop(reason: string): Promise<void> {
    this.learned(await this.#ask((launcher) => launcher.stop(this.id, reason)));
  }

  /** Looks after a guest that runs but doesn't speak. Called now and then. */
  async checkReachable(): Promise<void> {
    const expected = this.#phase === "warm" && this.#info?.state === "running" && this.#holders > 0;
    const silentMs = performance.now() - this.#silentSince;
    if (!expected || this.client.connected || silentMs < TIMEOUTS.guestUnreachable) return;
    this.#deps.log.error({ sandboxId: this.id }, "guest does not dial, sandbox is stopped");
    await this.end("unreachable", "agent-unreachable");
  }

  #usable(): boolean {
    const { connected, bootId, agent } = this.client;
    if (this.#phase !== "warm" || !connected || bootId !== this.#info?.bootId) return false;
    return this.#deps.mode === "oneshot" || agent === "warm" || agent === "busy" || agent === "failed";
  }

  #wake(): Promise<void> {
    if (this.#waking) return this.#waking;
    this.#go("wanted");
    const waking = this.#wakeUp().then(
      () => void this.#go("ready"),
      async (error: unknown) => {
        this.#go("wake-failed");
        // What half started is ended, so that the next turn gets a fresh start. The first error says more.
        if (this.#info && this.#info.state !== "stopped" && this.#attached === 0)
          await this.end("wake-failed", "agent-start-failed").catch(() => {});
        throw error;
      },
    );
    this.#waking = waking.finally(() => {
      this.#waking = undefined;
      this.#idleSince = performance.now();
    });
    return this.#waking;
  }

  async #wakeUp(): Promise<void> {
    if (this.#deps.isOff(this.id))
      throw new Fault({ code: "agent-off", message: `sandbox ${this.id} was switched off by the operator` });
    const since = performance.now();
    const info = this.#info ?? (await this.#ask((launcher) => launcher.inspect(this.id)));
    if (info && info.state !== "stopped") {
      if (!this.#info) this.learned(info);
      await this.#listen(info);
      if (info.state === "parked") {
        this.learned(await this.#ask((launcher) => launcher.wake(this.id)));
      }
      this.#deps.hub.heartbeat(this.id, true);
      await this.#connected(performance.now() + TIMEOUTS.guestUnreachable);
      if (this.#deps.mode === "oneshot" || this.client.agent === "warm" || this.client.agent === "busy")
        return;
    }
    const urgent = () => this.#holders > 0;
    await this.#deps.makeRoom(urgent);
    await this.#deps.gate.run(urgent, () => this.#coldStart());
    this.#deps.log.info({ sandboxId: this.id, ms: Math.round(performance.now() - since) }, "agent is warm");
  }

  async #coldStart(): Promise<void> {
    const context = { turnId: newId("w"), kind: "warmup" as const, scopeId: "warmup", conversation: "" };
    // The gateway knows what a call of a warming agent is: it begins as soon as the guest starts.
    await this.#deps.contexts.begin(this.id, context, TIMEOUTS.waking);
    try {
      await this.#start(performance.now() + TIMEOUTS.waking);
    } finally {
      await this.#deps.contexts.end(this.id, context.turnId).catch(() => {}); // it expires by itself
    }
    this.#deps.launcher.trim(this.id).catch((error: unknown) => {
      this.#deps.log.debug({ sandboxId: this.id, err: error }, "memory was not trimmed");
    });
  }

  async #start(deadline: number): Promise<void> {
    if (!this.#info || this.#info.state === "stopped") {
      const spec = await this.#deps.specOf(this.id);
      const created = await this.#ask((launcher) => launcher.create(spec));
      this.learned(created);
      await this.#listen(created);
      this.learned(await this.#ask((launcher) => launcher.start(this.id)));
    }
    await this.#connected(deadline);
    if (this.#deps.mode === "oneshot") return;
    await this.client.warm();
    await this.#signal.until(() => this.#warmOrThrow(), deadline, "the agent's start");
  }

  async #connected(deadline: number): Promise<void> {
    const life = this.#info?.bootId;
    await this.#signal.until(
      () => {
        if (this.#info?.bootId !== life) throw this.#died();
        return this.client.connected && this.client.bootId === life;
      },
      deadline,
      "the guest's first word",
    );
  }

  #warmOrThrow(): boolean {
    const { agent } = this.client;
    if (!this.#info || this.#info.state === "stopped") throw this.#died();
    // The sandbox is fine, only OpenClaw's gateway isn't: turns run one by one then (see `modeNow`).
    if (agent === "failed")
      this.#deps.log.error({ sandboxId: this.id }, "the agent's gateway does not start: one-shot turns");
    return agent === "warm" || agent === "busy" || agent === "failed";
  }

  #died(): Fault {
    const code = STOP_CODES[this.#info?.lastStop ?? ""] ?? "agent-crashed";
    return new Fault({ code, message: `sandbox ${this.id} ended while waking` });
  }

  async #listen(info: SandboxInfo): Promise<void> {
    if (this.#listeningAt !== info.runName) {
      this.#listeningAt = info.runName;
      const path = this.#deps.paths.controlSocket(info.runName);
      const life = info.state === "stopped" ? "" : info.bootId;
      this.#listening = this.#deps.hub.listen(this.id, path, life, this.client).catch((error: unknown) => {
        this.#listeningAt = "";
        throw error;
      });
    }
    await this.#listening;
  }

  #gone(info: SandboxInfo | undefined): void {
    const code = this.#endCode ?? STOP_CODES[info?.lastStop ?? ""] ?? "agent-crashed";
    this.#endCode = undefined;
    this.#go("gone");
    this.#deps.log.info({ sandboxId: this.id, code }, "sandbox ended");
    this.client.gone(code);
  }

  #changed(): void {
    if (this.client.connected) this.#silentSince = performance.now();
    this.#signal.changed();
  }

  #go(input: AgentInput): boolean {
    const next = nextAgentPhase(this.#phase, input);
    if (!next) return false;
    this.#phase = next;
    return true;
  }

  /** A launcher that is being restarted is waited for. */
  #ask<T>(call: (launcher: LauncherPort) => Promise<T>): Promise<T> {
    return retrying(() => call(this.#deps.launcher), { withinMs: TIMEOUTS.launcherAnswer });
  }
}

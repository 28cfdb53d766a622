/**
 * The warm agent: one `openclaw gateway run` behind the stage, its login, its warm-up, its restarts.
 * `cold → waking → warm`, back to waking by itself when the process dies, `failed` when it can't be started.
 * Knows nothing of turns or of the host.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { agentCommand, agentEnv, openclawConfig } from "./agent-config.ts";
import { endBrokenRuns } from "./broken-runs.ts";
import {
  connectGateway,
  type GatewayClient,
  type GatewayEvent,
  GatewayRefusal,
  newDevice,
} from "./gateway-client.ts";
import { LIMITS } from "./limits.ts";
import { log, reason } from "./log.ts";
import { type GuestPaths, type StartConfig, staged } from "./paths.ts";
import { killAgent } from "./processes.ts";
import type { AgentState } from "./protocol.ts";
import { seedHome } from "./seed.ts";
import { gatewayWasHere, trustEnv } from "./trust.ts";

/** What others want to hear. */
export interface AgentListener {
  onState(state: AgentState, detail: string, ms?: number): void;
  onEvent(event: GatewayEvent): void;
  /** The process is gone though nobody asked: its runs are lost. */
  onLost(detail: string): void;
  /** Around the warm-up turn: model calls may be answered inside the sandbox. */
  onWarmup(active: boolean): void;
}

/** The agent of this sandbox. */
export class Agent {
  readonly #start: StartConfig;
  readonly #paths: GuestPaths;
  readonly #listener: AgentListener;
  #state: AgentState = "cold";
  #child: ChildProcess | undefined;
  #client: GatewayClient | undefined;
  #waking: Promise<GatewayClient> | undefined;
  #stopping = false;
  #tail = "";

  constructor(start: StartConfig, paths: GuestPaths, listener: AgentListener) {
    this.#start = start;
    this.#paths = paths;
    this.#listener = listener;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** The logged-in gateway, started when needed. Rejects when it can't be started in {@link LIMITS.startAttempts} tries. */
  ensure(): Promise<GatewayClient> {
    if (this.#client) return Promise.resolve(this.#client);
    this.#waking ??= this.#wake().finally(() => {
      this.#waking = undefined;
    });
    return this.#waking;
  }

  /** Ends the process and everything it started. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#waking) this.#child?.kill("SIGKILL");
    await this.#waking?.catch(() => undefined);
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await Promise.race([gone, sleep(LIMITS.stop)]);
    }
    killAgent(this.#start.bootId);
    this.#forget();
    this.#stopping = false;
    this.#setState("cold", "stopped");
  }

  /** Kills the process at once; it is started anew as after a crash. */
  kill(): void {
    killAgent(this.#start.bootId);
    this.#child?.kill("SIGKILL");
  }

  async #wake(): Promise<GatewayClient> {
    const began = performance.now();
    for (let attempt = 1; ; attempt++) {
      this.#setState("waking", attempt === 1 ? "starting" : `starting, attempt ${attempt}`);
      try {
        if (this.#stopping) throw new Error("the agent is being stopped");
        const client = await this.#startOnce();
        this.#client = client;
        this.#setState("warm", "ready", Math.round(performance.now() - began));
        return client;
      } catch (error) {
        this.#abandon();
        const detail = reason(error);
        log("error", "agent-start-failed", { attempt, err: detail, output: this.#tail.slice(-600) });
        if (this.#stopping || attempt >= LIMITS.startAttempts) {
          this.#setState(this.#stopping ? "cold" : "failed", detail);
          throw error;
        }
        await sleep(LIMITS.startPause * 2 ** (attempt - 1));
      }
    }
  }

  async #startOnce(): Promise<GatewayClient> {
    // Fails here when a leftover of a killed agent still holds the port or the state directory.
    killAgent(this.#start.bootId);
    seedHome(this.#paths, this.#start);
    await gatewayWasHere(this.#paths);
    const token = randomBytes(24).toString("hex");
    this.#writeConfig(token);
    const child = this.#spawn();
    const exited = new Promise<never>((_resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(new Error(`the agent ended with ${signal ?? `status ${code}`}`)),
      );
    });
    exited.catch(() => undefined);
    const limit = sleep(LIMITS.start, undefined, { ref: false }).then(() => {
      throw new Error(`the agent was not ready after ${LIMITS.start / 1000} s`);
    });
    limit.catch(() => undefined);
    const client = await Promise.race([exited, limit, this.#login(child, token)]);
    // From here on an exit is a loss, not a failed start.
    child.once("exit", (code, signal) =>
      this.#lost(child, `the agent ended with ${signal ?? `status ${code}`}`),
    );
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error("the agent ended during its login");
    await Promise.race([exited, this.#warmUp(client)]);
    return client;
  }

  #spawn(): ChildProcess {
    const argv = [...agentCommand(this.#start, this.#paths), "gateway", "run"];
    const [command, args] = staged(this.#paths, argv);
    this.#tail = "";
    const child = spawn(command, args, {
      cwd: this.#paths.workspace,
      env: { ...agentEnv(this.#start, this.#paths), ...trustEnv(this.#paths) },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const keep = (chunk: Buffer) => {
      this.#tail = (this.#tail + chunk.toString("utf8")).slice(-4_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#child = child;
    return child;
  }

  #writeConfig(token: string): void {
    const file = join(this.#paths.state, "openclaw.json");
    const temp = `${file}.new`;
    writeFileSync(temp, JSON.stringify(openclawConfig(this.#start, this.#paths, token), null, 2), {
      mode: 0o600,
    });
    renameSync(temp, file);
  }

  /** Waits for the port, then logs in; the gateway refuses with a time to wait while it still starts. */
  async #login(child: ChildProcess, token: string): Promise<GatewayClient> {
    const alive = () => child.exitCode === null && child.signalCode === null;
    while (alive() && !(await ready(this.#paths.agentPort))) await sleep(LIMITS.poll);
    const device = newDevice();
    while (alive()) {
      try {
        return await connectGateway(
          this.#paths.agentPort,
          token,
          device,
          (event) => this.#listener.onEvent(event),
          () => this.#disconnected(child),
        );
      } catch (error) {
        const wait = error instanceof GatewayRefusal ? error.retryAfterMs : undefined;
        if (wait === undefined) throw error;
        await sleep(Math.min(Math.max(wait, 50), 2_000));
      }
    }
    throw new Error("the agent ended during its start");
  }

  /** The first turn of a process loads most of its code (4 to 6 s): better now than when a user waits. */
  async #warmUp(client: GatewayClient): Promise<void> {
    const runId = `warmup-${randomBytes(6).toString("hex")}`;
    this.#listener.onWarmup(true);
    try {
      await client.request("chat.send", {
        message: "Say OK.",
        sessionKey: "agent:main:warmup",
        idempotencyKey: runId,
      });
      const answer = await client.request("agent.wait", { runId, timeoutMs: LIMITS.warmup - 5_000 });
      if (answer["status"] !== "ok") log("warn", "warmup-unfinished", { status: String(answer["status"]) });
    } catch (error) {
      // A slow first turn is no reason to have no agent.
      log("warn", "warmup-failed", { err: reason(error) });
    } finally {
      this.#listener.onWarmup(false);
    }
    await endBrokenRuns(client).catch((error) => log("warn", "resumed-runs-unknown", { err: reason(error) }));
  }

  /** A living agent that we can't hear is of no use. */
  #disconnected(child: ChildProcess): void {
    if (this.#child === child && !this.#stopping) this.kill();
  }

  #lost(child: ChildProcess, detail: string): void {
    if (this.#child !== child || this.#stopping || !this.#client) return;
    log("error", "agent-lost", { err: detail });
    this.#abandon();
    this.#setState("waking", detail);
    this.#listener.onLost(detail);
    this.ensure().catch(() => undefined);
  }

  #abandon(): void {
    const child = this.#child;
    this.#forget();
    child?.kill("SIGKILL");
    killAgent(this.#start.bootId);
  }

  #forget(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#child = undefined;
    client?.close();
  }

  #setState(state: AgentState, detail: string, ms?: number): void {
    this.#state = state;
    this.#listener.onState(state, detail, ms);
  }
}

/** True when the gateway says that it can serve. */
function ready(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/readyz", timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

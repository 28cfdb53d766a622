/**
 * A real gateway on real unix sockets in a temporary home, with ports in memory and a launcher that only knows names.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InferenceConfig } from "../../src/gateway/config.ts";
import type {
  GatewayActivity,
  GatewayOptions,
  LauncherPort,
  ProfilesPort,
  RunningTurn,
  SandboxSocket,
  TurnsPort,
  UsagePort,
} from "../../src/gateway/index.ts";
import { type Gateway, runGateway } from "../../src/gateway/index.ts";
import { createLogger } from "../../src/lib/logging.ts";
import { type Paths, pathsOf } from "../../src/lib/paths.ts";

/** A sandbox id that is valid. */
export const SANDBOX = "p_aaaaaaaaaaaaaaaaaaaa";
export const OTHER = "p_bbbbbbbbbbbbbbbbbbbb";

/** Usage in memory, with the budget rule that the store must keep. */
export class MemoryUsage implements UsagePort {
  readonly reserved = new Map<string, { principal: string; tokens: number; micros: number }>();
  readonly settled: { principal: string; id: string; used: Parameters<UsagePort["settle"]>[2] }[] = [];
  /** Thrown by the next calls, oldest first. */
  failures: Error[] = [];

  async reserve(
    principal: string,
    reservation: { id: string; tokens: number; micros: number },
    budget: { tokens?: number; micros?: number },
  ): ReturnType<UsagePort["reserve"]> {
    const failure = this.failures.shift();
    if (failure) throw failure;
    const mine = [...this.reserved.values()].filter((one) => one.principal === principal);
    const done = this.settled.filter((one) => one.principal === principal).map((one) => one.used);
    for (const reason of ["tokens", "micros"] as const) {
      const limit = budget[reason];
      if (limit === undefined) continue;
      const spent = done.reduce(
        (sum, one) => sum + (reason === "tokens" ? one.input + one.output : one.micros),
        0,
      );
      const used = spent + mine.reduce((sum, one) => sum + one[reason], 0);
      if (used + reservation[reason] > limit) return { kind: "denied", reason, used, limit };
    }
    this.reserved.set(reservation.id, { principal, tokens: reservation.tokens, micros: reservation.micros });
    return { kind: "ok" };
  }

  async settle(principal: string, id: string, used: Parameters<UsagePort["settle"]>[2]): Promise<void> {
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.reserved.delete(id);
    this.settled.push({ principal, id, used });
  }
}

/** Turns in memory. */
export class MemoryTurns implements TurnsPort {
  readonly byPrincipal = new Map<string, RunningTurn[]>();
  failures: Error[] = [];

  async current(principal: string): Promise<RunningTurn[]> {
    const failure = this.failures.shift();
    if (failure) throw failure;
    return this.byPrincipal.get(principal) ?? [];
  }
}

/** Profiles in memory. */
export class MemoryProfiles implements ProfilesPort {
  readonly byPrincipal = new Map<string, Awaited<ReturnType<ProfilesPort["get"]>>>();

  async get(principal: string): ReturnType<ProfilesPort["get"]> {
    return this.byPrincipal.get(principal);
  }
}

/** A launcher that knows sandboxes by name only. */
export class FakeLauncher implements LauncherPort {
  readonly sandboxes = new Map<string, SandboxSocket>();
  readonly handed: string[] = [];
  failures: Error[] = [];
  #listener: ((id: string, info: SandboxSocket | null) => void) | undefined;

  async watch(listener: (id: string, info: SandboxSocket | null) => void): Promise<void> {
    this.#listener = listener;
    for (const info of this.sandboxes.values()) listener(info.id, info);
  }

  async handOver(sandboxId: string): Promise<void> {
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.handed.push(sandboxId);
  }

  async programOf(): Promise<undefined> {
    return undefined;
  }

  set(id: string, runName: string | undefined): void {
    if (runName === undefined) this.sandboxes.delete(id);
    else this.sandboxes.set(id, { id, runName });
    this.#listener?.(id, runName === undefined ? null : { id, runName });
  }

  close(): void {}
}

/** A gateway with everything a test may look at. */
export interface Rig {
  gateway: Gateway;
  paths: Paths;
  usage: MemoryUsage;
  turns: MemoryTurns;
  profiles: MemoryProfiles;
  launcher: FakeLauncher;
  logs: string[];
  socket(sandboxId?: string): string;
  /** Audit lines of inference calls. */
  audits(): Record<string, unknown>[];
  activity(): readonly GatewayActivity[];
  /** Waits until the condition holds. */
  until(what: () => boolean, ms?: number): Promise<void>;
  /** Starts another gateway on the same home (after `gateway.close()` or instead of a dead one). */
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Config in, running gateway out. `keys` are written as key files. */
export async function startRig(
  options: {
    config?: unknown;
    keys?: Record<string, string>;
    timeouts?: NonNullable<GatewayOptions["timeouts"]>;
    turn?: boolean;
  } = {},
): Promise<Rig> {
  const home = mkdtempSync(join(tmpdir(), "ncg-"));
  const paths = pathsOf(home);
  mkdirSync(paths.secrets("gateway"), { recursive: true, mode: 0o700 });
  for (const [name, key] of Object.entries(options.keys ?? {})) {
    writeFileSync(join(paths.secrets("gateway"), `${name}.key`), `${key}\n`, { mode: 0o600 });
  }
  const usage = new MemoryUsage();
  const turns = new MemoryTurns();
  const profiles = new MemoryProfiles();
  const launcher = new FakeLauncher();
  const logs: string[] = [];
  launcher.sandboxes.set(SANDBOX, { id: SANDBOX, runName: "run-name-a" });
  if (options.turn !== false) {
    for (const id of [SANDBOX, OTHER])
      turns.byPrincipal.set(id, [{ turnId: "t_cccccccccccccccccccc", kind: "turn", scopeId: "s" }]);
  }
  const start = () =>
    runGateway({
      paths,
      config: InferenceConfig.parse(options.config ?? {}),
      logger: createLogger({
        process: "gateway",
        level: "debug",
        destination: { write: (line) => void logs.push(line) },
      }),
      usage,
      turns,
      profiles,
      launcher,
      env: {},
      ...(options.timeouts ? { timeouts: options.timeouts } : {}),
    });
  const rig: Rig = {
    gateway: await start(),
    paths,
    usage,
    turns,
    profiles,
    launcher,
    logs,
    socket: (id = SANDBOX) => paths.egressSocket(launcher.sandboxes.get(id)?.runName ?? ""),
    activity: () => rig.gateway.activity(),
    audits: () => logs.map((line) => JSON.parse(line)).filter((line) => line.audit === "inference"),
    async until(what, ms = 2_000) {
      const end = performance.now() + ms;
      while (!what()) {
        if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
        await sleep(2);
      }
    },
    async restart() {
      rig.gateway = await start();
    },
    async [Symbol.asyncDispose]() {
      await rig.gateway.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
  return rig;
}

/** One answer as it came. */
export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Milliseconds to the first byte of the body, and to the end. */
  firstMs: number;
  ms: number;
  /** The connection broke before the answer was complete. */
  broken: boolean;
}

/** Sends one request over a sandbox's socket. */
export function send(
  socketPath: string,
  options: {
    method?: string;
    path?: string;
    body?: unknown;
    raw?: string | Buffer;
    headers?: OutgoingHttpHeaders;
    /** Called with each chunk; returning true hangs up. */
    onChunk?: (text: string) => boolean | undefined;
  } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const req = httpRequest({
      socketPath,
      method: options.method ?? (body === undefined ? "GET" : "POST"),
      path: `http://inference.local${options.path ?? "/v1/chat/completions"}`,
      headers: {
        host: "inference.local",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
    });
    let hungUp = false;
    req.on("error", (error) => (hungUp ? undefined : reject(error)));
    req.on("response", (res) => {
      let text = "";
      let firstMs = 0;
      res.on("data", (chunk: Buffer) => {
        if (!firstMs) firstMs = performance.now() - startedAt;
        text += chunk.toString("utf8");
        if (options.onChunk?.(text)) {
          hungUp = true;
          req.destroy();
        }
      });
      const done = (broken: boolean) =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          text,
          firstMs,
          ms: performance.now() - startedAt,
          broken,
        });
      res.on("end", () => done(false));
      res.on("error", () => done(true));
      res.on("close", () => done(!res.complete));
    });
    req.end(body);
  });
}

/** A small chat request. */
export const chat = (text: string, more: object = {}) => ({
  model: "whatever",
  messages: [
    { role: "system", content: "You are a test." },
    { role: "user", content: text },
  ],
  ...more,
});

/** `data:` payloads of an event stream, `[DONE]` left as text. */
export function events(text: string): (Record<string, unknown> | string)[] {
  return text
    .split("\n\n")
    .map((event) => /^data: (.*)$/m.exec(event)?.[1])
    .filter((payload) => payload !== undefined)
    .map((payload) => (payload === "[DONE]" ? payload : (JSON.parse(payload) as Record<string, unknown>)));
}

/** All text deltas of an OpenAI stream together. */
export function streamedText(text: string): string {
  return events(text)
    .map((event) =>
      typeof event === "string"
        ? ""
        : ((event["choices"] as { delta?: { content?: string } }[])?.[0]?.delta?.content ?? ""),
    )
    .join("");
}

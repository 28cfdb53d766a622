/**
 * Runs the real guest outside of a sandbox: its paths and ports are its test's own, the host end of control.sock and the
 * model behind egress.sock are here. Everything it starts is ended by `close()`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFrame, frameReader } from "../../../src/sandbox/guest/frames.ts";
import { agentProcesses } from "../../../src/sandbox/guest/processes.ts";
import type { FromGuest, ToGuest, TurnEvent } from "../../../src/sandbox/guest/protocol.ts";
import { type ModelStub, startModelStub } from "./model-stub.ts";

const root = join(import.meta.dirname, "../../..");
/** The fake agent's program. */
export const FAKE_AGENT = join(root, "test/fakes/agent/main.ts");

type Hello = Extract<FromGuest, { type: "hello" }>;
type Ack = Extract<FromGuest, { type: "ack" }>;
type EventFrame = Extract<FromGuest, { type: "event" }>;
type Command<T = ToGuest> = T extends { id: number } ? Omit<T, "id"> : never;

/** The host's end of control.sock: one connection at a time, every frame kept. */
export class Host {
  readonly frames: FromGuest[] = [];
  readonly #server: Server;
  #socket: Socket | undefined;
  #nextId = 1;
  /** What `welcome` says. */
  version = 1;
  /** False = whoever dials is turned away, as with no worker. */
  accepting = true;
  readonly #pings = setInterval(() => this.send({ type: "ping", n: 0 }), 2_000);

  constructor(path: string) {
    this.#server = createServer((socket) => {
      if (!this.accepting) return void socket.destroy();
      this.#socket = socket;
      const read = frameReader((value) => {
        const frame = value as FromGuest;
        this.frames.push(frame);
        if (frame.type === "hello") socket.write(encodeFrame({ type: "welcome", v: this.version }));
      });
      socket.on("data", read);
      socket.on("error", () => socket.destroy());
    });
    this.#server.listen(path);
  }

  /** The newest hello after the first `after` frames. */
  hello(after = 0): Promise<Hello> {
    return until(() => this.frames.slice(after).findLast((f) => f.type === "hello"), "hello");
  }

  send(command: ToGuest): void {
    this.#socket?.write(encodeFrame(command));
  }

  raw(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  /** Sends a command and waits for its ack. */
  async ask(command: Command): Promise<Ack> {
    const id = this.#nextId++;
    this.send({ ...command, id } as ToGuest);
    return until(
      () => this.frames.find((f): f is Ack => f.type === "ack" && f.id === id),
      `ack of ${command.type}`,
    );
  }

  /** Starts a turn. */
  run(turnId: string, text: string, more: Partial<Extract<ToGuest, { type: "run" }>> = {}): Promise<Ack> {
    const base = {
      type: "run",
      turnId,
      fence: 1,
      sessionKey: "c:1",
      text,
      mode: "warm",
      timeoutMs: 60_000,
    } as const;
    return this.ask({ ...base, ...more });
  }

  /** Event frames of a turn, in order of arrival, after the first `after` frames. */
  events(turnId: string, after = 0): EventFrame[] {
    return this.frames.slice(after).filter((f): f is EventFrame => f.type === "event" && f.turnId === turnId);
  }

  /** Waits for an event of that kind. */
  event<K extends TurnEvent["kind"]>(
    turnId: string,
    kind: K,
    ms = 20_000,
  ): Promise<Extract<TurnEvent, { kind: K }>> {
    type Wanted = Extract<TurnEvent, { kind: K }>;
    const found = () => this.events(turnId).find((f) => f.event.kind === kind)?.event as Wanted | undefined;
    return until(found, `${kind} of ${turnId}`, ms);
  }

  /** Waits for the turn's last event. */
  outcome(turnId: string, ms = 20_000): Promise<TurnEvent> {
    const last = ["final", "failed", "cancelled"];
    return until(
      () => this.events(turnId).find((f) => last.includes(f.event.kind))?.event,
      `end of ${turnId}`,
      ms,
    );
  }

  /** Waits for the agent to say that it is in that state, after the first `after` frames. */
  agent(state: string, ms = 20_000, after = 0): Promise<FromGuest> {
    return until(
      () => this.frames.slice(after).find((f) => f.type === "agent" && f.state === state),
      `agent ${state}`,
      ms,
    );
  }

  /** Drops the connection, as a killed worker does. */
  drop(): void {
    this.#socket?.destroy();
  }

  /** Stops reading, as a stopped worker does. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  close(): void {
    clearInterval(this.#pings);
    this.#socket?.destroy();
    this.#server.close();
  }
}

/** A running guest and its surroundings. */
export interface Rig {
  dir: string;
  home: string;
  host: Host;
  model: ModelStub;
  guest: ChildProcess;
  ports: { proxy: number; agent: number };
  bootId: string;
  /** Lines the guest logged. */
  log: string[];
  close(): Promise<void>;
}

/** What a test may choose. */
export interface RigOptions {
  program?: string;
  /** `node_modules/openclaw` for the real agent. */
  agentPackage?: string;
  /** Waits for the agent to be warm; default true. */
  warm?: boolean;
  /** No model behind egress.sock. */
  noModel?: boolean;
  /** OpenClaw asks before commands. */
  askCommands?: boolean;
}

/** Starts everything. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const dir = mkdtempSync("/tmp/gt-");
  const home = join(dir, "home");
  mkdirSync(join(dir, "config"), { recursive: true });
  mkdirSync(home);
  const bootId = `b${Date.now().toString(36)}${process.pid}`;
  const program = options.agentPackage ? undefined : (options.program ?? FAKE_AGENT);
  const agent = {
    model: "demo/demo-1",
    contextWindow: 131_072,
    maxTokens: 8_192,
    ...(program ? { program } : {}),
    ...(options.askCommands ? { askCommands: true } : {}),
  };
  writeFileSync(
    join(dir, "config/sandbox.json"),
    JSON.stringify({ sandbox: "p_test", name: "test", bootId, agent, limits: {} }),
  );
  const ports = { proxy: await freePort(), agent: await freePort() };
  const paths = {
    home,
    workspace: join(home, "workspace"),
    state: join(home, ".openclaw"),
    egressSocket: join(dir, "egress.sock"),
    controlSocket: join(dir, "control.sock"),
    config: join(dir, "config"),
    node: process.execPath,
    agentPackage: options.agentPackage ?? "/nonexistent",
    proxyPort: ports.proxy,
    agentPort: ports.agent,
  };
  const host = new Host(paths.controlSocket);
  const model = options.noModel
    ? { seen: [], refused: [], aborted: 0, close: async () => undefined }
    : await startModelStub(paths.egressSocket);
  const guest = spawn(process.execPath, [join(root, "src/sandbox/guest/main.ts")], {
    env: { PATH: process.env["PATH"] ?? "", NEMOCLAW_GUEST_PATHS: JSON.stringify(paths) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const log: string[] = [];
  guest.stdout?.on("data", (chunk: Buffer) => log.push(...chunk.toString("utf8").trim().split("\n")));
  const rig: Rig = {
    dir,
    home,
    host,
    model,
    guest,
    ports,
    bootId,
    log,
    async close() {
      if (guest.exitCode === null && guest.signalCode === null) {
        const gone = new Promise((resolve) => guest.once("exit", resolve));
        guest.kill("SIGTERM");
        await Promise.race([gone, sleep(8_000, undefined, { ref: false })]);
        guest.kill("SIGKILL");
      }
      // Outside a sandbox an agent outlives its guest.
      for (const { pid } of agentProcesses(bootId)) process.kill(pid, "SIGKILL");
      host.close();
      await model.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    await host.hello();
    if (options.warm !== false)
      await until(() => host.frames.find((f) => "state" in f && f.state === "warm"), "warm", 150_000);
  } catch (error) {
    await rig.close();
    throw new Error(`${(error as Error).message}\n${log.join("\n")}`);
  }
  return rig;
}

/** Polls until `read` gives something. */
export async function until<T>(
  read: () => T | undefined,
  what: string,
  ms = 20_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = read();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`no ${what} within ${ms} ms`);
    await sleep(5);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}

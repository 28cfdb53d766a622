/**
 * Speaks to the launcher for worker, gateway and operator. Every operation is idempotent, so a request that was under
 * way when the launcher died is sent again to the next one, until its time is up.
 */
import { connect, type Socket } from "node:net";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import type { Layer, SandboxId, SandboxSpec } from "../driver.ts";
import { SandboxInfo, SandboxStats } from "../driver.ts";
import { readLines } from "./lines.ts";
import type { LauncherRequest } from "./protocol.ts";

const RETRY_MS = [20, 50, 100, 200, 500, 1_000] as const;

const Answer = z.union([
  z.object({ event: z.literal("sandbox"), sandboxId: z.string(), info: SandboxInfo.nullable() }),
  z.object({ id: z.number(), ok: z.literal(true), result: z.unknown() }),
  z.object({
    id: z.number(),
    ok: z.literal(false),
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      retryable: z.boolean().optional(),
    }),
  }),
]);

/** How long a question about a program may wait: its connection would have been judged without it by then. */
const PROGRAM_MS = 250;

/** Id of the watch that a new connection begins with. */
const REWATCH = 0;

type Body = LauncherRequest extends infer R ? (R extends unknown ? Omit<R, "id"> : never) : never;

type Watcher = (id: SandboxId, info: SandboxInfo | undefined) => void;

interface Pending {
  body: Body;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** How to reach the launcher. */
export interface LauncherClientOptions {
  /** The role's own socket (`paths.launcher.…Socket`). */
  socket: string;
  /** How long a request may take, reconnecting included. Default 20 s. */
  timeoutMs?: number;
}

/** One connection, made when first needed and made again whenever it is lost. */
export class LauncherClient {
  private readonly options: LauncherClientOptions;
  private readonly pending = new Map<number, Pending>();
  private readonly watchers = new Set<Watcher>();
  private readonly known = new Set<SandboxId>();
  private socket: Socket | undefined;
  private nextId = 1;
  private failures = 0;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(options: LauncherClientOptions) {
    this.options = options;
  }

  create = async (spec: SandboxSpec) => SandboxInfo.parse(await this.request({ op: "create", spec }));
  start = async (sandboxId: SandboxId) => SandboxInfo.parse(await this.request({ op: "start", sandboxId }));
  stop = async (sandboxId: SandboxId, reason: string) =>
    SandboxInfo.parse(await this.request({ op: "stop", sandboxId, reason }));
  park = async (sandboxId: SandboxId) => SandboxInfo.parse(await this.request({ op: "park", sandboxId }));
  wake = async (sandboxId: SandboxId) => SandboxInfo.parse(await this.request({ op: "wake", sandboxId }));
  stats = async (sandboxId: SandboxId) => SandboxStats.parse(await this.request({ op: "stats", sandboxId }));
  inspect = async (sandboxId: SandboxId) =>
    SandboxInfo.nullable().parse(await this.request({ op: "inspect", sandboxId })) ?? undefined;
  list = async () => z.array(SandboxInfo).parse(await this.request({ op: "list" }));
  layers = async () => (await this.request({ op: "layers" })) as Layer[];
  destroy = async (sandboxId: SandboxId) => void (await this.request({ op: "destroy", sandboxId }));
  trim = async (sandboxId: SandboxId) => void (await this.request({ op: "trim", sandboxId }));
  killAgent = async (sandboxId: SandboxId) => void (await this.request({ op: "killAgent", sandboxId }));
  /** Gives this role's socket of that sandbox to the sandbox; to be called after `listen`. */
  handOver = async (sandboxId: SandboxId) => void (await this.request({ op: "handOver", sandboxId }));
  /** Path, as it is inside, of the program that holds this port's connection to the proxy; undefined when unknown. */
  programOf = async (sandboxId: SandboxId, port: number) =>
    z
      .string()
      .nullable()
      .parse(await this.request({ op: "programOf", sandboxId, port }, PROGRAM_MS)) ?? undefined;

  /**
   * Calls `listener` for every sandbox, resolves, and calls it at every change from then on, `undefined` when one is
   * gone. After a reconnect all are told again. Resolves to the unsubscriber.
   */
  async watch(listener: Watcher): Promise<() => void> {
    this.watchers.add(listener);
    try {
      this.told(await this.request({ op: "watch" }));
    } catch (error) {
      this.watchers.delete(listener);
      throw error;
    }
    return () => this.watchers.delete(listener);
  }

  /** Ends the connection; open requests are rejected. */
  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.socket?.destroy();
    for (const [id] of this.pending) this.giveUp(id, "the connection was closed");
  }

  private request(body: Body, timeoutMs = this.options.timeoutMs ?? 20_000): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.giveUp(id, "it does not answer"), timeoutMs);
      this.pending.set(id, { body, resolve, reject, timer });
      this.connect();
      if (this.socket && !this.socket.connecting) this.send(this.socket, id, body);
    });
  }

  private giveUp(id: number, why: string): void {
    const pending = this.take(id);
    pending?.reject(
      new Fault({
        code: "launcher-unreachable",
        message: `launcher at ${this.options.socket}: ${why} (${pending.body.op})`,
        userMessage: "The sandbox service is not answering. Please try again in a moment.",
        hint: "nemoclaw status; the supervisor restarts the launcher by itself",
        retryable: true,
        certain: false,
      }),
    );
  }

  private take(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  private connect(): void {
    if (this.socket || this.closed || this.retry) return;
    const socket = connect(this.options.socket);
    this.socket = socket;
    socket.on("connect", () => {
      if (this.watchers.size > 0) this.send(socket, REWATCH, { op: "watch" });
      for (const [id, { body }] of this.pending) this.send(socket, id, body);
    });
    readLines(socket, (line) => this.receive(socket, line));
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => {
      this.socket = undefined;
      if (this.closed || (this.pending.size === 0 && this.watchers.size === 0)) return;
      const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
      this.retry = setTimeout(() => {
        this.retry = undefined;
        this.connect();
      }, wait);
    });
  }

  private send(socket: Socket, id: number, body: Body): void {
    socket.write(`${JSON.stringify({ id, ...body })}\n`);
  }

  /** The answer to a watch names all sandboxes: those that we knew and that aren't there have gone. */
  private told(result: unknown): void {
    const now = new Set(z.object({ sandboxes: z.array(z.string()) }).parse(result).sandboxes);
    for (const id of [...this.known].filter((each) => !now.has(each))) this.tell(id, undefined);
  }

  private tell(id: SandboxId, info: SandboxInfo | undefined): void {
    if (info) this.known.add(id);
    else this.known.delete(id);
    for (const watcher of this.watchers) watcher(id, info);
  }

  private receive(socket: Socket, line: string): void {
    const answer = readAnswer(line);
    // Another release's launcher, on its way out or in: whoever waits for an answer is told when its time is up.
    if (!answer) return void socket.destroy();
    this.failures = 0;
    if ("event" in answer) {
      this.tell(answer.sandboxId, answer.info ?? undefined);
    } else if (answer.id === REWATCH) {
      if (answer.ok) this.told(answer.result);
    } else if (answer.ok) {
      this.take(answer.id)?.resolve(answer.result);
    } else {
      this.take(answer.id)?.reject(new Fault(defined(answer.error)));
    }
  }
}

function readAnswer(line: string): z.output<typeof Answer> | undefined {
  try {
    return Answer.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Without the keys that are undefined (exactOptionalPropertyTypes). */
function defined(error: {
  code: string;
  message: string;
  hint?: string | undefined;
  retryable?: boolean | undefined;
}) {
  const { code, message, hint, retryable } = error;
  return { code, message, ...(hint ? { hint } : {}), ...(retryable ? { retryable } : {}) };
}

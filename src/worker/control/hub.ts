/**
 * The main thread's side of the control thread: who listens, what came, what goes out.
 * Knows sandboxes by id only; what a frame means is the agent client's business.
 */
import { once } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { describeError, Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { ToGuest } from "../../sandbox/index.ts";
import type { ListenerCaps } from "./listener.ts";
import type { FromThread, GuestFrame, ToThread } from "./messages.ts";
import type { HelloFrame } from "./schema.ts";

/** Defaults: a replay of a full journal (4 MB) passes at once, a flood costs this process a few per cent of one core. */
export const DEFAULT_CAPS: ListenerCaps = {
  frames: { perSecond: 500, burst: 2_000 },
  bytes: { perSecond: 1024 * 1024, burst: 6 * 1024 * 1024 },
  quantum: 32,
  maxUnhandled: 256,
  maxUnread: 4 * 1024 * 1024,
  heartbeatMs: TIMEOUTS.heartbeat,
  heartbeatsLost: TIMEOUTS.heartbeatLost / TIMEOUTS.heartbeat,
  helloMs: TIMEOUTS.controlHello,
  banMs: TIMEOUTS.controlBan,
};

/** Who hears a sandbox. Called on the main thread, in order; must return quickly. */
export interface ControlHandler {
  up(hello: HelloFrame, conn: number): void;
  frame(frame: GuestFrame): void;
  down(reason: string): void;
}

/** What the agent client needs of the hub. */
export interface ControlPort {
  send(sandboxId: string, conn: number, frame: ToGuest): void;
}

/** See the module's header. */
export class ControlHub implements ControlPort {
  readonly #thread: Worker;
  readonly #log: Logger;
  readonly #handOver: (sandboxId: string) => Promise<unknown>;
  readonly #handlers = new Map<string, { handler: ControlHandler; conn: number }>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #closed = Promise.withResolvers<void>();
  #closing = false;

  /**
   * `handOver` gives the freshly bound socket to the sandbox's uid (launcher). `onDeath` is called when the thread
   * ends by itself: the process has lost its ears and should end too.
   */
  constructor(options: {
    log: Logger;
    handOver: (sandboxId: string) => Promise<unknown>;
    onDeath: (error: Error) => void;
    caps?: Partial<ListenerCaps>;
  }) {
    this.#log = options.log;
    this.#handOver = options.handOver;
    const entry = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);
    this.#thread = new Worker(entry, { workerData: { ...DEFAULT_CAPS, ...options.caps }, stdin: false });
    this.#thread.on("message", (batch: FromThread[]) => this.#receive(batch));
    this.#thread.on("error", (error) => options.onDeath(error as Error));
    this.#thread.on("exit", (code) => {
      if (!this.#closing) options.onDeath(new Error(`control thread ended with ${code}`));
    });
  }

  /** Listens for a sandbox; resolves when the guest can dial. Listening again replaces socket and handler. */
  async listen(sandboxId: string, path: string, bootId: string, handler: ControlHandler): Promise<void> {
    // The launcher has made it. Where it didn't: others may pass but not look.
    const made = mkdirSync(dirname(path), { recursive: true });
    if (made) chmodSync(dirname(path), 0o711);
    this.#handlers.set(sandboxId, { handler, conn: 0 });
    const waiting = Promise.withResolvers<void>();
    this.#waiting.get(sandboxId)?.reject(new Fault({ code: "control-replaced", message: "listening again" }));
    this.#waiting.set(sandboxId, waiting);
    this.#post({ op: "listen", sandboxId, path, bootId });
    await waiting.promise;
  }

  /** The sandbox's present life; empty while it is stopped. */
  expect(sandboxId: string, bootId: string): void {
    this.#post({ op: "expect", sandboxId, bootId });
  }

  heartbeat(sandboxId: string, on: boolean): void {
    this.#post({ op: "heartbeat", sandboxId, on });
  }

  send(sandboxId: string, conn: number, frame: ToGuest): void {
    this.#post({ op: "send", sandboxId, conn, frame });
  }

  unlisten(sandboxId: string): void {
    this.#handlers.delete(sandboxId);
    this.#post({ op: "unlisten", sandboxId });
  }

  /** Closes every connection; agents go on. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#post({ op: "close" });
    await Promise.race([once(this.#thread, "exit"), this.#closed.promise]);
    await this.#thread.terminate();
  }

  #post(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  #receive(batch: FromThread[]): void {
    const counts = new Map<string, number>();
    for (const message of batch) {
      if (message.kind === "frame") counts.set(message.sandboxId, (counts.get(message.sandboxId) ?? 0) + 1);
      try {
        this.#dispatch(message);
      } catch (error) {
        this.#log.error({ err: error }, "a control message was not handled");
      }
    }
    if (counts.size > 0) this.#post({ op: "handled", counts: [...counts] });
  }

  #dispatch(message: FromThread): void {
    if (message.kind === "closed") {
      this.#closed.resolve();
      return;
    }
    const { sandboxId } = message;
    const entry = this.#handlers.get(sandboxId);
    switch (message.kind) {
      case "listening":
        this.#listening(sandboxId);
        break;
      case "listen-failed":
        this.#log.error({ sandboxId, reason: message.message }, "control socket could not be made");
        this.#settleListen(sandboxId, new Error(message.message));
        break;
      case "refused":
        this.#log.warn({ sandboxId, reason: message.reason }, "guest connection refused");
        break;
      case "up":
        if (!entry) break;
        entry.conn = message.conn;
        entry.handler.up(message.hello, message.conn);
        break;
      case "frame":
        if (entry?.conn === message.conn) entry.handler.frame(message.frame);
        break;
      case "down":
        if (entry?.conn !== message.conn) break;
        entry.conn = 0;
        entry.handler.down(message.reason);
    }
  }

  #listening(sandboxId: string): void {
    this.#handOver(sandboxId).then(
      () => this.#settleListen(sandboxId),
      (error: unknown) => {
        this.#log.error({ sandboxId, err: error }, "control socket could not be handed over");
        this.#settleListen(sandboxId, error);
      },
    );
  }

  #settleListen(sandboxId: string, error?: unknown): void {
    const waiting = this.#waiting.get(sandboxId);
    this.#waiting.delete(sandboxId);
    if (!waiting) return;
    if (error === undefined) waiting.resolve();
    else
      waiting.reject(
        new Fault({
          code: "control-unavailable",
          message: `control socket of ${sandboxId}: ${describeError(error)}`,
          retryable: true,
          cause: error,
        }),
      );
  }
}

/**
 * One sandbox's control.sock, inside the control thread: the listening socket and the one connection that speaks.
 * The newest hello with the right bootId wins (only the sandbox's PID 1 can dial, DESIGN §3). A guest that breaks the
 * protocol or redials in a loop finds no socket for a while, which costs this process nothing.
 */
import { chmodSync, renameSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { FromGuest, ToGuest } from "../../sandbox/index.ts";
import { TokenBucket } from "./bucket.ts";
import { type ConnectionCaps, GuestConnection } from "./connection.ts";
import type { FromThread } from "./messages.ts";
import type { HelloFrame } from "./schema.ts";
import { CONTROL_VERSION } from "./wire.ts";

/** Caps of one listening socket. */
export interface ListenerCaps extends ConnectionCaps {
  /** A connection must have said a fitting hello within this. */
  helloMs: number;
  /** How long the socket is away after too many connections. */
  banMs: number;
}

/** Connections that may wait for their hello, or for their bootId to be known. */
const MAX_PENDING = 2;
/** 10 connections at once, one more each second; a broken rule costs as much as five. */
const DIALS = { perSecond: 1, burst: 10 };
const VIOLATION_COST = 5;

interface Candidate {
  conn: number;
  connection: GuestConnection;
  hello?: HelloFrame;
  deadline: NodeJS.Timeout;
}

let lastConn = 0;
let binds = 0;

/** See the module's header. */
export class ControlListener {
  readonly #sandboxId: string;
  readonly #path: string;
  readonly #caps: ListenerCaps;
  readonly #post: (message: FromThread) => void;
  readonly #dials = new TokenBucket(DIALS, performance.now());
  readonly #pending = new Map<number, Candidate>();
  #bootId: string;
  #server: Server | undefined;
  #ban: NodeJS.Timeout | undefined;
  #current: { conn: number; connection: GuestConnection } | undefined;
  #heartbeat = true;

  constructor(
    options: { sandboxId: string; path: string; bootId: string; caps: ListenerCaps },
    post: (message: FromThread) => void,
  ) {
    this.#sandboxId = options.sandboxId;
    this.#path = options.path;
    this.#bootId = options.bootId;
    this.#caps = options.caps;
    this.#post = post;
  }

  listen(): void {
    const server = createServer((socket) => this.#accept(socket));
    const failed = (error: unknown) =>
      this.#post({ kind: "listen-failed", sandboxId: this.#sandboxId, message: String(error) });
    server.on("error", failed);
    // Bound under a name of its own and moved into place: libuv unlinks the name it bound when a server closes, and a
    // worker that lost its host must not remove the socket of its successor. A stale one is replaced.
    const bound = join(dirname(this.#path), `c.${process.pid}.${++binds}`);
    server.listen(bound, () => {
      try {
        // Until the hand-over only this process's uid may connect.
        chmodSync(bound, 0o600);
        renameSync(bound, this.#path);
        this.#post({ kind: "listening", sandboxId: this.#sandboxId });
      } catch (error) {
        failed(error);
      }
    });
    this.#server = server;
  }

  /** A new life begins (or none: empty): what another life said is forgotten. */
  expect(bootId: string): void {
    if (bootId === this.#bootId) return;
    this.#bootId = bootId;
    this.#current?.connection.close("another life of the sandbox began");
    for (const candidate of [...this.#pending.values()]) this.#consider(candidate);
  }

  send(conn: number, frame: ToGuest): void {
    if (this.#current?.conn === conn) this.#current.connection.send(frame);
  }

  heartbeat(on: boolean): void {
    this.#heartbeat = on;
    this.#current?.connection.heartbeat(on);
  }

  handled(count: number): void {
    this.#current?.connection.handled(count);
  }

  close(): void {
    clearTimeout(this.#ban);
    this.#server?.close();
    this.#server = undefined;
    for (const candidate of [...this.#pending.values()]) candidate.connection.close("closing");
    this.#current?.connection.close("closing");
  }

  #accept(socket: Socket): void {
    if (this.#dials.waitFor(1, performance.now()) > 0) {
      socket.destroy();
      this.#banish();
      return;
    }
    this.#dials.take(1);
    const conn = ++lastConn;
    const connection = new GuestConnection(socket, this.#caps, {
      frame: (frame) => this.#frame(conn, frame),
      end: (reason, violation) => this.#ended(conn, reason, violation),
    });
    const deadline = setTimeout(() => connection.close("no fitting hello in time"), this.#caps.helloMs);
    this.#pending.set(conn, { conn, connection, deadline });
    if (this.#pending.size > MAX_PENDING) {
      const oldest = this.#pending.values().next().value;
      oldest?.connection.close("too many connections");
    }
  }

  #frame(conn: number, frame: FromGuest): void {
    const candidate = this.#pending.get(conn);
    if (candidate) this.#hello(candidate, frame);
    else if (this.#current?.conn !== conn) return;
    else if (frame.type === "hello") this.#current.connection.close("second hello", true);
    else if (frame.type !== "pong") this.#post({ kind: "frame", sandboxId: this.#sandboxId, conn, frame });
  }

  #hello(candidate: Candidate, frame: FromGuest): void {
    const { connection } = candidate;
    if (frame.type !== "hello") connection.close("hello expected first", true);
    else if (frame.v !== CONTROL_VERSION) connection.close(`control protocol ${frame.v}`, true);
    else if (frame.sandbox !== this.#sandboxId) connection.close("hello with another sandbox's name", true);
    else {
      candidate.hello = frame;
      connection.hold(true);
      this.#consider(candidate);
    }
  }

  /** Takes a candidate whose hello fits. One of another life waits for `expect` until its deadline. */
  #consider(candidate: Candidate): void {
    const { conn, connection, hello } = candidate;
    if (!hello || this.#bootId === "" || hello.bootId !== this.#bootId) return;
    clearTimeout(candidate.deadline);
    this.#pending.delete(conn);
    const previous = this.#current;
    this.#current = { conn, connection };
    if (previous) {
      previous.connection.close("replaced by a newer connection");
      this.#post({ kind: "down", sandboxId: this.#sandboxId, conn: previous.conn, reason: "replaced" });
    }
    connection.send({ type: "welcome", v: CONTROL_VERSION });
    connection.heartbeat(this.#heartbeat);
    connection.hold(false);
    this.#post({ kind: "up", sandboxId: this.#sandboxId, conn, hello });
  }

  #ended(conn: number, reason: string, violation: boolean): void {
    const candidate = this.#pending.get(conn);
    if (candidate) clearTimeout(candidate.deadline);
    this.#pending.delete(conn);
    if (violation) {
      this.#dials.take(VIOLATION_COST);
      this.#post({ kind: "refused", sandboxId: this.#sandboxId, reason });
    }
    if (this.#current?.conn !== conn) return;
    this.#current = undefined;
    this.#post({ kind: "down", sandboxId: this.#sandboxId, conn, reason });
  }

  #banish(): void {
    if (!this.#server) return;
    this.#post({ kind: "refused", sandboxId: this.#sandboxId, reason: "too many connections" });
    this.#server.close();
    this.#server = undefined;
    this.#ban = setTimeout(() => this.listen(), this.#caps.banMs);
  }
}

/**
 * A real egress proxy on a unix socket, with a resolver and a connector of the test's own: the connector notes the
 * address that it is asked to dial and connects to an upstream here, which records every byte.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, createServer as createRaw, type Server as RawServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { createServer as createTls, type TlsOptions, type Server as TlsServer } from "node:tls";
import pino from "pino";
import type { CredentialPort } from "../../src/gateway/credentials/index.ts";
import { createGuard, type Ip, type Resolver } from "../../src/gateway/egress/guard/index.ts";
import type { Inspection } from "../../src/gateway/egress/inspect/ports.ts";
import type { ProxyLimits } from "../../src/gateway/egress/proxy/limits.ts";
import type {
  Approver,
  AuditPort,
  AuditRow,
  InferencePort,
  PolicyPort,
  ProgramLookup,
} from "../../src/gateway/egress/proxy/ports.ts";
import { createEgressServer, type EgressServer } from "../../src/gateway/egress/proxy/server.ts";
import { type CompiledPolicy, compilePolicy, type Fallback } from "../../src/gateway/policy/compile.ts";
import type { Grant } from "../../src/gateway/policy/decide.ts";
import { loadPolicy } from "../../src/gateway/policy/from-file.ts";
import { formatNotices } from "../../src/gateway/policy/model.ts";
import type { Cancel } from "../../src/lib/cancel.ts";

/** Where names point unless a test says otherwise. */
export const PUBLIC = "93.184.216.34";

/** One HTTP request that upstream understood. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** What a test may replace. */
export interface HarnessOptions {
  policy?: CompiledPolicy;
  /** A live policy instead; `reload` then does nothing. */
  port?: PolicyPort;
  grants?: readonly Grant[];
  resolve?: Readonly<Record<string, readonly string[]>> | Resolver;
  approver?: Approver;
  audit?: AuditPort;
  inference?: InferencePort;
  programOf?: ProgramLookup;
  inspection?: Inspection;
  credentials?: CredentialPort;
  /** Upstream speaks TLS on every port but 80. */
  upstreamTls?: TlsOptions;
  limits?: Partial<ProxyLimits>;
  ownAddresses?: readonly string[];
  resolveTimeoutMs?: number;
  /** Answers requests; default 200 "ok". */
  respond?: (req: IncomingMessage, res: ServerResponse) => void;
  /** Takes upstream connections raw, instead of HTTP; it tells how many bytes it read. */
  raw?: (socket: Socket, count: (bytes: number) => void) => void;
  /** Replaces the dial. */
  dial?: (address: Ip, port: number, signal: Cancel) => Promise<Socket>;
}

/** An upstream that reads everything and says nothing. */
export const SINK: NonNullable<HarnessOptions["raw"]> = (socket, count) =>
  void socket.on("data", (piece) => count(piece.length));

/** A policy from file text. */
export function policyOf(text: string, fallback: Fallback = "deny", hash = "test"): CompiledPolicy {
  const loaded = loadPolicy("policy.yaml", text);
  if (!loaded.ok) throw new Error(formatNotices(loaded.problems));
  return compilePolicy({ hash, fallback, rules: loaded.value.rules, denials: loaded.value.denials });
}

/** A running proxy and everything that it did. */
export class Harness {
  readonly dir = mkdtempSync(join(tmpdir(), "eg-"));
  readonly path = join(this.dir, "e.sock");
  readonly dials: { address: string; port: number }[] = [];
  readonly asked: string[] = [];
  readonly rows: AuditRow[] = [];
  readonly seen: Seen[] = [];
  readonly upstreamSockets: Socket[] = [];
  upstreamBytes = 0;
  /** Bytes of TLS that upstream got, handshakes included. */
  upstreamWire = 0;
  private readonly listeners = new Set<() => void>();
  private readonly upstream: Server;
  private readonly rawUpstream: RawServer | undefined;
  private readonly tlsUpstream: TlsServer | undefined;
  private readonly server: EgressServer;
  private policy: CompiledPolicy;
  private grants: readonly Grant[];

  private constructor(options: HarnessOptions) {
    this.policy =
      options.policy ?? compilePolicy({ hash: "open", fallback: "allow", rules: [], denials: [] });
    this.grants = options.grants ?? [];
    this.upstream = createServer((req, res) => {
      const pieces: Buffer[] = [];
      req.on("data", (piece: Buffer) => pieces.push(piece));
      req.on("end", () => {
        const body = Buffer.concat(pieces).toString("latin1");
        this.seen.push({
          method: req.method!,
          url: req.url!,
          headers: req.headers,
          rawHeaders: req.rawHeaders,
          body,
        });
        if (options.respond) options.respond(req, res);
        else res.end("ok");
      });
    });
    this.upstream.on("connection", (socket: Socket) => {
      this.upstreamSockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (piece: Buffer) => {
        this.upstreamBytes += piece.length;
      });
    });
    if (options.upstreamTls) {
      this.tlsUpstream = createTls(options.upstreamTls, (socket) => this.upstream.emit("connection", socket));
      this.tlsUpstream.on("connection", (socket: Socket) => {
        this.upstreamSockets.push(socket);
        socket.on("data", (piece: Buffer) => {
          this.upstreamWire += piece.length;
        });
      });
    }
    const { raw } = options;
    if (raw) {
      this.rawUpstream = createRaw({ allowHalfOpen: true }, (socket) => {
        this.upstreamSockets.push(socket);
        socket.on("error", () => {});
        raw(socket, (bytes) => {
          this.upstreamBytes += bytes;
        });
      });
    }
    const resolver: Resolver =
      options.resolve && "resolve" in options.resolve && typeof options.resolve.resolve === "function"
        ? (options.resolve as Resolver)
        : {
            resolve: async (host) => {
              this.asked.push(host);
              return (options.resolve as Record<string, string[]> | undefined)?.[host] ?? [PUBLIC];
            },
          };
    this.server = createEgressServer({
      sandboxId: "p_test",
      policy: options.port ?? {
        current: () => ({ policy: this.policy, grants: this.grants }),
        onChange: (listener) => {
          this.listeners.add(listener);
          return () => this.listeners.delete(listener);
        },
      },
      guard: createGuard({
        resolver,
        ownAddresses: () => options.ownAddresses ?? ["127.0.0.1", "::1"],
        ...(options.resolveTimeoutMs === undefined ? {} : { resolveTimeoutMs: options.resolveTimeoutMs }),
      }),
      audit: options.audit ?? {
        decided: (row) => void this.rows.push(row),
        closed: (row) => void this.rows.push(row),
      },
      logger: pino({ level: "fatal" }),
      connector: {
        dial: (address, port, signal) => {
          this.dials.push({ address: address.text, port });
          return options.dial ? options.dial(address, port, signal) : this.dialUpstream(options, port);
        },
      },
      ...(options.approver ? { approver: options.approver } : {}),
      ...(options.inference ? { inference: options.inference } : {}),
      ...(options.programOf ? { programOf: options.programOf } : {}),
      ...(options.inspection ? { inspection: options.inspection } : {}),
      ...(options.credentials ? { credentials: options.credentials } : {}),
      ...(options.limits ? { limits: options.limits } : {}),
    });
  }

  /** Starts proxy and upstream. */
  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness(options);
    await new Promise<void>((resolve) => harness.upstream.listen(join(harness.dir, "u.sock"), resolve));
    await new Promise<void>((resolve) => {
      if (harness.rawUpstream) harness.rawUpstream.listen(join(harness.dir, "r.sock"), resolve);
      else resolve();
    });
    await new Promise<void>((resolve) => {
      if (harness.tlsUpstream) harness.tlsUpstream.listen(join(harness.dir, "t.sock"), resolve);
      else resolve();
    });
    await new Promise<void>((resolve) => harness.server.listen(harness.path, resolve));
    return harness;
  }

  /** A new policy, at once. */
  reload(policy: CompiledPolicy, grants: readonly Grant[] = this.grants): void {
    this.policy = policy;
    this.grants = grants;
    for (const listener of this.listeners) listener();
  }

  /** Takes WebSocket handshakes. */
  onUpgrade(take: (req: IncomingMessage, socket: Duplex) => void): void {
    this.upstream.on("upgrade", take);
  }

  /** A client of the sandbox. */
  client(): Client {
    return new Client(this.path);
  }

  /** Stops everything. */
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
    this.rawUpstream?.close();
    this.tlsUpstream?.close();
    this.upstream.close();
    this.upstream.closeAllConnections();
    for (const socket of this.upstreamSockets) socket.destroy();
    rmSync(this.dir, { recursive: true, force: true });
  }

  private dialUpstream({ raw, upstreamTls }: HarnessOptions, port: number): Promise<Socket> {
    const name = raw ? "r.sock" : upstreamTls && port !== 80 ? "t.sock" : "u.sock";
    return new Promise((resolve, reject) => {
      const socket = connect({ path: join(this.dir, name), allowHalfOpen: true });
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
    });
  }
}

/** A raw client that keeps what it got. */
export class Client {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;
  ended = false;
  private waiting: (() => void)[] = [];

  /** Dials a path, or takes what was dialled already. */
  constructor(at: string | Socket) {
    this.socket = typeof at === "string" ? connect({ path: at, allowHalfOpen: true }) : at;
    const wake = () => {
      for (const go of this.waiting.splice(0)) go();
    };
    this.socket.on("data", (piece: Buffer) => {
      this.received = Buffer.concat([this.received, piece]);
      wake();
    });
    this.socket.on("end", () => {
      this.ended = true;
      wake();
    });
    this.socket.on("close", () => {
      this.closed = true;
      wake();
    });
    this.socket.on("error", () => {});
  }

  /** Text so far. */
  get text(): string {
    return this.received.toString("latin1");
  }

  /** Status of the newest answer; 0 when there is none. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1] ?? 0);
  }

  /** JSON body of a refusal. */
  get body(): Record<string, unknown> {
    const at = this.text.indexOf("\r\n\r\n");
    return JSON.parse(this.text.slice(at + 4)) as Record<string, unknown>;
  }

  /** Writes bytes. */
  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  /** Forgets what was received. */
  clear(): this {
    this.received = Buffer.alloc(0);
    return this;
  }

  /** Waits until `test` holds, at most `ms`; says whether it does. */
  async until(test: (client: this) => boolean, ms = 3_000): Promise<boolean> {
    const deadline = performance.now() + ms;
    while (!test(this)) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        // What is waited for may happen elsewhere, so look again even when nothing arrives here.
        const timer = setTimeout(resolve, Math.min(left, 10));
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }

  /** Waits for the head of an answer. */
  answered(ms?: number): Promise<boolean> {
    return this.until((client) => client.text.includes("\r\n\r\n"), ms);
  }

  /** Waits for the end of the connection. */
  gone(ms?: number): Promise<boolean> {
    return this.until((client) => client.ended || client.closed, ms);
  }
}

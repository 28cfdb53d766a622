/**
 * The gateway: HELLO, IDENTIFY, READY, heartbeats, RESUME with replay, INVALID_SESSION, RECONNECT and the close codes.
 * A session outlives its socket, so that what was missed can be replayed. @see Discord, "Gateway"
 */
import { randomBytes } from "node:crypto";
import type { WebSocket } from "ws";
import { shardOf } from "./snowflake.ts";

/** Intents by name. */
export const INTENTS = {
  guilds: 1 << 0,
  members: 1 << 1,
  presences: 1 << 8,
  guildMessages: 1 << 9,
  directMessages: 1 << 12,
  messageContent: 1 << 15,
} as const;

const ALL_INTENTS = (1 << 26) - 1;
const PRIVILEGED = INTENTS.members | INTENTS.presences | INTENTS.messageContent;

/** How the gateway behaves; tests change it while it runs. */
export interface GatewayOptions {
  heartbeatMs: number;
  /** Privileged intents that are switched on for the bot. */
  privileged: number;
  /** What `/gateway/bot` recommends. */
  shards: number;
  /** Fewer shards than this are refused (4011). */
  leastShards: number;
  maxConcurrency: number;
  /** One identify per concurrency bucket in this time. */
  identifyMs: number;
  sessionStartsLeft: number;
  /** How long a session without a socket can be resumed. */
  sessionLifeMs: number;
  /** Heartbeats are no longer answered: the connection is a zombie. */
  muted: boolean;
}

/** An event as it was sent. */
interface Sent {
  s: number;
  t: string;
  d: unknown;
}

/** One session of a shard. */
export interface Session {
  id: string;
  shard: [number, number];
  intents: number;
  seq: number;
  events: Sent[];
  socket: WebSocket | undefined;
  lostAt: number;
  dead: boolean;
}

/** What the gateway asks of the rest. */
export interface GatewayDeps {
  token: string;
  options: GatewayOptions;
  /** READY's payload without the session, and the guilds of a shard. */
  ready(shard: [number, number]): { ready: Record<string, unknown>; guilds: Record<string, unknown>[] };
  resumeUrl(): string;
}

/** Where an event belongs. */
export interface Target {
  guild?: string | undefined;
  /** Any of these intents lets it through; 0 for what always comes. */
  intents: number;
}

/** All sessions of one bot. */
export class Gateway {
  readonly sessions: Session[] = [];
  readonly identifies: { at: number; shard: [number, number] }[] = [];
  /** Close codes that were given. */
  readonly closes: number[] = [];
  resumes = 0;
  private readonly deps: GatewayDeps;

  constructor(deps: GatewayDeps) {
    this.deps = deps;
  }

  /** Serves a new socket. */
  accept(socket: WebSocket, version: string | null): void {
    const { options } = this.deps;
    if (version !== "10") {
      this.close(socket, 4012);
      return;
    }
    const peer = { session: undefined as Session | undefined, beatAt: Date.now(), received: [] as number[] };
    send(socket, { op: 10, d: { heartbeat_interval: options.heartbeatMs } });
    const watch = setInterval(() => {
      if (Date.now() - peer.beatAt > options.heartbeatMs * 2 + 500) this.close(socket, 4009);
    }, options.heartbeatMs);
    socket.on("message", (bytes) => {
      const now = Date.now();
      peer.received = [...peer.received.filter((at) => now - at < 60_000), now];
      if (peer.received.length > 120) return this.close(socket, 4008);
      let message: { op?: number; d?: unknown };
      try {
        message = JSON.parse(String(bytes)) as typeof message;
      } catch {
        return this.close(socket, 4002);
      }
      if (message.op === 1) {
        peer.beatAt = now;
        if (!options.muted) send(socket, { op: 11 });
      } else if (message.op === 2) {
        if (peer.session) this.close(socket, 4005);
        else peer.session = this.identify(socket, message.d);
      } else if (message.op === 6) {
        if (peer.session) this.close(socket, 4005);
        else peer.session = this.resume(socket, message.d);
      } else if (!peer.session) this.close(socket, 4003);
      else if (message.op !== 3 && message.op !== 4 && message.op !== 8) this.close(socket, 4001);
    });
    socket.on("close", () => {
      clearInterval(watch);
      if (peer.session?.socket === socket) {
        peer.session.socket = undefined;
        peer.session.lostAt = Date.now();
      }
    });
    socket.on("error", () => {});
  }

  /** Sends an event to every session that it belongs to; a lost socket gets it on RESUME. `make` may look at intents. */
  dispatch(
    event: string,
    target: Target,
    make: (session: Session) => unknown,
    how: { times: number; lost: boolean },
  ): void {
    for (const session of this.sessions) {
      if (session.dead || (target.intents !== 0 && (session.intents & target.intents) === 0)) continue;
      const shard = target.guild === undefined ? 0 : shardOf(target.guild, session.shard[1]);
      if (session.shard[0] !== shard) continue;
      for (let i = 0; i < how.times; i++) {
        const sent = { s: ++session.seq, t: event, d: make(session) };
        // A zombie's events are neither seen nor replayed.
        if (how.lost) continue;
        session.events.push(sent);
        if (session.socket) send(session.socket, { op: 0, ...sent });
      }
    }
  }

  /** Breaks all sockets: with a close code, or as a network does. */
  drop(code?: number): number {
    const open = this.sessions.filter((one) => one.socket);
    for (const { socket } of open) {
      if (code === undefined) socket?.terminate();
      else this.close(socket!, code);
    }
    return open.length;
  }

  /** Op 7: asks to reconnect. */
  askReconnect(): void {
    for (const { socket } of this.sessions) if (socket) send(socket, { op: 7, d: null });
  }

  /** Op 9, and the session is no more unless it may be resumed. */
  invalidate(resumable = false): void {
    for (const session of this.sessions) {
      session.dead = !resumable;
      if (session.socket) send(session.socket, { op: 9, d: resumable });
    }
  }

  /** Shards that have a socket now. */
  live(): number[] {
    return this.sessions.filter((one) => one.socket && !one.dead).map((one) => one.shard[0]);
  }

  private identify(socket: WebSocket, data: unknown): Session | undefined {
    const { options, token } = this.deps;
    const {
      token: given,
      intents,
      shard = [0, 1],
    } = (data ?? {}) as {
      token?: string;
      intents?: unknown;
      shard?: [number, number];
    };
    if (given?.replace(/^Bot /, "") !== token) return this.refuse(socket, 4004);
    if (typeof intents !== "number" || intents < 0 || (intents & ~ALL_INTENTS) !== 0)
      return this.refuse(socket, 4013);
    if ((intents & PRIVILEGED & ~options.privileged) !== 0) return this.refuse(socket, 4014);
    const [number, count] = shard;
    if (!Number.isInteger(number) || !(number >= 0 && number < count)) return this.refuse(socket, 4010);
    if (count < options.leastShards) return this.refuse(socket, 4011);
    const now = Date.now();
    const bucket = (one: [number, number]) => one[0] % options.maxConcurrency;
    const recent = this.identifies.filter(
      (one) => now - one.at < options.identifyMs && bucket(one.shard) === bucket(shard),
    );
    this.identifies.push({ at: now, shard });
    if (options.sessionStartsLeft <= 0 || recent.length > 0) {
      send(socket, { op: 9, d: false });
      return undefined;
    }
    options.sessionStartsLeft -= 1;
    const id = randomBytes(16).toString("hex");
    const session: Session = { id, shard, intents, seq: 0, events: [], socket, lostAt: 0, dead: false };
    this.sessions.push(session);
    const { ready, guilds } = this.deps.ready(shard);
    const payload = { ...ready, session_id: id, resume_gateway_url: this.deps.resumeUrl(), shard };
    this.tell(session, "READY", payload);
    for (const guild of guilds)
      if ((intents & INTENTS.guilds) !== 0) this.tell(session, "GUILD_CREATE", guild);
    return session;
  }

  private resume(socket: WebSocket, data: unknown): Session | undefined {
    const { token, options } = this.deps;
    const { token: given, session_id: id, seq } = (data ?? {}) as Record<string, unknown>;
    if (String(given).replace(/^Bot /, "") !== token) return this.refuse(socket, 4004);
    const session = this.sessions.find((one) => one.id === id);
    const tooOld = session && !session.socket && Date.now() - session.lostAt > options.sessionLifeMs;
    if (!session || session.dead || tooOld) {
      if (session) session.dead = true;
      send(socket, { op: 9, d: false });
      return undefined;
    }
    if (typeof seq !== "number" || seq > session.seq) {
      session.dead = true;
      return this.refuse(socket, 4007);
    }
    session.socket?.terminate();
    session.socket = socket;
    this.resumes += 1;
    for (const sent of session.events.filter((one) => one.s > seq)) send(socket, { op: 0, ...sent });
    this.tell(session, "RESUMED", { _trace: [] });
    return session;
  }

  private tell(session: Session, event: string, d: unknown): void {
    const sent = { s: ++session.seq, t: event, d };
    session.events.push(sent);
    if (session.socket) send(session.socket, { op: 0, ...sent });
  }

  private refuse(socket: WebSocket, code: number): undefined {
    this.close(socket, code);
    return undefined;
  }

  private close(socket: WebSocket, code: number): void {
    this.closes.push(code);
    socket.close(code);
  }
}

function send(socket: WebSocket, value: unknown): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(value));
}

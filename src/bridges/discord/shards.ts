/**
 * Which shards this process listens to: as many as its lease gives it, spread over all processes of the bot.
 * A shard that is given to another process is closed here. While the store is away nothing changes: an event that is
 * heard twice is accepted once.
 */
import type { SocketPort } from "../../store/index.ts";
import { pause } from "../core/index.ts";
import { Shard, type ShardDeps } from "./shard.ts";

/** What is needed. */
export interface ShardsDeps extends Pick<ShardDeps, "rest" | "token" | "logger"> {
  store: SocketPort;
  owner: string;
  isDead: ((owner: string) => boolean) | undefined;
  leaseTtlMs: number;
  /** Discord asks for so long between two identifies of one bucket. */
  identifyMs: number;
  /** How many shards Discord wants, and how many may identify at once. */
  plan: { total: number; concurrency: number };
  onEvent(shard: number, name: string, data: unknown): void;
  onRefused: ShardDeps["onRefused"];
}

/** The shards of one process. */
export class Shards {
  private readonly deps: ShardsDeps;
  private readonly running = new Map<number, Shard>();
  private timer: NodeJS.Timeout | undefined;
  private readonly closing = new AbortController();

  constructor(deps: ShardsDeps) {
    this.deps = deps;
  }

  /** Numbers of those that are listened to. */
  get held(): number[] {
    return [...this.running.keys()].toSorted((a, b) => a - b);
  }

  /** Whether each of them receives events. */
  get ready(): boolean {
    return [...this.running.values()].every((shard) => shard.ready);
  }

  /** How many there are in all. */
  get total(): number {
    return this.deps.plan.total;
  }

  /** Whether something that belongs to this guild (or, without one, a DM) is heard here. */
  hears(guild: string): boolean {
    const shard = guild === "" ? 0 : Number((BigInt(guild) >> 22n) % BigInt(this.total));
    return this.running.has(shard);
  }

  /** Takes a first share; then looks again and again. */
  async start(): Promise<void> {
    await this.renew();
    const loop = async () => {
      await this.renew();
      if (!this.closing.signal.aborted) this.timer = setTimeout(loop, this.deps.leaseTtlMs / 3);
    };
    this.timer = setTimeout(loop, this.deps.leaseTtlMs / 3);
  }

  /** Events were missed: all sockets are opened anew. */
  reconnect(): void {
    for (const shard of this.running.values()) shard.reconnect();
  }

  /** Closes all sockets and gives the shards back. */
  async close(): Promise<void> {
    this.closing.abort();
    clearTimeout(this.timer);
    await Promise.all([...this.running.values()].map((shard) => shard.close()));
    this.running.clear();
    const { store, owner, plan } = this.deps;
    await store.holdShards(owner, plan.total, 0).catch(() => {});
  }

  private async renew(): Promise<void> {
    const { store, owner, plan, leaseTtlMs, isDead, logger } = this.deps;
    try {
      let { shards, members } = await store.holdShards(owner, plan.total, leaseTtlMs);
      const dead = isDead ? members.filter((one) => one !== owner && isDead(one)) : [];
      if (dead.length > 0)
        ({ shards, members } = await store.holdShards(owner, plan.total, leaseTtlMs, dead));
      if (!this.closing.signal.aborted) await this.apply(shards);
    } catch (err) {
      logger.warn({ err }, "shard leases not renewed");
    }
  }

  private async apply(shards: number[]): Promise<void> {
    for (const [number, shard] of this.running) {
      if (shards.includes(number)) continue;
      this.running.delete(number);
      this.deps.logger.info({ shard: number }, "shard given to another process");
      await shard.close();
    }
    for (const number of shards) if (!this.running.has(number)) this.open(number);
  }

  private open(number: number): void {
    const { rest, token, logger, plan, onEvent, onRefused } = this.deps;
    const shard = new Shard({
      ...{ rest, token, logger, onRefused },
      shard: number,
      shardCount: plan.total,
      mayIdentify: (signal) => this.identifySlot(number, signal),
      onEvent: (name, data) => onEvent(number, name, data),
    });
    this.running.set(number, shard);
    shard.start();
  }

  /** One process after the other; when the store is away, nobody. */
  private async identifySlot(shard: number, signal: AbortSignal): Promise<void> {
    const { store, owner, plan, identifyMs } = this.deps;
    const bucket = shard % plan.concurrency;
    while (!signal.aborted && !this.closing.signal.aborted) {
      if (identifyMs === 0 || (await store.mayIdentify(bucket, owner, identifyMs).catch(() => false))) return;
      await pause(Math.min(250, identifyMs), signal);
    }
    signal.throwIfAborted();
  }
}

/**
 * `npm run bench -- egress --json [--rounds N]`: what the egress proxy costs with policy, address guard and audit on,
 * beside a direct connection, a proxy of a few lines that does nothing else (the floor), Squid, tinyproxy and
 * proxy-chain. CPU time of the proxy's own processes per tunnel, per gigabyte and per plain request, memory of idle
 * tunnels, milliseconds to the first byte; then how long after a tap a held connection is answered.
 *
 * A tunnel here is what nearly all tunnels are: CONNECT to port 443, a ClientHello, one byte back. Ours reads the
 * ClientHello's server name before upstream gets it; to the others it is bytes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { clientHello } from "../test/egress/tls-bytes.ts";
import { firstBytes, forwards, holdTunnels, type Route, streams } from "./egress/load.ts";
import { NAMES, type Name, type Peer, Peers, type Upstream } from "./egress/peers.ts";
import { HOST } from "./egress/policy.ts";
import { tapRounds } from "./egress/tap.ts";
import { startChild } from "./lib/child.ts";
import { type BenchResult, quantile, type Row, ratio, spread } from "./lib/report.ts";

/** Per round and peer, in slices that alternate between the peers, so that all see the same machine. */
const SLICES = 4;
const TUNNELS_1 = 40;
const TUNNELS_64 = 320;
const FORWARDS_64 = 160;
const STREAMS = 16;
const STREAM_BYTES = 4 * 2 ** 20;
/** Memory is measured in fresh processes, this many times. */
const MEMORY_ROUNDS = 3;
const IDLE = 1_000;
/** Per round. */
const TAPS = 40;

const HELLO = clientHello(HOST);

/** One round of one peer. */
interface Measured {
  cpuPerTunnel: number;
  cpuPerGB: number;
  cpuPerForward: number;
  p50at1: number;
  p99at1: number;
  p50at64: number;
  p99at64: number;
}

/** Runs the bench. `--only NAME,NAME` leaves peers out (for work on the proxy). */
export async function run(args: string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { rounds: { type: "string" }, only: { type: "string" } } });
  const rounds = Number(values.rounds ?? 7);
  const wanted = values.only?.split(";");
  const home = mkdtempSync(join(tmpdir(), "nce-"));
  const child = await startChild(join(import.meta.dirname, "egress/upstream.ts"), [String(STREAM_BYTES)]);
  const upstream = child.hello as unknown as Upstream;
  const peers = new Peers(home, upstream);
  const running = new Map<Name, Peer>();
  const results = new Map<Name, Measured[]>();
  const memory = new Map<Name, number[]>();
  try {
    await peers.prepare();
    const names = NAMES.filter((name) => !peers.missing.has(name) && (wanted?.includes(name) ?? true));
    for (const name of names) {
      running.set(name, await peers.start(name));
      results.set(name, []);
      memory.set(name, []);
    }
    for (let round = -1; round < rounds; round++) {
      const measured = await measureRound(running, upstream);
      // The first is for the compilers.
      if (round >= 0) for (const [name, one] of measured) results.get(name)!.push(one);
    }
    for (let round = 0; round < Math.min(rounds, MEMORY_ROUNDS); round++) {
      for (const name of names.filter((one) => one !== "direct" && !one.endsWith("TCP")))
        memory.get(name)!.push(await memoryOfIdle(await peers.start(name)));
    }
  } finally {
    await Promise.all([...running.values()].map((peer) => peer.close()));
    await child.close();
    rmSync(home, { recursive: true, force: true });
  }

  const taps = await tapRounds(rounds, TAPS);
  const tapMs = (values: number[][], q: number) => values.map((one) => quantile(one, q));
  const of = (name: Name, measure: keyof Measured) => results.get(name)?.map((one) => one[measure]) ?? [];
  const against = (measure: keyof Measured, over: Name, under: Name) =>
    ratio(of(over, measure), of(under, measure));
  const rows = NAMES.map((name): Row => {
    const why = peers.missing.get(name);
    if (why !== undefined) return { name, skipped: why };
    const measures = ["p50at1", "p99at1", "p50at64", "p99at64"] as const;
    const cpu = ["cpuPerTunnel", "cpuPerGB", "cpuPerForward"] as const;
    const held = memory.get(name) ?? [];
    return {
      name,
      ...Object.fromEntries(
        [...(name === "direct" ? [] : cpu), ...measures].map((one) => [UNITS[one], spread(of(name, one))]),
      ),
      ...(held.length > 0 ? { "MB/1000 idle": spread(held) } : {}),
    };
  });
  for (const [name, values] of [
    ["tap → held connection answered", taps.ours],
    ["bare Redis publish + dial", taps.bare],
  ] as const)
    rows.push({ name, "p50 ms": spread(tapMs(values, 0.5)), "p99 ms": spread(tapMs(values, 0.99)) });
  return {
    bench: "egress",
    rounds,
    rows,
    ratios: {
      "cpuPerTunnel/floor": against("cpuPerTunnel", "ours", "floor"),
      "cpuPerTunnel/tinyproxy": against("cpuPerTunnel", "ours", "tinyproxy"),
      "cpuPerTunnel/squid": against("cpuPerTunnel", "ours", "squid"),
      "cpuPerTunnel/proxy-chain": against("cpuPerTunnel", "ours", "proxy-chain"),
      "cpuPerGB/floor": against("cpuPerGB", "ours", "floor"),
      "cpuPerForward/floor": against("cpuPerForward", "ours", "floor"),
      "p99at64/squid": against("p99at64", "ours", "squid"),
      "mbPer1000/squid": ratio(memory.get("ours") ?? [], memory.get("squid") ?? []),
      "tapToAnswered/publishDial": ratio(tapMs(taps.ours, 0.5), tapMs(taps.bare, 0.5)),
      // The same process by its other listener: what the way in is worth, and the comparison with TCP on both sides.
      "cpuPerTunnel tcp/unix": against("cpuPerTunnel", "ours, TCP", "ours"),
      "cpuPerTunnel tcp/tinyproxy": against("cpuPerTunnel", "ours, TCP", "tinyproxy"),
      "p99at64 tcp/squid": against("p99at64", "ours, TCP", "squid"),
    },
  };
}

const UNITS: Record<keyof Measured, string> = {
  cpuPerTunnel: "CPU ms/tunnel",
  cpuPerGB: "CPU s/GB",
  cpuPerForward: "CPU ms/request",
  p50at1: "c1 p50 ms",
  p99at1: "c1 p99 ms",
  p50at64: "c64 p50 ms",
  p99at64: "c64 p99 ms",
};

/** Every peer's turn, in slices; the order turns too, so that none always follows the same other. */
async function measureRound(
  running: ReadonlyMap<Name, Peer>,
  upstream: Upstream,
): Promise<Map<Name, Measured>> {
  const runs = [...running].map(([name, peer]) => ({
    name,
    peer,
    one: [] as number[],
    many: [] as number[],
    tunnelCpu: 0,
    streamCpu: 0,
    forwardCpu: 0,
    bytes: 0,
  }));
  const kinds = {
    one: async (run: (typeof runs)[number]) => {
      run.one.push(...(await firstBytes(routeOf(run.peer, "byte", upstream), HELLO, TUNNELS_1, 1)));
    },
    many: async (run: (typeof runs)[number]) => {
      const before = run.peer.cpuMs();
      run.many.push(...(await firstBytes(routeOf(run.peer, "byte", upstream), HELLO, TUNNELS_64, 64)));
      run.tunnelCpu += await settledCpu(run.peer, before);
    },
    streams: async (run: (typeof runs)[number]) => {
      const before = run.peer.cpuMs();
      run.bytes += await streams(routeOf(run.peer, "stream", upstream), HELLO, STREAMS);
      run.streamCpu += await settledCpu(run.peer, before);
    },
    forwards: async (run: (typeof runs)[number]) => {
      if (run.name === "direct") return;
      const before = run.peer.cpuMs();
      await forwards(run.peer.place, run.peer.url, FORWARDS_64, 64);
      run.forwardCpu += await settledCpu(run.peer, before);
    },
  };
  for (const kind of ["one", "many", "streams", "forwards"] as const) {
    for (let slice = 0; slice < SLICES; slice++) {
      runs.push(runs.shift()!);
      for (const run of runs) await kinds[kind](run);
    }
  }
  return new Map(
    runs.map((run) => [
      run.name,
      {
        cpuPerTunnel: run.tunnelCpu / run.many.length,
        cpuPerGB: run.streamCpu / 1_000 / (run.bytes / 2 ** 30),
        cpuPerForward: run.forwardCpu / (FORWARDS_64 * SLICES),
        p50at1: quantile(run.one, 0.5),
        p99at1: quantile(run.one, 0.99),
        p50at64: quantile(run.many, 0.5),
        p99at64: quantile(run.many, 0.99),
      },
    ]),
  );
}

function routeOf(peer: Peer, kind: "byte" | "stream", upstream: Upstream): Route {
  const authority = peer[kind];
  return authority === undefined
    ? { place: { host: "127.0.0.1", port: upstream[kind] } }
    : { place: peer.place, authority };
}

/** CPU since `before`, once the proxy has closed what it had open. */
async function settledCpu(peer: Peer, before: number): Promise<number> {
  await sleep(25);
  return peer.cpuMs() - before;
}

/** What a thousand idle tunnels add to a fresh process, in MB per thousand. */
async function memoryOfIdle(peer: Peer): Promise<number> {
  try {
    const route: Route = { place: peer.place, authority: peer.byte! };
    await firstBytes(route, HELLO, 64, 16);
    await sleep(300);
    const before = peer.pssMB();
    const sockets = await holdTunnels(route, HELLO, IDLE);
    await sleep(500);
    const held = peer.pssMB() - before;
    if (sockets.some((socket) => socket.destroyed)) throw new Error("an idle tunnel was closed");
    for (const socket of sockets) socket.destroy();
    return (held / IDLE) * 1_000;
  } finally {
    await peer.close();
  }
}

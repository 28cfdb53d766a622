/**
 * What the inference router costs, beside calling the vendor directly and beside a pass-through that does nothing but
 * swap the key: 94 KB requests as OpenClaw sends them, JSON and event streams, in interleaved rounds; then how many of
 * 100 cancelled calls the vendor never heard the end of.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Child, startChild } from "./lib/child.ts";
import { type BenchResult, quantile, ratio, spread } from "./lib/report.ts";
import { openclawBody } from "./router/body.ts";
import { Caller, type Place } from "./router/client.ts";

const KEY = "sk-bench-key-0123456789abcdef";
const BODY_BYTES = 94 * 1024;
const CANCELLED = 100;
const PEERS = ["direct", "passthrough", "ours"] as const;
type Peer = (typeof PEERS)[number];

/** One round of one peer. */
interface Measured {
  jsonMs: number;
  firstMs: number;
  jsonCpuMs: number;
  streamCpuMs: number;
}

/** Runs the bench. `--rounds N`, `--calls N` per round and kind. */
export async function run(args: string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args, options: { rounds: { type: "string" }, calls: { type: "string" } } });
  const rounds = Number(values.rounds ?? 9);
  const calls = Number(values.calls ?? 150);
  const home = mkdtempSync(join(tmpdir(), "ncb-"));
  const at = (file: string) => join(import.meta.dirname, file);
  const vendor = await startChild(at("../test/fakes/vendor/main.ts"), ["--lax", "--key", KEY]);
  const url = new URL(String(vendor.hello["url"]));
  const passSocket = join(home, "pass.sock");
  const pass = await startChild(at("router/passthrough.ts"), [passSocket, url.origin, KEY]);
  const ours = await startChild(at("router/ours.ts"), [home, url.origin, KEY]);
  const places: Record<Peer, { place: Place; child: Child | undefined }> = {
    direct: { place: { host: url.hostname, port: Number(url.port) }, child: undefined },
    passthrough: { place: { socketPath: passSocket }, child: pass },
    ours: { place: { socketPath: String(ours.hello["socket"]), proxy: true }, child: ours },
  };
  const json = Buffer.from(openclawBody(BODY_BYTES, false));
  const stream = Buffer.from(openclawBody(BODY_BYTES, true));
  const results: Record<Peer, Measured[]> = { direct: [], passthrough: [], ours: [] };
  try {
    for (let round = -1; round < rounds; round++) {
      const measured = await measureRound(places, json, stream, round < 0 ? calls * 2 : calls);
      if (round >= 0) for (const peer of PEERS) results[peer].push(measured[peer]);
    }
    const lost = await cancellations(vendor, places.ours.place, stream, json);
    const lostByPass = await cancellations(vendor, places.passthrough.place, stream, json);
    const column = (peer: Peer, measure: keyof Measured) => results[peer].map((one) => one[measure]);
    const added = (peer: Peer, measure: "jsonMs" | "firstMs") =>
      spread(column(peer, measure).map((value, i) => value - (results.direct[i] as Measured)[measure]));
    return {
      bench: "router",
      rounds,
      callsPerRound: calls,
      bodyBytes: stream.length,
      rows: PEERS.map((name) => ({
        name,
        jsonMs: spread(column(name, "jsonMs")),
        firstTokenMs: spread(column(name, "firstMs")),
        ...(name === "direct"
          ? {}
          : {
              addedJsonMs: added(name, "jsonMs"),
              addedFirstTokenMs: added(name, "firstMs"),
              cpuMsPerJson: spread(column(name, "jsonCpuMs")),
              cpuMsPerStream: spread(column(name, "streamCpuMs")),
              rssMB: places[name].child?.rssMB(),
              cancellationsLost: name === "ours" ? lost : lostByPass,
            }),
      })),
      ratios: {
        "firstToken/passthrough": ratio(column("ours", "firstMs"), column("passthrough", "firstMs")),
        "json/passthrough": ratio(column("ours", "jsonMs"), column("passthrough", "jsonMs")),
        "cpuPerJson/passthrough": ratio(column("ours", "jsonCpuMs"), column("passthrough", "jsonCpuMs")),
        "cpuPerStream/passthrough": ratio(
          column("ours", "streamCpuMs"),
          column("passthrough", "streamCpuMs"),
        ),
      },
      cancellations: CANCELLED,
      cancellationsLost: lost,
    };
  } finally {
    await Promise.all([ours.close(), pass.close(), vendor.close()]);
    rmSync(home, { recursive: true, force: true });
  }
}

/** Calls of one peer before the next one's turn: short, so that all see the same machine. */
const SLICE = 10;

async function measureRound(
  places: Record<Peer, { place: Place; child: Child | undefined }>,
  json: Buffer,
  stream: Buffer,
  calls: number,
): Promise<Record<Peer, Measured>> {
  const runs = PEERS.map((peer) => {
    const { place, child } = places[peer];
    return {
      peer,
      child,
      caller: new Caller(place, KEY),
      json: [] as number[],
      first: [] as number[],
      jsonCpu: 0,
      streamCpu: 0,
    };
  });
  for (let done = 0; done < calls; done += SLICE) {
    // The order turns, so that none always follows the same other.
    runs.push(runs.shift() as (typeof runs)[number]);
    for (const run of runs) {
      const start = run.child?.cpuMs() ?? 0;
      for (let i = 0; i < SLICE; i++) run.json.push((await run.caller.call(json)).total);
      const middle = run.child?.cpuMs() ?? 0;
      for (let i = 0; i < SLICE; i++) run.first.push((await run.caller.call(stream)).first);
      run.jsonCpu += middle - start;
      run.streamCpu += (run.child?.cpuMs() ?? 0) - middle;
    }
  }
  const measured: Partial<Record<Peer, Measured>> = {};
  for (const run of runs) {
    run.caller.close();
    measured[run.peer] = {
      jsonMs: quantile(run.json, 0.5),
      firstMs: quantile(run.first, 0.5),
      jsonCpuMs: run.jsonCpu / run.json.length,
      streamCpuMs: run.streamCpu / run.first.length,
    };
  }
  return measured as Record<Peer, Measured>;
}

/** How many of the cancelled calls the vendor still believed in half a second later. */
async function cancellations(vendor: Child, place: Place, stream: Buffer, json: Buffer): Promise<number> {
  const caller = new Caller(place, KEY);
  await vendor.ask("reset");
  const kinds = [
    { body: stream, behaviour: { chunks: 2_000, chunkMs: 20 }, when: "streaming" },
    { body: stream, behaviour: { hang: "headers" }, when: "waiting" },
    { body: json, behaviour: { hang: "before" }, when: "waiting" },
    { body: stream, behaviour: { hang: 3 }, when: "streaming" },
  ] as const;
  for (const { body, behaviour, when } of kinds) {
    await vendor.ask({ otherwise: behaviour });
    for (let i = 0; i < CANCELLED / kinds.length; i += 5) {
      await Promise.all(Array.from({ length: 5 }, () => caller.cancel(body, when)));
    }
  }
  await sleep(500);
  const { seen, aborted } = await vendor.ask("seen");
  await vendor.ask({ otherwise: {} });
  if (Number(seen) !== CANCELLED) throw new Error(`the vendor saw ${seen} of ${CANCELLED} calls`);
  return CANCELLED - Number(aborted);
}

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
    ours: { place: { socketPath: String(ours.hello["socket"]) }, child: ours },
  };
  const json = Buffer.from(openclawBody(BODY_BYTES, false));
  const stream = Buffer.from(openclawBody(BODY_BYTES, true));
  const results: Record<Peer, Measured[]> = { direct: [], passthrough: [], ours: [] };
  try {
    for (let round = -1; round < rounds; round++) {
      // The order turns from round to round, so that none always goes first.
      for (let i = 0; i < PEERS.length; i++) {
        const peer = PEERS[(i + Math.max(round, 0)) % PEERS.length] as Peer;
        const measured = await measure(places[peer], json, stream, round < 0 ? calls * 2 : calls);
        if (round >= 0) results[peer].push(measured);
      }
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

async function measure(
  { place, child }: { place: Place; child: Child | undefined },
  json: Buffer,
  stream: Buffer,
  calls: number,
): Promise<Measured> {
  const caller = new Caller(place, KEY);
  const series = async (body: Buffer, pick: "first" | "total") => {
    const cpu = child?.cpuMs() ?? 0;
    const times: number[] = [];
    for (let i = 0; i < calls; i++) times.push((await caller.call(body))[pick]);
    return { ms: quantile(times, 0.5), cpuMs: ((child?.cpuMs() ?? 0) - cpu) / calls };
  };
  const whole = await series(json, "total");
  const streamed = await series(stream, "first");
  caller.close();
  return { jsonMs: whole.ms, firstMs: streamed.ms, jsonCpuMs: whole.cpuMs, streamCpuMs: streamed.cpuMs };
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

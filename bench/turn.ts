/**
 * `npm run bench -- turn --json [--rounds N] [--allow-swapon]`: what a turn costs from a person's question to the answer,
 * for the same prompt and a model that answers at once: the bare agent on the host, and our one-shot, warm, parked and
 * cold paths through console, queue, worker, sandbox and gateway. And what lies before the agent: platform update →
 * prompt in the agent's hands, beside BullMQ's bare add → start on the same Redis, socket and durability.
 * Ratios are taken between medians of the same round.
 */
import { type BenchResult, quantile, type Row, ratio, spread } from "./lib/report.ts";
import { dispatchRounds } from "./turn/dispatch.ts";
import { BareAgent, OurAgent, PROMPT } from "./turn/paths.ts";
import { SwapFile } from "./turn/swap.ts";

/** Runs the bench. */
export async function run(args: string[]): Promise<BenchResult> {
  const rounds = Number(args[args.indexOf("--rounds") + 1]) || 3;
  const dispatch = await dispatchRounds(7, 40);
  const swap = args.includes("--allow-swapon") ? await SwapFile.make() : undefined;
  const rows: Row[] = [];
  const seconds = (values: number[]) => spread(values.map((ms) => ms / 1_000));
  const times: Record<"bare" | "oneshot" | "warm" | "parked" | "cold", number[]> = {
    bare: [],
    oneshot: [],
    warm: [],
    parked: [],
    cold: [],
  };
  const memory: Record<string, number[]> = { bare: [], oneshot: [], warm: [], parked: [], cold: [] };

  const bare = await BareAgent.make();
  const ours = await OurAgent.start({ parking: swap !== undefined });
  try {
    await ours.ask(); // The first turn pays for the sandbox's first start; it is measured as `cold` below.
    for (let round = 0; round < rounds; round++) {
      const alone = await bare.ask();
      times.bare.push(alone.ms);
      memory["bare"]!.push(alone.memoryMB);

      times.cold.push(await ours.askCold());
      memory["cold"]!.push(await ours.memoryMB());
      const warm: number[] = [];
      for (let i = 0; i < 7; i++) warm.push(await ours.ask());
      times.warm.push(quantile(warm, 0.5));
      memory["warm"]!.push(await ours.memoryMB());
      if (swap) {
        const parked = await ours.askParked();
        times.parked.push(parked.ms);
        memory["parked"]!.push(parked.memoryMB);
      }
    }
    const oneshot = await ours.restart({ mode: "oneshot" });
    await oneshot.ask();
    for (let round = 0; round < rounds; round++) {
      const watching = oneshot.peakMB();
      times.oneshot.push(await oneshot.ask());
      memory["oneshot"]!.push(await watching.stop());
    }
  } finally {
    await ours.stop();
    await bare.remove();
    await swap?.remove();
  }
  const names = {
    bare: "bare openclaw agent --local",
    oneshot: "ours, one-shot",
    warm: "ours, warm",
    parked: "ours, woken from parked",
    cold: "ours, woken from cold",
  } as const;
  for (const key of Object.keys(names) as (keyof typeof names)[]) {
    rows.push(
      times[key].length > 0
        ? { name: names[key], seconds: seconds(times[key]), memoryMB: spread(memory[key]!) }
        : { name: names[key], skipped: "no --allow-swapon: parking needs swap" },
    );
  }

  const p = (values: number[][], q: number) => values.map((one) => quantile(one, q));
  rows.push(
    {
      name: "platform update → prompt dispatched",
      p50ms: spread(p(dispatch.ours, 0.5)),
      p99ms: spread(p(dispatch.ours, 0.99)),
    },
    {
      name: "BullMQ add → start",
      p50ms: spread(p(dispatch.bullmq, 0.5)),
      p99ms: spread(p(dispatch.bullmq, 0.99)),
    },
  );
  return {
    bench: "turn",
    rounds,
    rows,
    ratios: {
      "warm/bare": ratio(times.warm, times.bare),
      "oneshot/bare": ratio(times.oneshot, times.bare),
      "cold/bare": ratio(times.cold, times.bare),
      "dispatch/bullmq": ratio(p(dispatch.ours, 0.5), p(dispatch.bullmq, 0.5)),
    },
    prompt: PROMPT,
  };
}

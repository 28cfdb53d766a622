/**
 * How every bench reports: rounds in, medians and ratios out, and with `--json` one object as the last line. A ratio is
 * taken within each round (both sides saw the same machine), then min, median and max over the rounds are shown.
 */
import { cpus, totalmem } from "node:os";

/** Spread over rounds. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** One measured thing. */
export interface Row {
  name: string;
  [measure: string]: string | number | Spread | undefined;
}

/** What a bench returns. */
export interface BenchResult {
  bench: string;
  rounds: number;
  rows: Row[];
  ratios: Record<string, Spread>;
  /** Further top-level facts, e.g. `cancellationsLost`. */
  [fact: string]: unknown;
}

/** Three figures are enough to see a difference and few enough to read. */
const short = (value: number): number => Number(value.toPrecision(4));

/** Min, median, max. */
export function spread(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => short(sorted[index] ?? Number.NaN);
  const middle = sorted.length / 2;
  const median =
    sorted.length % 2 === 1
      ? at(Math.floor(middle))
      : short(((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2);
  return { min: at(0), median, max: at(sorted.length - 1) };
}

/** The q-th quantile (0..1). */
export function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Ratio per round, as a spread. */
export function ratio(over: number[], under: number[]): Spread {
  return spread(over.map((value, round) => value / (under[round] as number)));
}

/** The machine, as far as it explains figures. */
export function machine(): Record<string, string | number> {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? "unknown",
    memoryMB: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    arch: process.arch,
  };
}

/** Prints a table for people; with `json` the object as the last line. */
export function print(result: BenchResult, json: boolean): void {
  const cell = (value: Row[string]): string =>
    typeof value === "object" ? `${value.min}/${value.median}/${value.max}` : String(value ?? "");
  const columns = [...new Set(result.rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...result.rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? "").length)));
  for (const line of lines) console.log(line.map((text, i) => text.padEnd(widths[i] ?? 0)).join("  "));
  for (const [name, value] of Object.entries(result.ratios)) console.log(`${name}: ${cell(value)}`);
  if (json) {
    const { bench, rounds, rows, ratios, ...facts } = result;
    console.log(JSON.stringify({ bench, machine: machine(), rounds, rows, ratios, ...facts }));
  }
}

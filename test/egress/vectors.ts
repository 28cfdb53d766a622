/**
 * Runs egress vectors as data: each case is built from the vector's own fields (never from its id) and goes through the
 * real proxy on a unix socket, with a resolver and an upstream of the runner's own.
 */
import { readFileSync } from "node:fs";
import { parseHost, parseIp } from "../../src/gateway/egress/guard/index.ts";
import { type CompiledPolicy, compilePolicy } from "../../src/gateway/policy/compile.ts";
import { plainRule } from "../../src/gateway/policy/from-file.ts";
import { parseHostPattern } from "../../src/gateway/policy/hosts.ts";
import type { Denial, EndpointRule } from "../../src/gateway/policy/model.ts";
import { Harness, PUBLIC } from "./harness.ts";

/** A vector, as far as a program reads it. */
export interface Vector {
  readonly id: string;
  readonly category?: string;
  readonly request?: string;
  readonly policy?: {
    readonly default?: "allow" | "deny";
    readonly allow?: readonly { host: string; port?: number; methods?: readonly string[]; path?: string }[];
    readonly deny?: readonly { host: string; port?: number }[];
  };
  readonly resolve?: Readonly<Record<string, readonly string[]>>;
  readonly expect?: {
    readonly verdict?: "allow" | "deny" | "any";
    readonly status?: readonly number[];
    readonly reason?: string;
    readonly dial?: readonly string[];
    readonly neverDial?: readonly string[];
    readonly upstreamHost?: string;
    readonly upstreamBytes?: number;
    readonly upstreamComplete?: boolean;
    readonly close?: boolean;
  };
}

/** What a run found out. */
export interface VectorReport {
  passed: number;
  failed: number;
  skipped: number;
  failures: { id: string; expected: unknown; got: unknown }[];
}

/** What happened to one vector's bytes. */
interface Observed {
  status: number;
  error: string;
  reason: string;
  dialled: string[];
  upstreamBytes: number;
  upstreamHosts: string[];
  upstreamComplete: boolean;
  closed: boolean;
}

/** Reads a file of vectors. */
export function readVectors(file: string): Vector[] {
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  const list = Array.isArray(parsed) ? parsed : (parsed as { vectors?: unknown }).vectors;
  if (!Array.isArray(list)) throw new Error(`${file}: expected a list of vectors`);
  return list as Vector[];
}

/** Runs all, a few at a time. */
export async function runVectors(
  vectors: readonly Vector[],
  note: (line: string) => void = () => {},
): Promise<VectorReport> {
  const report: VectorReport = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const queue = [...vectors];
  const worker = async () => {
    for (let vector = queue.shift(); vector; vector = queue.shift()) {
      if (typeof vector.request !== "string" || !vector.expect?.verdict) {
        report.skipped++;
        note(`skipped ${vector.id}: not a vector with request and expect (a scenario is a test of its own)`);
        continue;
      }
      const outcome = await runVector(vector).catch((error: unknown) => ({
        wrong: [`runner: ${String(error)}`],
        got: undefined,
      }));
      if (outcome.wrong.length === 0) report.passed++;
      else {
        report.failed++;
        report.failures.push({
          id: vector.id,
          expected: vector.expect,
          got: { wrong: outcome.wrong, ...outcome.got },
        });
        note(`FAILED ${vector.id}: ${outcome.wrong.join("; ")}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return report;
}

/** Runs one; `wrong` is empty when it is as expected. */
export async function runVector(vector: Vector): Promise<{ wrong: string[]; got: Observed | undefined }> {
  const resolve = new Map<string, readonly string[]>();
  for (const [name, addresses] of Object.entries(vector.resolve ?? {})) {
    const parsed = parseHost(name);
    resolve.set(parsed.ok ? parsed.value.host : name, addresses);
  }
  const harness = await Harness.start({
    policy: policyOfVector(vector),
    resolve: { resolve: async (host) => resolve.get(host) ?? [PUBLIC] },
  });
  try {
    const got = await observe(harness, vector);
    return { wrong: compare(vector.expect!, got), got };
  } finally {
    harness.close();
  }
}

/** The vector's policy in the real model: rules of the operator's own file. */
function policyOfVector({ policy = {} }: Vector): CompiledPolicy {
  const pattern = (host: string, wide: boolean): string => {
    const parsed = parseHostPattern(host, wide);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.pattern.text;
  };
  const rules = (policy.allow ?? []).map(({ host, port, methods, path }, i): EndpointRule => {
    const plain = plainRule(
      `allow[${i}]`,
      "operator",
      pattern(host, false),
      port === undefined ? "any" : [port],
    );
    if (!methods && path === undefined) return plain;
    const allow = (methods ?? ["*"]).map((method) => ({ method: method.toUpperCase(), path: path ?? "/**" }));
    return { ...plain, protocol: "rest", allow };
  });
  const denials = (policy.deny ?? []).map(({ host, port }, i): Denial => {
    const ports = port === undefined ? ("any" as const) : [port];
    return host === "*"
      ? { name: `deny[${i}]`, ports }
      : { name: `deny[${i}]`, host: pattern(host, true), ports };
  });
  return compilePolicy({
    hash: "vector",
    fallback: policy.default === "allow" ? "allow" : "deny",
    rules,
    denials,
  });
}

/** Characters up to U+00FF are bytes, those above are sent as UTF-8. */
function bytesOf(request: string): Buffer {
  return Buffer.concat(
    [...request].map((char) => Buffer.from(char, char.codePointAt(0)! <= 0xff ? "latin1" : "utf8")),
  );
}

async function observe(harness: Harness, vector: Vector): Promise<Observed> {
  const client = harness.client().send(bytesOf(vector.request!));
  await client.answered(4_000);
  if (vector.expect?.close || client.status >= 400) await client.gone(2_500);
  // A tunnel's answer comes after its dial, a request's after its exchange: nothing is under way any more. What would
  // still go upstream by mistake gets a moment to show itself.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const refusal = harness.rows.find((row) => row.verdict === "deny");
  let error = "";
  try {
    error = client.status >= 400 ? String(client.body["error"]) : "";
  } catch {
    error = "unreadable body";
  }
  const observed: Observed = {
    status: client.status,
    error,
    reason: refusal?.reason ?? "",
    dialled: harness.dials.map((dial) => dial.address),
    upstreamBytes: harness.upstreamBytes,
    upstreamHosts: harness.seen.flatMap((seen) => seen.headers.host ?? []),
    upstreamComplete: harness.seen.length > 0,
    closed: client.ended || client.closed,
  };
  client.socket.destroy();
  return observed;
}

function compare(expect: NonNullable<Vector["expect"]>, got: Observed): string[] {
  const wrong: string[] = [];
  const canonical = (address: string) => parseIp(address)?.text ?? address;
  const dialled = got.dialled.length > 0;
  const statusFits = expect.status?.includes(got.status) ?? false;
  if (expect.verdict === "allow" && !dialled)
    wrong.push(`no dial (${got.status} ${got.error} ${got.reason})`);
  if (expect.verdict === "allow" && got.status >= 400) wrong.push(`answered ${got.status}`);
  if (expect.verdict === "deny") {
    if (dialled) wrong.push(`dialled ${got.dialled.join(", ")}`);
    if (!statusFits) wrong.push(`status ${got.status}`);
  }
  if (expect.verdict === "any" && !statusFits && !dialled) wrong.push(`status ${got.status} and no dial`);
  if (expect.dial && dialled) {
    const wanted = new Set(expect.dial.map(canonical));
    for (const address of got.dialled) if (!wanted.has(canonical(address))) wrong.push(`dialled ${address}`);
  }
  for (const never of expect.neverDial ?? []) {
    if (got.dialled.some((address) => canonical(address) === canonical(never)))
      wrong.push(`dialled ${never}`);
  }
  if (
    expect.reason === "ssrf" &&
    !(got.error === "ssrf_blocked" || got.error === "self_connection" || got.error === "bad_request")
  ) {
    wrong.push(`reason ${got.error}/${got.reason}`);
  }
  if (expect.upstreamHost !== undefined) {
    for (const host of got.upstreamHosts)
      if (host !== expect.upstreamHost) wrong.push(`upstream saw Host ${host}`);
  }
  if (expect.upstreamBytes !== undefined && got.upstreamBytes !== expect.upstreamBytes)
    wrong.push(`upstream got ${got.upstreamBytes} bytes`);
  if (expect.upstreamComplete === false && got.upstreamComplete)
    wrong.push("upstream got a complete request");
  if (expect.close && !got.closed) wrong.push("connection left open");
  return wrong;
}

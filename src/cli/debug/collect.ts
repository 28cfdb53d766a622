/** What helps somebody else to understand this installation: one text each, none of them scrubbed yet. */
import { readdirSync, readFileSync } from "node:fs";
import { arch, cpus, platform, release, uptime } from "node:os";
import { join } from "node:path";
import { describeError } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import { diagnose } from "../doctor/index.ts";
import { tailOf } from "../doctor/log-tail.ts";
import { thisHost } from "../preflight/host.ts";
import { askControl } from "../supervisor/control.ts";
import { LOG_FILE } from "../supervisor/log.ts";
import { version } from "../version.ts";

/** Bytes of the log's end. */
const LOG_BYTES = { quick: 256 * 1024, full: 8 * 1024 * 1024 };
const STATUS_MS = 3_000;

/** One file of the archive. */
export interface Piece {
  readonly name: string;
  readonly text: string;
}

/** `quick`: without the doctor, which asks provider and platforms, and with less of the log. */
export async function collect(
  paths: Paths,
  project: string,
  env: NodeJS.ProcessEnv,
  quick: boolean,
): Promise<Piece[]> {
  const host = thisHost(env);
  const [disk, redis, bwrap] = await Promise.all(
    [
      ["df", "-Pk", paths.home, "/tmp"],
      ["redis-server", "--version"],
      ["bwrap", "--version"],
    ].map(async ([program = "", ...args]) => (await host.run(program, args)).stdout.trim()),
  );
  const facts = {
    ...{ version, node: process.version, platform: platform(), arch: arch(), kernel: release() },
    ...{ cpus: cpus().length, uptimeS: Math.round(uptime()), uid: host.uid, home: paths.home, redis, bwrap },
    variables: Object.keys(env).filter((name) => /^(NEMOCLAW|TELEGRAM|DISCORD|REDIS|npm_config)/i.test(name)),
  };
  const bytes = quick ? LOG_BYTES.quick : LOG_BYTES.full;
  const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;
  const pieces: (Piece | undefined)[] = [
    { name: "facts.json", text: json(facts) },
    { name: "disk.txt", text: `${disk}\n` },
    ...["/etc/os-release", "/proc/meminfo", "/proc/swaps", "/proc/mounts", "/proc/self/cgroup"].map((path) =>
      fileAt(path, path.slice(1).replaceAll("/", "-")),
    ),
    fileAt(paths.config, "config.yaml"),
    fileAt(paths.policyFile, "policy.yaml"),
    fileAt(paths.uids, "uids.json"),
    ...recordsOf(paths),
    { name: "status.json", text: json(await statusOf(paths)) },
    { name: "timeouts.json", text: json(TIMEOUTS) },
    { name: "log.jsonl", text: tailOf(join(paths.logs, LOG_FILE), bytes) },
    { name: "start.log", text: tailOf(join(paths.logs, "start.log"), bytes) },
    { name: "redis.log", text: tailOf(join(paths.redis.dir, "redis.log"), bytes / 4) },
  ];
  if (!quick) pieces.push({ name: "doctor.json", text: json(await diagnose(paths.home, project, env)) });
  return pieces.flatMap((piece) => (piece && piece.text !== "" ? [piece] : []));
}

async function statusOf(paths: Paths): Promise<unknown> {
  return askControl(paths.status, { op: "status" }, STATUS_MS).catch((error: unknown) => ({
    state: "not answering",
    why: describeError(error),
  }));
}

function recordsOf(paths: Paths): (Piece | undefined)[] {
  try {
    return readdirSync(paths.launcher.records).map((name) =>
      fileAt(join(paths.launcher.records, name), `sandboxes-${name}`),
    );
  } catch {
    return [];
  }
}

function fileAt(path: string, name: string): Piece | undefined {
  try {
    return { name, text: readFileSync(path, "utf8") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return { name, text: `can't be read: ${describeError(error)}\n` };
  }
}

/**
 * `npm run bench -- sandbox --json [--rounds N] [--fake-agent]`: what a sandbox costs with each driver: made, started
 * until its agent is ready, a program run in it, stopped, destroyed; its memory with an idle and with a busy agent. Beside
 * them what the parts cost alone: `node -e 0` plain, in bubblewrap, in a container. All in one run, on one machine; the
 * Docker daemon is the bench's own. Needs root.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Dockerd, noDockerd } from "../test/helpers/dockerd.ts";
import { type BenchResult, quantile, type Row, ratio, spread } from "./lib/report.ts";
import { measureDriver, type Sample } from "./sandbox/measure.ts";

const PLAIN_RUNS = 7;

/** Runs the bench. */
export async function run(args: string[]): Promise<BenchResult> {
  const missing = noDockerd();
  if (missing) throw new Error(`bench sandbox: ${missing}`);
  const rounds = Number(args[args.indexOf("--rounds") + 1]) || 3;
  const fake = args.includes("--fake-agent");
  const daemon = new Dockerd();
  const samples: Record<"process" | "docker", Sample[]> = { process: [], docker: [] };
  const plain: Record<string, number[]> = {
    "node -e 0": [],
    "bwrap node -e 0": [],
    "docker run node -e 0": [],
  };
  try {
    await daemon.start();
    // The first start of a launcher makes the image: not what is measured.
    await measureDriver("docker", daemon.socket, true);
    const [image] = await daemon.docker.listImages();
    for (let round = 0; round < rounds; round++) {
      for (const driver of ["process", "docker"] as const)
        samples[driver].push(await measureDriver(driver, daemon.socket, fake));
      const commands = plainCommands(daemon.socket, image?.RepoTags?.[0] ?? "");
      for (const [name, command] of Object.entries(commands)) plain[name]?.push(timeOf(command));
    }
    const rows: Row[] = (["process", "docker"] as const).map((driver) => ({
      name: driver,
      ...Object.fromEntries(
        (Object.keys(samples[driver][0] ?? {}) as (keyof Sample)[]).map((key) => [
          key,
          spread(samples[driver].map((sample) => sample[key])),
        ]),
      ),
    }));
    for (const [name, times] of Object.entries(plain)) rows.push({ name, totalMs: spread(times) });
    const of = (driver: "process" | "docker", key: keyof Sample) => samples[driver].map((each) => each[key]);
    return {
      ...{ bench: "sandbox", rounds, rows },
      ratios: {
        "docker/process start": ratio(of("docker", "startMs"), of("process", "startMs")),
        "docker/process start to agent ready": ratio(of("docker", "readyMs"), of("process", "readyMs")),
        "docker/process memory idle": ratio(of("docker", "idleMB"), of("process", "idleMB")),
        "bwrap/plain node": ratio(plain["bwrap node -e 0"] ?? [], plain["node -e 0"] ?? []),
        "docker run/plain node": ratio(plain["docker run node -e 0"] ?? [], plain["node -e 0"] ?? []),
      },
      agent: fake ? "fake" : "openclaw",
      imageMB: Math.round((image?.Size ?? 0) / 1e6),
    };
  } finally {
    await daemon.remove();
  }
}

/** What the parts cost alone. */
function plainCommands(socket: string, image: string): Record<string, string[]> {
  const node = process.execPath;
  const links = ["bin", "lib", "lib64"].flatMap((dir) => ["--symlink", `usr/${dir}`, `/${dir}`]);
  const system = ["--ro-bind", "/usr", "/usr", ...links, "--proc", "/proc", "--dev", "/dev"];
  const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
  return {
    "node -e 0": [node, "-e", "0"],
    "bwrap node -e 0": [
      "bwrap",
      "--unshare-all",
      ...system,
      "--ro-bind",
      join(node, ".."),
      "/node",
      "/node/node",
      "-e",
      "0",
    ],
    "docker run node -e 0": [
      ...[client, "--host", `unix://${socket}`, "run", "--rm", "--network", "none"],
      ...[image, "/opt/node/bin/node", "-e", "0"],
    ],
  };
}

/** Median milliseconds of a few runs, with an empty environment. */
function timeOf([program = "", ...args]: string[]): number {
  const times: number[] = [];
  for (let i = 0; i < PLAIN_RUNS; i++) {
    const began = performance.now();
    const { status, stderr } = spawnSync(program, args, { env: { PATH: "/usr/bin:/bin", HOME: "/tmp" } });
    if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
    times.push(performance.now() - began);
  }
  return quantile(times, 0.5);
}

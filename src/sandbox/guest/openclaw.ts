/**
 * `openclaw` as an operator's session inside a sandbox has it (first on PATH there; the agent's own programs don't).
 * OpenClaw locks its state directory (RELIABILITY §3): what needs the warm agent joins it, what runs an agent of its own
 * (`--local`) does so in a state directory beside, with the same configuration. Everything else is OpenClaw's.
 */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { agentCommand } from "./agent-config.ts";
import { LIMITS } from "./limits.ts";
import { guestPaths, startConfig } from "./paths.ts";

const paths = guestPaths(process.env);
const start = startConfig(paths);
const args = process.argv.slice(2);

/** Bytes that one more agent takes (reference: 0.9 to 1.1 GB at its peak). */
const ONE_AGENT = 1_000 * 1024 * 1024;
/** What runs an agent in its own process unless told otherwise. */
const ALWAYS_LOCAL = ["chat", "terminal"];
/** What would start, stop or set up what the guest looks after. */
const NOT_HERE: Record<string, string> = {
  gateway: "the agent's gateway is looked after by NemoClaw (nemoclaw NAME restart)",
  daemon: "the agent's gateway is looked after by NemoClaw (nemoclaw NAME restart)",
  onboard: "provider and model are chosen on the host (nemoclaw onboard)",
  configure: "provider and model are chosen on the host (nemoclaw onboard)",
  update: "the agent's version is the blueprint's (nemoclaw update)",
};

function fail(message: string, code = 1): never {
  process.stderr.write(`openclaw: ${message}\n`);
  process.exit(code);
}

/** True when the warm gateway can serve. */
function ready(): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: "127.0.0.1", port: paths.agentPort, path: "/readyz", timeout: 2_000 },
      (reply) => {
        reply.resume();
        resolve(reply.statusCode === 200);
      },
    );
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

/** Waits for the warm agent, and says so when it takes a moment. */
async function joinWarm(): Promise<void> {
  if (await ready()) return;
  process.stderr.write("openclaw: the agent is waking…\n");
  const until = performance.now() + LIMITS.start;
  while (!(await ready())) {
    if (performance.now() > until) fail("the agent does not wake (nemoclaw NAME logs says why)");
    await sleep(LIMITS.poll);
  }
}

/** Bytes of memory that this sandbox's processes hold now: what is theirs alone, as far as it can be seen from here. */
function memoryInUse(): number {
  let pages = 0;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      // statm: size resident shared … in pages of 4 KB (both processors that are supported).
      const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, "latin1")
        .split(" ")
        .map(Number);
      pages += resident - shared;
    } catch {
      // Gone meanwhile.
    }
  }
  return pages * 4_096;
}

/** A state directory of its own, with the warm agent's configuration as it is now. */
function ownState(): Record<string, string> {
  const limit = start.limits?.memoryBytes;
  const used = memoryInUse();
  if (limit !== undefined && used + ONE_AGENT > limit) {
    const mb = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MB`;
    fail(
      `--local runs one more agent, which takes about ${mb(ONE_AGENT)}: ${mb(used)} of this sandbox's ${mb(limit)} are in use\n` +
        "  → without --local the warm agent answers; worker.profile.limits.memoryBytes in config.yaml sets the limit",
    );
  }
  const state = `${paths.state}-local`;
  const config = join(state, "openclaw.json");
  mkdirSync(state, { recursive: true, mode: 0o700 });
  try {
    copyFileSync(join(paths.state, "openclaw.json"), config);
  } catch {
    fail("the agent has never been started here, so there is no configuration yet (nemoclaw NAME start)");
  }
  return { OPENCLAW_STATE_DIR: state, OPENCLAW_CONFIG_PATH: config };
}

async function environment(): Promise<Record<string, string>> {
  const [command = ""] = args.filter((word) => !word.startsWith("-"));
  const refusal = Object.hasOwn(NOT_HERE, command) ? NOT_HERE[command] : undefined;
  if (refusal !== undefined && !args.includes("--help")) fail(refusal, 2);
  if (args.includes("--help") || args.includes("--version")) return {};
  if (args.includes("--local") || ALWAYS_LOCAL.includes(command)) return ownState();
  if (command === "tui" || command === "agent") await joinWarm();
  return {};
}

const [program = "", ...rest] = agentCommand(start, paths);
const env = await environment();
const child = spawn(program, [...rest, ...args], { stdio: "inherit", env: { ...process.env, ...env } });
// Keys reach both; only the program decides what they mean.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)
  process.on(signal, () => void (signal === "SIGINT" || signal === "SIGQUIT" || child.kill(signal)));
child.on("error", (error) => fail(error.message, 126));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

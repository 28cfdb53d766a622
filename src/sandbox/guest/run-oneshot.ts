/**
 * The fallback without a warm gateway: one `openclaw agent … --local` per turn, answer at its end.
 * The gateway must be stopped before: OpenClaw locks its state directory (RELIABILITY §3).
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentCommand, agentEnv, openclawConfig } from "./agent-config.ts";
import { LIMITS } from "./limits.ts";
import { type GuestPaths, type StartConfig, staged } from "./paths.ts";
import { killAgent } from "./processes.ts";
import { agentSession } from "./run-warm.ts";
import { seedHome } from "./seed.ts";
import { trustEnv } from "./trust.ts";
import type { LastEvent, Turn } from "./turn.ts";
import { withMedia } from "./turn-mapper.ts";

const OUTPUT = 4 * 1024 * 1024;

/** What `openclaw agent --json` prints, as far as it is used. */
interface AgentJson {
  ok?: boolean;
  error?: { message?: string };
  payloads?: { text?: string; mediaUrl?: string | null; mediaUrls?: string[]; isError?: boolean }[];
  meta?: { aborted?: boolean; agentMeta?: { usage?: { input?: number; output?: number } } };
}

/** Runs one turn to its end. Never rejects. */
export async function runOneshot(turn: Turn, start: StartConfig, paths: GuestPaths): Promise<void> {
  seedHome(paths, start);
  writeFileSync(join(paths.state, "openclaw.json"), JSON.stringify(openclawConfig(start, paths, "unused")), {
    mode: 0o600,
  });
  // `--session-key` and not `--session-id`: it goes on with the conversation whichever way its last turn ran.
  const flags = [
    "agent",
    "--agent",
    "main",
    "--local",
    "--json",
    "--session-key",
    agentSession(turn.request.sessionKey),
  ];
  const seconds = String(Math.ceil(turn.request.timeoutMs / 1000));
  const argv = [...agentCommand(start, paths), ...flags, "--timeout", seconds, "-m", turn.request.text];
  const [command, args] = staged(paths, argv);
  const child = spawn(command, args, {
    cwd: paths.workspace,
    env: { ...agentEnv(start, paths), ...trustEnv(paths) },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (stdout.length < OUTPUT) stdout += chunk.toString("utf8");
  });
  child.stderr.resume();

  let stopped: LastEvent | undefined;
  const stop = (event: LastEvent) => {
    stopped ??= event;
    child.kill("SIGTERM");
    setTimeout(() => killAgent(start.bootId), LIMITS.cancelSoft).unref();
  };
  void turn.cancelAsked.then(() => stop({ kind: "cancelled" }));
  const limit = setTimeout(
    () =>
      stop({
        kind: "failed",
        code: "turn-timeout",
        message: `no answer within ${seconds} s`,
        retryable: false,
      }),
    turn.request.timeoutMs,
  );
  const ended = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ?? `status ${code}`));
  });
  clearTimeout(limit);
  killAgent(start.bootId);
  if (stopped) return turn.end(stopped);
  const { usage, last } = readResult(stdout, ended);
  if (usage) turn.emit(usage);
  turn.end(last);
}

/** The turn's last events, from what the program printed. */
export function readResult(
  stdout: string,
  ended: string,
): { usage?: { kind: "usage"; input: number; output: number }; last: LastEvent } {
  let json: AgentJson;
  try {
    json = JSON.parse(stdout) as AgentJson;
  } catch {
    const message = `the agent ended with ${ended} and gave no answer`;
    return { last: { kind: "failed", code: "agent-crashed", message, retryable: true } };
  }
  const { input = 0, output = 0 } = json.meta?.agentMeta?.usage ?? {};
  const usage = { kind: "usage", input, output } as const;
  const payloads = json.payloads ?? [];
  const text = payloads.map((p) => p.text ?? "").join("\n\n");
  if (json.ok === false || payloads.some((p) => p.isError)) {
    const message = (json.error?.message ?? text).slice(0, 500);
    return { usage, last: { kind: "failed", code: "agent-error", message, retryable: true } };
  }
  const media = payloads.flatMap(({ mediaUrl, mediaUrls = [] }) => [
    ...(mediaUrl ? [mediaUrl] : []),
    ...mediaUrls,
  ]);
  return { usage, last: { kind: "final", text: withMedia(text, [...new Set(media)]) } };
}

/**
 * Named failpoints for the kill matrix (RELIABILITY §8). Off unless a test sets one of two variables:
 * - `NEMOCLAW_FAILPOINT=name[@nth][:stop]`, comma-separated: the process ends (SIGKILL) or stops (SIGSTOP) itself the
 *   nth time it passes the point;
 * - `NEMOCLAW_FAILPOINT_DIR=dir`: a running process fires when the file `dir/name` exists (content `kill` or `stop`);
 *   the file is renamed to `name.fired.<pid>` first, so that it fires exactly once over all processes and restarts.
 * Without them a failpoint is one boolean test.
 */
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

/** Every point that may be armed. */
export const FAILPOINTS = [
  "ingress.before-script",
  "ingress.after-script",
  "ingress.after-mark",
  "claim.after-claim",
  "dispatch.before-run",
  "dispatch.after-heard",
  "dispatch.after-run",
  "steer.after-join",
  "steer.after-offer",
  "streaming.delta",
  "settle.before-script",
  "settle.after-script",
  "outbox.anchor-sending",
  "outbox.anchor-sent",
  "outbox.final-sending",
  "outbox.final-sent",
  "card.sending",
  "card.posted",
  "card.editing",
  "card.edited",
  "launcher.start",
  "gateway.first-byte",
] as const;

/** A failpoint's name. */
export type Failpoint = (typeof FAILPOINTS)[number];

type Action = "SIGKILL" | "SIGSTOP";
const armed = new Map<string, { left: number; signal: Action }>();
for (const spec of (process.env["NEMOCLAW_FAILPOINT"] ?? "").split(",").filter(Boolean)) {
  const [point = "", action] = spec.split(":");
  const [name = "", nth] = point.split("@");
  armed.set(name, { left: Number(nth ?? 1), signal: signalOf(action) });
}
const directory = process.env["NEMOCLAW_FAILPOINT_DIR"] ?? "";
const off = armed.size === 0 && directory === "";

/** Marks a place where a test may end or stop this process. */
export function failpoint(name: Failpoint): void {
  if (off) return;
  const signal = fromEnvironment(name) ?? fromDirectory(name);
  if (signal) process.kill(process.pid, signal);
}

function fromEnvironment(name: string): Action | undefined {
  const point = armed.get(name);
  if (!point) return undefined;
  point.left -= 1;
  if (point.left > 0) return undefined;
  armed.delete(name);
  return point.signal;
}

function fromDirectory(name: string): Action | undefined {
  if (directory === "") return undefined;
  const fired = join(directory, `${name}.fired.${process.pid}`);
  try {
    renameSync(join(directory, name), fired);
    return signalOf(readFileSync(fired, "utf8").trim());
  } catch {
    return undefined;
  }
}

function signalOf(action: string | undefined): Action {
  return action === "stop" ? "SIGSTOP" : "SIGKILL";
}

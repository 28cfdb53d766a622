/**
 * Named failpoints for the kill matrix (RELIABILITY §8), e.g. `NEMOCLAW_FAILPOINT=ingress.after-script`.
 * `name` kills the process with SIGKILL the first time the point is reached; `name@3` the third time;
 * `name:stop` stops it with SIGSTOP instead; several are separated by commas.
 * Without the variable a failpoint is one boolean test.
 */

/** Every point that may be armed. */
export const FAILPOINTS = [
  "ingress.before-script",
  "ingress.after-script",
  "ingress.after-mark",
  "claim.after-claim",
  "dispatch.before-run",
  "dispatch.after-run",
  "streaming.delta",
  "settle.before-script",
  "settle.after-script",
  "outbox.anchor-sending",
  "outbox.anchor-sent",
  "outbox.final-sending",
  "outbox.final-sent",
  "launcher.start",
  "gateway.first-byte",
] as const;

/** A failpoint's name. */
export type Failpoint = (typeof FAILPOINTS)[number];

const armed = new Map<string, { left: number; signal: NodeJS.Signals }>();
for (const spec of (process.env["NEMOCLAW_FAILPOINT"] ?? "").split(",").filter(Boolean)) {
  const [point = "", action] = spec.split(":");
  const [name = "", nth] = point.split("@");
  armed.set(name, { left: Number(nth ?? 1), signal: action === "stop" ? "SIGSTOP" : "SIGKILL" });
}
const anyArmed = armed.size > 0;

/** Marks a place where a test may end this process. Costs nothing unless armed. */
export function failpoint(name: Failpoint): void {
  if (!anyArmed) return;
  const point = armed.get(name);
  if (!point) return;
  point.left -= 1;
  if (point.left > 0) return;
  armed.delete(name);
  process.kill(process.pid, point.signal);
}

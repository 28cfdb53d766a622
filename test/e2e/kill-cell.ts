/**
 * One cell of the kill matrix (RELIABILITY §8): a message that leaves one line in a file is sent over the fake Telegram;
 * when it reaches the point, the fault's process is killed with SIGKILL; then what the user sees is counted from the
 * fake's state and the effects from the file. A point in another process than the fault's stops that process first, so
 * that the kill happens exactly there.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Failpoint } from "../../src/lib/failpoints.ts";
import { principalOf } from "../../src/lib/ids.ts";
import type { FakeTelegram } from "../fakes/telegram/index.ts";
import { processesOf } from "../helpers/processes.ts";
import { type Part, type TestService, waitUntil } from "../helpers/service.ts";

/** What may be killed. `agent` is the agent's program, `guest` our program inside the sandbox. */
export const FAULTS = [
  "supervisor",
  "redis",
  "bridge",
  "worker",
  "launcher",
  "guest",
  "agent",
  "gateway",
] as const;
export type FaultName = (typeof FAULTS)[number];

/** The path of a message, and the failpoints that stand for each place (a seed picks one). */
export const POINTS = {
  ingress: {
    owner: "telegram-bridge",
    points: ["ingress.before-script", "ingress.after-script", "ingress.after-mark"],
  },
  claim: { owner: "worker", points: ["claim.after-claim"] },
  dispatch: { owner: "worker", points: ["dispatch.before-run", "dispatch.after-run"] },
  streaming: { owner: "worker", points: ["streaming.delta"] },
  settle: { owner: "worker", points: ["settle.before-script", "settle.after-script"] },
  outbox: {
    owner: "telegram-bridge",
    points: ["outbox.final-sending", "outbox.final-sent", "outbox.anchor-sending", "outbox.anchor-sent"],
  },
} as const satisfies Record<string, { owner: Part; points: Failpoint[] }>;
export type PointName = keyof typeof POINTS;

/** What one cell showed. */
export interface CellResult {
  fault: FaultName;
  point: string;
  seed: number;
  /** Visible finals with the agent's answer, and with an honest failure. */
  answered: number;
  failed: number;
  /** Visible finals beyond the first. */
  duplicates: number;
  /** 1 when nothing final is visible. */
  lost: number;
  /** Lines that the turn left in the sandbox's file. */
  effects: number;
  /** Placeholders that were left behind. */
  strays: number;
  /** From the kill to the visible final. */
  ms: number;
}

/** What cells share. */
export interface Stage {
  service: TestService;
  telegram: FakeTelegram;
  /** Directory that `NEMOCLAW_FAILPOINT_DIR` names. */
  failpoints: string;
  user: number;
  /** Command line of the agent's program, to find it among the sandbox's processes. */
  agentProgram: RegExp;
  /** How long a visible final may take after the kill. */
  patienceMs: number;
}

/** Where turns leave their lines, inside and outside of the sandbox. */
const EFFECTS = "effects.log";
const homeOf = (stage: Stage) => stage.service.paths.user(principalOf("telegram", String(stage.user))).home;

/** Plays one cell. The service is whole again when it returns. */
export async function playCell(
  stage: Stage,
  fault: FaultName,
  place: PointName,
  seed: number,
): Promise<CellResult> {
  const { telegram, user } = stage;
  const { owner, points } = POINTS[place];
  const point = points[seed % points.length] as Failpoint;
  const target: Part | undefined =
    fault === "bridge" ? "telegram-bridge" : fault === "guest" || fault === "agent" ? undefined : fault;
  const nonce = `n${Date.now().toString(36)}${seed}`;
  const before = telegram.bot.fromBot(user).length;
  arm(stage.failpoints, point, target === owner ? "kill" : "stop");

  telegram.bot.say(user, `run echo ${nonce} >> ~/${EFFECTS}; sleep 0.5; echo done-${nonce}`);
  const fired = await firedPid(stage.failpoints, point);
  const killedAt = performance.now();
  if (target !== owner) {
    await delay((seed * 37) % 120);
    await kill(stage, fault, target);
    resume(fired);
  }
  if (fault === "supervisor") stage.service = await revive(stage);

  const seen = () => telegram.bot.fromBot(user).slice(before);
  const answers = () =>
    seen().filter(({ text }) => text.includes(`done-${nonce}`) && !text.includes("echo done-"));
  const failures = () => seen().filter(({ text }) => text.includes("Reference:"));
  const late = () =>
    `${fault} at ${point}: nothing final within ${stage.patienceMs} ms; seen ${JSON.stringify(seen().map((m) => m.text))}`;
  await waitUntil(() => answers().length + failures().length > 0, stage.patienceMs, late).catch(
    (error: unknown) => {
      console.error(String(error));
    },
  );
  const ms = Math.round(performance.now() - killedAt);
  await whole(stage);
  // Long enough for a sweeper or a redelivery to do it again, if something would.
  await delay(1_500);

  const finals = answers().length + failures().length;
  for (const { text } of failures()) console.log(`${fault} at ${point}: ${text.replaceAll("\n", " ")}`);
  const file = join(homeOf(stage), EFFECTS);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  return {
    fault,
    point,
    seed,
    answered: answers().length,
    failed: failures().length,
    duplicates: Math.max(0, finals - 1),
    lost: finals === 0 ? 1 : 0,
    effects: lines.filter((line) => line === nonce).length,
    strays: seen().length - finals,
    ms,
  };
}

/** Arms a failpoint in the running processes. */
function arm(dir: string, point: Failpoint, action: "kill" | "stop"): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, point), action, { mode: 0o666 });
}

async function firedPid(dir: string, point: Failpoint): Promise<number> {
  let pid = 0;
  await waitUntil(
    () => {
      const name = readdirSync(dir).find(
        (file) => file.startsWith(`${point}.fired.`) && !file.endsWith(".seen"),
      );
      if (!name) return false;
      pid = Number(name.slice(`${point}.fired.`.length));
      return true;
    },
    30_000,
    () => `the message never reached ${point}`,
  );
  // The file is renamed a moment before the process acts on it.
  await waitUntil(
    () => ["T", "Z", ""].includes(stateOf(pid)),
    10_000,
    () => `process ${pid} passed ${point} and runs on`,
  );
  renameSync(join(dir, `${point}.fired.${pid}`), join(dir, `${point}.fired.${pid}.${Date.now()}.seen`));
  return pid;
}

/** State letter of a process, "" when it is gone. */
function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.charAt(stat.lastIndexOf(")") + 2);
  } catch {
    return "";
  }
}

/** Kills the fault's process: one of the service, or one inside the sandbox. */
export async function kill(stage: Stage, fault: FaultName, target: Part | undefined): Promise<void> {
  if (target) return stage.service.kill(target);
  const id = principalOf("telegram", String(stage.user));
  const sandbox = (await stage.service.sandboxes()).find((one) => one.id === id);
  if (!sandbox?.pid) return;
  const inside = processesOf(sandbox.pid);
  const wanted = fault === "guest" ? /guest\/main\.[tj]s/ : stage.agentProgram;
  const victim = inside.find(({ command }) => wanted.test(command));
  if (!victim) throw new Error(`no ${fault} among ${inside.map(({ command }) => command).join(" | ")}`);
  process.kill(victim.pid, "SIGKILL");
}

function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The operator starts the service again after its supervisor was killed. */
export async function revive(stage: Stage): Promise<TestService> {
  await stage.service.exited();
  return stage.service.again();
}

/** Waits until every process runs and is ready. */
export async function whole(stage: Stage): Promise<void> {
  let state = "";
  await waitUntil(
    async () => {
      state = JSON.stringify(await stage.service.status().catch((error: unknown) => String(error)));
      return state.includes('"state":"ready"') && !state.includes("degraded");
    },
    30_000,
    () => `the service did not become whole again: ${state}`,
  );
}

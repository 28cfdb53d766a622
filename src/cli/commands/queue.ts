/** `nemoclaw queue …`: what waits and runs on this host, what failed, and whether new turns begin. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { Fault } from "../../lib/errors.ts";
import type { Store } from "../../store/index.ts";
import { EXIT, say } from "../io.ts";
import { queueText, turnText, waitingText } from "../operator/queue-text.ts";
import { counted } from "../operator/table.ts";
import { type HomeOption, operatorName } from "../policy/target.ts";

type JsonOption = HomeOption & { json?: boolean };
const LOOK_MS = 250;

/** The store is loaded when it is used: help and mistakes needn't wait for it. */
async function withStore(options: HomeOption, work: (store: Store) => Promise<void>): Promise<void> {
  await (await import("../operator/store.ts")).withStore(options, work);
}

/** The group. */
export function queueCommand(): Command {
  const group = new Command("queue")
    .description("what waits, runs and failed: status, show, retry, drain, pause, resume")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  nemoclaw queue status
  nemoclaw queue show --failed
  nemoclaw queue retry t_7k2m…       hand a failed turn's messages in again
  nemoclaw queue drain --timeout 120 before an upgrade: no new turns, wait for those that run
  nemoclaw queue resume`,
    );
  for (const command of [status(), show(), retry(), drain(), pause(), resume()])
    group.addCommand(command.exitOverride());
  return group;
}

const made = (name: string, description: string): Command =>
  new Command(name).description(description).option("--home <dir>", "home of the installation");

function status(): Command {
  return made("status", "how much waits and runs, and whether new turns begin")
    .option("--json", "as one JSON object")
    .action((options: JsonOption) =>
      withStore(options, async ({ operator }) => {
        const [rows, undelivered, paused, failed] = await Promise.all([
          operator.queue(),
          operator.undelivered(),
          operator.paused(),
          operator.failed(),
        ]);
        const facts = {
          waiting: rows.reduce((sum, row) => sum + row.waiting, 0),
          conversations: rows.filter((row) => row.waiting > 0).length,
          running: rows.filter((row) => row.turn !== undefined).length,
          ...{ undelivered, failed: failed.length, paused: paused ?? null },
        };
        console.log(options.json ? JSON.stringify(facts) : queueText(facts, Date.now()));
      }),
    );
}

function show(): Command {
  return made("show", "each conversation that has work; one of them with its messages; or what failed")
    .argument("[conversation]", "only this one, with its messages")
    .option("--failed", "turns of the last 7 days that failed or were interrupted")
    .option("--text", "show what people wrote, too")
    .option("--json", "as one JSON object")
    .action((conversation: string | undefined, options: JsonOption & { failed?: boolean; text?: boolean }) =>
      withStore(options, async ({ operator }) => {
        const now = Date.now();
        if (options.failed) {
          const turns = await operator.failed();
          if (options.json) return console.log(JSON.stringify({ failed: turns }));
          return console.log(
            turns.length === 0 ? "Nothing failed." : turnText(turns, options.text === true, now),
          );
        }
        const rows = (await operator.queue()).filter(
          (row) => !conversation || row.conversation === conversation,
        );
        const messages = conversation ? await operator.waiting(conversation) : [];
        if (options.json) return console.log(JSON.stringify({ conversations: rows, messages }));
        console.log(
          rows.length === 0 ? "Nothing waits." : waitingText(rows, messages, options.text === true, now),
        );
      }),
    );
}

function retry(): Command {
  return made(
    "retry",
    "hand the messages of a failed or interrupted turn in again; its files are not repeated",
  )
    .argument("<turn>", "t_… (nemoclaw queue show --failed)")
    .action((turnId: string, options: HomeOption) =>
      withStore(options, async ({ operator }) => {
        const turn = /^t_[a-z0-9]{1,40}$/.test(turnId) ? await operator.finished(turnId) : undefined;
        if (!turn || (turn.state !== "failed" && turn.state !== "interrupted"))
          throw new Fault({
            code: "turn-unknown",
            message: turn
              ? `turn ${turnId} ended as ${turn.state}`
              : `there is no finished turn ${turnId.slice(0, 40)}`,
            hint: "nemoclaw queue show --failed lists what can be tried again",
          });
        if (await operator.retry(turn)) say(`✓ handed in again: ${turn.conversation}`);
        else say("· noted; the worker takes it as soon as it runs");
      }),
    );
}

const seconds = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a number of seconds");
  return value;
};

function drain(): Command {
  return made("drain", "begin no new turns and wait until none runs; stays so until resume")
    .option("--timeout <seconds>", "longest wait", seconds, 60)
    .action((options: HomeOption & { timeout: number }) =>
      withStore(options, async ({ operator }) => {
        await operator.pause(operatorName());
        for (const until = performance.now() + options.timeout * 1_000; ; await sleep(LOOK_MS)) {
          const running = (await operator.queue()).filter(({ turn }) => turn !== undefined).length;
          if (running === 0) return say("✓ no turn runs; what comes waits (nemoclaw queue resume)");
          if (performance.now() < until) continue;
          say(`✗ ${counted(running, "turn")} still run after ${options.timeout} s; no new ones begin`);
          process.exitCode = EXIT.timeout;
          return;
        }
      }),
    );
}

function pause(): Command {
  return made("pause", "begin no new turns; those that run go on, what comes is accepted and waits").action(
    (options: HomeOption) =>
      withStore(options, async ({ operator }) => {
        await operator.pause(operatorName());
        say("✓ no new turns begin within a second; nemoclaw queue resume ends that");
      }),
  );
}

function resume(): Command {
  return made("resume", "begin new turns again").action((options: HomeOption) =>
    withStore(options, async ({ operator }) => {
      say((await operator.resume()) ? "✓ new turns begin again" : "· it wasn't paused");
    }),
  );
}

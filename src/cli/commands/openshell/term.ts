/**
 * `openshell term`: open approvals one after the other, answered by a key. The same records as in the chats: whoever
 * answers first, anywhere, decides.
 */
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { Fault } from "../../../lib/errors.ts";
import type { ApprovalRecord } from "../../../store/index.ts";
import { approvalLine, questionOf } from "../../approvals/lines.ts";
import { askGateway, type HomeOption } from "../../policy/target.ts";
import { decide } from "../approvals.ts";

/** How often the gateway is asked for new ones. */
const LOOK_MS = 500;
const ANSWERS = { y: "once", s: "session", a: "always", n: "deny" } as const;

/** The command. */
export function termCommand(): Command {
  return new Command("term")
    .description("watch what agents want to reach, and allow or deny it")
    .option("--home <dir>", "home of the installation")
    .action(watch);
}

async function watch(options: HomeOption): Promise<void> {
  if (!process.stdin.isTTY)
    throw new Fault({
      code: "no-terminal",
      message: "openshell term needs a terminal",
      hint: "in scripts: nemoclaw approvals list --json, nemoclaw approvals approve ID",
    });
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new Promise<void>((resolve) => lines.once("close", resolve));
  let open = true;
  void ended.then(() => {
    open = false;
  });
  console.log("Waiting for agents that want to reach something. Ctrl+C ends this.");
  const skipped = new Set<string>();
  while (open) {
    const { approvals } = await askGateway<{ approvals: ApprovalRecord[] }>(options, "approvals.list", {});
    const next = approvals.find((record) => !skipped.has(record.approvalId));
    if (!next) {
      await Promise.race([sleep(LOOK_MS), ended]);
      continue;
    }
    console.log(`\n${questionOf(next)}`);
    console.log(approvalLine(next, Date.now()));
    const text = await Promise.race([
      lines.question(
        "Allow? [y/n/a]:  # y=allow once, n=deny, a=add permanently (s=this session, Enter=later) ",
      ),
      ended.then(() => undefined),
    ]);
    if (text === undefined) break;
    const verb = ANSWERS[text.trim().toLowerCase() as keyof typeof ANSWERS];
    if (verb) await decide(next.approvalId, verb, options);
    else skipped.add(next.approvalId);
  }
  process.exitCode = 0;
}

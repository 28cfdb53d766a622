/**
 * `nemoclaw approvals …` and `nemoclaw rules …`: the operator's view of what people are asked, by the gateway's own socket.
 * The operator may decide for everybody; what is shown is the same record that the chat shows.
 */
import { Command } from "commander";
import type { ApprovalRecord, RuleRecord } from "../../store/index.ts";
import { approvalLine, printable, span } from "../approvals/lines.ts";
import { EXIT } from "../io.ts";
import { askGateway, type HomeOption, resolveTarget } from "../policy/target.ts";

interface ListOptions extends HomeOption {
  sandbox?: string;
  json?: boolean;
}
interface Listed {
  approvals: ApprovalRecord[];
  unasked: { sandbox: string; host: string; port: number; at: number; times: number }[];
}
type Verb = "once" | "session" | "always" | "deny";

const home = ["--home <dir>", "home of the installation"] as const;
const sandbox = ["--sandbox <name>", "only this sandbox"] as const;
const json = ["--json", "as one JSON object"] as const;

/** The group `approvals`. */
export function approvalsCommand(): Command {
  const group = new Command("approvals").description("what agents want to reach and people are asked");
  group.helpCommand(false).addHelpText(
    "after",
    `
Examples:
  nemoclaw approvals list                    what is open now
  nemoclaw approvals approve a_7k2m --once   lets through exactly what waits (also --session, --always)
  nemoclaw approvals deny a_7k2m
  nemoclaw approvals history
  openshell term                             the same, one question after the other`,
  );
  for (const command of [listCommand(), historyCommand(), showCommand(), approveCommand(), denyCommand()])
    group.addCommand(command.exitOverride());
  return group;
}

/** The group `rules`. */
export function rulesCommand(): Command {
  const group = new Command("rules").description("standing rules that people made with Always");
  group.helpCommand(false);
  group.addCommand(
    new Command("list")
      .description("show them")
      .option(...sandbox)
      .option(...json)
      .option(...home)
      .action(async (options: ListOptions) => {
        const rules = await askGateway<(RuleRecord & { principal: string })[]>(
          options,
          "rules.list",
          target(options),
        );
        if (options.json) return console.log(JSON.stringify({ rules }));
        if (rules.length === 0) return console.log("There are no standing rules.");
        for (const rule of rules) {
          const request = rule.method
            ? `${rule.method} ${printable(rule.path ?? "")}`
            : "any method, any path";
          const by = `${printable(rule.by.via, 16)}:${printable(rule.by.identity, 32)}`;
          console.log(
            `${rule.ruleId}  ${rule.principal}  ${printable(rule.host, 80)}:${rule.port}  ${request}  by ${by}`,
          );
        }
      })
      .exitOverride(),
  );
  group.addCommand(
    new Command("revoke")
      .description("remove one; open connections that it allowed are closed")
      .argument("<rule>", "r_…")
      .option(...home)
      .action(async (ruleId: string, options: HomeOption) => {
        const rules = await askGateway<(RuleRecord & { principal: string })[]>(options, "rules.list", {});
        const rule = rules.find((one) => one.ruleId === ruleId);
        const { removed } = rule
          ? await askGateway<{ removed: boolean }>(options, "rules.revoke", {
              sandbox: rule.principal,
              rule: ruleId,
            })
          : { removed: false };
        console.log(removed ? `✓ Rule ${ruleId} revoked.` : `There is no rule ${printable(ruleId, 30)}.`);
        if (!removed) process.exitCode = EXIT.failed;
      })
      .exitOverride(),
  );
  return group;
}

function listCommand(): Command {
  return new Command("list")
    .description("open ones, and what was denied because nobody could be asked")
    .option(...sandbox)
    .option(...json)
    .option(...home)
    .action(async (options: ListOptions) => {
      const listed = await askGateway<Listed>(options, "approvals.list", target(options));
      if (options.json) return console.log(JSON.stringify(listed));
      const now = Date.now();
      if (listed.approvals.length === 0) console.log("Nothing is waiting for an answer.");
      for (const record of listed.approvals) console.log(approvalLine(record, now));
      if (listed.unasked.length > 0) console.log("\nDenied while nobody could be asked (no running turn):");
      for (const { sandbox: id, host, port, at, times } of listed.unasked)
        console.log(`${id}  ${printable(host, 80)}:${port}  ${times}×, last ${span(now - at)} ago`);
    });
}

function historyCommand(): Command {
  return new Command("history")
    .description("decided, expired and cancelled ones too, oldest first")
    .option(...sandbox)
    .option(...json)
    .option(...home)
    .action(async (options: ListOptions) => {
      const params = { ...target(options), all: true };
      const { approvals } = await askGateway<Listed>(options, "approvals.list", params);
      if (options.json) return console.log(JSON.stringify({ approvals }));
      if (approvals.length === 0) return console.log("Nobody was asked anything yet.");
      for (const record of approvals) console.log(approvalLine(record, Date.now()));
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("everything that is known of one")
    .argument("<id>", "a_… or how it begins")
    .option(...home)
    .action(async (id: string, options: HomeOption) => {
      console.log(JSON.stringify(await askGateway(options, "approvals.show", { id }), null, 2));
    });
}

function approveCommand(): Command {
  return new Command("approve")
    .description("allow; without a flag: once")
    .argument("<id>", "a_… or how it begins")
    .option("--once", "exactly what waits now, or the next try")
    .option("--session", "until the conversation's /new")
    .option("--always", "a standing rule of the sandbox")
    .option(...home)
    .action((id: string, options: HomeOption & { session?: boolean; always?: boolean }) =>
      decide(id, options.always ? "always" : options.session ? "session" : "once", options),
    );
}

function denyCommand(): Command {
  return new Command("deny")
    .description("refuse it now and for the rest of the turn")
    .argument("<id>", "a_… or how it begins")
    .option(...home)
    .action((id: string, options: HomeOption) => decide(id, "deny", options));
}

/** Decides one and says what became of it. */
export async function decide(id: string, verb: Verb, options: HomeOption): Promise<void> {
  const outcome = await askGateway<{ kind: string; record: ApprovalRecord } | null>(
    options,
    "approvals.decide",
    { id, verb },
  );
  const won = outcome?.kind === "done" || outcome?.kind === "next-try";
  const line = outcome
    ? approvalLine(outcome.record, Date.now())
    : `There is no approval ${printable(id, 30)}.`;
  console.log(won ? `✓ ${line}` : `Not changed: ${line}`);
  if (!won) process.exitCode = EXIT.failed;
}

const target = (options: ListOptions) =>
  options.sandbox === undefined ? {} : { sandbox: resolveTarget(options.sandbox, options) };

/**
 * `openshell rule …`: what agents asked for, in OpenShell's words. Approving means for good there, so it does here;
 * `--once` and `--session` are this project's own.
 */
import { Command, Option } from "commander";
import { stringify } from "yaml";
import type { PolicyView } from "../../../gateway/index.ts";
import { Fault } from "../../../lib/errors.ts";
import type { ApprovalRecord } from "../../../store/index.ts";
import {
  CHUNK_STATES,
  type ChunkState,
  chunkData,
  chunkState,
  chunksText,
  historyText,
} from "../../approvals/chunks.ts";
import { printable } from "../../approvals/lines.ts";
import { EXIT, say } from "../../io.ts";
import { shortHash } from "../../policy/render.ts";
import { askGateway, type HomeOption, resolveTarget } from "../../policy/target.ts";

interface GetOptions extends HomeOption {
  status: ChunkState | "all";
  output?: "json" | "yaml";
}
interface ApproveOptions extends HomeOption {
  chunkId: string;
  once?: boolean;
  session?: boolean;
  always?: boolean;
}
type Verb = "once" | "session" | "always" | "deny";

const home = ["--home <dir>", "home of the installation"] as const;
const sandbox = ["[sandbox]", "only this sandbox's; left out: of all"] as const;

/** The group. */
export function ruleCommand(): Command {
  const group = new Command("rule")
    .description("what agents want to reach: review, approve, reject")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  openshell rule get                                       what waits for an answer
  openshell rule approve --chunk-id a_7k2m                 a standing rule
  openshell rule approve my-agent --chunk-id a_7k2m --once exactly what waits now
  openshell rule reject --chunk-id a_7k2m --reason "not needed"
  openshell rule history my-agent
  openshell term                                           the same, live

Exit codes: 0 done · 1 nothing was changed · 2 wrong usage · 3 not running`,
    );
  for (const command of [get(), approve(), approveAll(), reject(), clear(), history()])
    group.addCommand(command.exitOverride());
  return group;
}

function get(): Command {
  return new Command("get")
    .description("show the questions; without --status: those that wait")
    .argument(...sandbox)
    .addOption(
      new Option("--status <status>", "which ones").choices([...CHUNK_STATES, "all"]).default("pending"),
    )
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]))
    .option(...home)
    .action(async (name: string | undefined, options: GetOptions) => {
      const records = (await listed(name, options, options.status !== "pending")).filter(
        (record) => options.status === "all" || chunkState(record) === options.status,
      );
      if (options.output) return print({ chunks: records.map(chunkData) }, options.output);
      const { active, inherits } = await policyOf(name, options);
      console.log(chunksText(records, active || (inherits ?? 0)));
    });
}

function approve(): Command {
  return new Command("approve")
    .description("allow it: for good, unless --once or --session")
    .argument(...sandbox)
    .requiredOption("--chunk-id <id>", "a_… or how it begins")
    .option("--once", "exactly what waits now, or the next try")
    .option("--session", "until the conversation's /new")
    .option("--always", "a standing rule (what it does without a flag)")
    .option(...home)
    .action(async (name: string | undefined, options: ApproveOptions) => {
      if ([options.once, options.session, options.always].filter(Boolean).length > 1)
        throw new Fault({ code: "usage", message: "--once, --session and --always exclude each other" });
      const verb = options.once ? "once" : options.session ? "session" : "always";
      const record = await decide(name, options, options.chunkId, verb);
      if (!record) return;
      const { active, inherits, hash } = await policyOf(record.principal, options);
      const version = active || (inherits ?? 0);
      console.log(`OK Chunk approved. Policy version: ${version}, hash: ${shortHash(hash)}`);
    });
}

function approveAll(): Command {
  return new Command("approve-all")
    .description("allow for good what waits; flagged ones stay open")
    .argument(...sandbox)
    .option("--include-security-flagged", "those, too")
    .option(...home)
    .action(async (name: string | undefined, options: HomeOption & { includeSecurityFlagged?: boolean }) => {
      const open = (await listed(name, options, false)).filter(({ command }) => !command);
      const wanted = open.filter(({ risks }) => options.includeSecurityFlagged || risks.length === 0);
      let done = 0;
      for (const { approvalId } of wanted) if (await decide(name, options, approvalId, "always")) done++;
      const left = open.length - wanted.length;
      console.log(`OK ${done} chunks approved, ${left} flagged ones skipped.`);
    });
}

function reject(): Command {
  return new Command("reject")
    .description("refuse it now and for the rest of the turn")
    .argument(...sandbox)
    .requiredOption("--chunk-id <id>", "a_… or how it begins")
    .option("--reason <text>", "why, for the audit")
    .option(...home)
    .action(async (name: string | undefined, options: HomeOption & { chunkId: string; reason?: string }) => {
      if (await decide(name, options, options.chunkId, "deny", options.reason))
        console.log("OK Chunk rejected.");
    });
}

function clear(): Command {
  return new Command("clear")
    .description("refuse everything that waits")
    .argument(...sandbox)
    .option(...home)
    .action(async (name: string | undefined, options: HomeOption) => {
      let done = 0;
      for (const { approvalId } of await listed(name, options, false))
        if (await decide(name, options, approvalId, "deny")) done++;
      console.log(`OK ${done} chunks rejected.`);
    });
}

function history(): Command {
  return new Command("history")
    .description("what was decided, oldest first")
    .argument(...sandbox)
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]))
    .option(...home)
    .action(async (name: string | undefined, options: HomeOption & { output?: "json" | "yaml" }) => {
      const records = await listed(name, options, true);
      if (!options.output) return console.log(historyText(records));
      const decided = records.filter(({ state }) => state !== "pending");
      print({ history: decided.map(chunkData) }, options.output);
    });
}

/** Approvals of one sandbox, or of all. */
async function listed(
  name: string | undefined,
  options: HomeOption,
  all: boolean,
): Promise<ApprovalRecord[]> {
  const target = name === undefined ? {} : { sandbox: resolveTarget(name, options) };
  const params = { ...target, all };
  return (await askGateway<{ approvals: ApprovalRecord[] }>(options, "approvals.list", params)).approvals;
}

const policyOf = (name: string | undefined, options: HomeOption) =>
  askGateway<PolicyView>(options, "policy.get", { target: resolveTarget(name, options) });

/** Decides; undefined when nothing was changed, which is said. A named sandbox must be the chunk's. */
async function decide(
  name: string | undefined,
  options: HomeOption,
  id: string,
  verb: Verb,
  reason?: string,
): Promise<ApprovalRecord | undefined> {
  const known = await askGateway<ApprovalRecord>(options, "approvals.show", { id });
  if (name !== undefined && known.principal !== resolveTarget(name, options))
    throw new Fault({
      code: "approval-unknown",
      message: `${printable(id, 30)} is no chunk of ${name}`,
      hint: "openshell rule get lists them",
    });
  const outcome = await askGateway<{ kind: string; record: ApprovalRecord } | null>(
    options,
    "approvals.decide",
    { id: known.approvalId, verb, ...(reason === undefined ? {} : { reason }) },
  );
  if (outcome?.kind === "done" || outcome?.kind === "next-try") return outcome.record;
  const state = outcome?.record.state ?? "gone";
  say(state === "pending" ? `✗ ${id} can't be decided so` : `✗ ${id} is decided already: ${state}`);
  process.exitCode = EXIT.failed;
  return undefined;
}

function print(value: unknown, format: "json" | "yaml"): void {
  console.log(format === "json" ? JSON.stringify(value) : stringify(value).trimEnd());
}

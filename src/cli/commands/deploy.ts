/** `nemoclaw deploy`: its options and help. What it does is loaded only when it is used. */
import { Command } from "commander";
import { Fault } from "../../lib/errors.ts";
import { say } from "../io.ts";

interface DeployOptions {
  host?: string;
  target?: string;
  instanceType?: string;
  port?: string;
  identity?: string;
  sshConfig?: string;
  name?: string;
  provider?: string;
  endpointUrl?: string;
  model?: string;
  preset?: string[];
  telegramUsers?: string;
  secretsStdin?: boolean;
  release?: string;
  verify: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** The subcommand. */
export function deployCommand(): Command {
  return new Command("deploy")
    .description("set this release up on another machine by ssh, start it there, show its status")
    .argument("[target]", "a Brev instance, or a host as ssh knows it")
    .option("--host <destination>", "user@host, or a name of ssh_config")
    .option("--target <name>", "a Brev instance; made when it isn't there")
    .option("--instance-type <type>", "what to make: a GPU's name (A100) or one of Brev's types")
    .option("--port <number>", "ssh port")
    .option("--identity <file>", "ssh key")
    .option("--ssh-config <file>", "another ssh_config")
    .option("--name <name>", "the sandbox's name there")
    .option("--provider <name>", "inference provider there")
    .option("--endpoint-url <url>", "its address")
    .option("--model <model>", "its model")
    .option("--preset <names...>", "network presets there")
    .option("--telegram-users <ids>", "numeric ids that are let in")
    .option("--secrets-stdin", "read NAME=value lines from standard input: keys and bot tokens")
    .option("--release <file>", "this release archive instead of this copy, packed")
    .option("--no-verify", "don't ask provider and chat platform there")
    .option("--dry-run", "look at the machine and print what would be done")
    .option("--json", "the remote status as one JSON object")
    .addHelpText(
      "after",
      `
Keys and tokens come by their variables or by --secrets-stdin and go over ssh's standard input, never by an argument.
Running it again goes on where it stopped, or updates that machine; people's data there stays.

Examples:
  nemoclaw deploy --host root@203.0.113.7 --provider demo
  DEFAPI_API_KEY=… nemoclaw deploy --host gpu-box --provider defapi --name my-agent
  nemoclaw deploy --target remote-gpu --instance-type A100 --provider demo
  nemoclaw deploy --host gpu-box --dry-run --provider demo`,
    )
    .action(runDeploy);
}

async function runDeploy(positional: string | undefined, options: DeployOptions): Promise<void> {
  const [{ deploy }, { Ssh, checkDestination }, { ensureInstance, brevCreate, hasBrev }, secretsOf] =
    await Promise.all([
      import("../deploy/run.ts"),
      import("../deploy/ssh.ts"),
      import("../deploy/brev.ts"),
      import("../onboard/secrets.ts"),
    ]);
  const tell = (line: string) => say(line);
  const wanted = options.host ?? options.target ?? positional;
  if (wanted === undefined)
    throw new Fault({ code: "usage", message: "deploy where to?", hint: "nemoclaw deploy --host user@host" });
  const destination = checkDestination(wanted);
  const secrets = secretsOf.takeFromEnvironment(process.env);
  if (options.secretsStdin) {
    const { text } = await import("node:stream/consumers");
    for (const [name, value] of secretsOf.parseSecretLines(await text(process.stdin)))
      secrets.set(name, value);
  }
  const byBrev =
    options.host === undefined &&
    (options.target !== undefined ||
      options.instanceType !== undefined ||
      (!/[@.]/.test(destination) && (await hasBrev())));
  if (byBrev && options.dryRun) {
    tell(
      `would: brev ${brevCreate(destination, options.instanceType).join(" ")} (unless it is there), brev refresh`,
    );
    tell("would: copy the release, install it, onboard, start it, show its status");
    return;
  }
  if (byBrev) await ensureInstance(destination, options.instanceType, tell);
  const { port, identity, sshConfig: config } = options;
  if (port !== undefined && !/^\d{1,5}$/.test(port))
    throw new Fault({ code: "usage", message: "--port is no number" });
  const ssh = new Ssh({ destination, port, identity, config });
  try {
    const { givenRelease } = await import("../deploy/release.ts");
    const release = options.release === undefined ? undefined : givenRelease(options.release);
    const plan = { ssh, destination, settings: settingsOf(options), secrets, release, tell };
    const status = await deploy({ ...plan, verify: options.verify, dryRun: options.dryRun === true });
    if (!status) return;
    if (options.json) return console.log(JSON.stringify(status));
    for (const warning of status.warnings) say(`! ${warning}`);
    console.log(`${destination}: nemoclaw ${status.version} is ${status.state}`);
    for (const { name, state } of status.services) console.log(`  ${name.padEnd(16)} ${state}`);
  } finally {
    ssh.close();
  }
}

/** Each is one line, so that none can pass for another. @throws Fault `usage` */
function settingsOf(options: DeployOptions): Map<string, string> {
  const given: [string, string | undefined][] = [
    ["NEMOCLAW_SANDBOX_NAME", options.name],
    ["NEMOCLAW_PROVIDER", options.provider],
    ["NEMOCLAW_ENDPOINT_URL", options.endpointUrl],
    ["NEMOCLAW_MODEL", options.model],
    ["NEMOCLAW_POLICY_PRESETS", options.preset?.join(",")],
    ["TELEGRAM_ALLOWED_USERS", options.telegramUsers],
  ];
  const settings = new Map<string, string>();
  for (const [name, value] of given) {
    if (value === undefined) continue;
    if (!/^[\x20-\x7e]{1,500}$/.test(value))
      throw new Fault({ code: "usage", message: `${name}: expected one line of plain characters` });
    settings.set(name, value);
  }
  return settings;
}

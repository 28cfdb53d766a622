/** `nemoclaw backup`, `restore`, `uninstall`: their options and help. What they do is loaded when it is used. */
import { Command } from "commander";
import { homeFrom, pathsOf } from "../../lib/paths.ts";
import { say } from "../io.ts";

interface BackupOptions {
  output?: string;
  withSecrets?: boolean;
  passphraseStdin?: boolean;
  json?: boolean;
  home?: string;
}

/** `nemoclaw backup`. */
export function backupCommand(): Command {
  return new Command("backup")
    .description("write files of agents, mailboxes, rules, settings, policies and audit into one file")
    .option("-o, --output <file>", "where to (default: nemoclaw-backup-DATE.tar.gz, here)")
    .option("--with-secrets", "keys and tokens too, encrypted with a passphrase")
    .option("--passphrase-stdin", "read that passphrase from standard input")
    .option("--json", "the report as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
A running service goes on: its agents rest meanwhile, and messages that come are answered afterwards. Without
--with-secrets no key and no token is in the file; agents' files and conversations are, unencrypted: keep it safe.

Examples:
  nemoclaw backup
  nemoclaw backup --output /mnt/backups/monday.tar.gz
  nemoclaw backup --with-secrets --passphrase-stdin < passphrase.txt`,
    )
    .action(async (options: BackupOptions) => {
      const { createBackup } = await import("../backup/create.ts");
      const { readConfig } = await import("../settings/read.ts");
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const secrets = options.withSecrets === true || options.passphraseStdin === true;
      const passphrase = secrets ? await newPassphrase(options.passphraseStdin === true) : undefined;
      const report = await createBackup({
        paths,
        file: options.output ?? `nemoclaw-backup-${stamp()}.tar.gz`,
        redisUrl: readConfig(paths, { env: process.env }).config.redis.url,
        passphrase,
        tell: (line) => say(`· ${line}`),
      });
      if (options.json) return console.log(JSON.stringify(report));
      console.log(`${report.file}: ${report.principals} people's files (${report.files} entries)`);
      if (report.leftOut > 0) say(`! ${report.leftOut} sockets, pipes or devices were left out`);
      if (report.redis === "external")
        say("! your own Redis is not in it: mailboxes, rules and users are there");
      say(
        report.secrets === "encrypted"
          ? "Secrets are in it, encrypted: without the passphrase they can't be had again."
          : "Secrets are not in it (--with-secrets); after a restore give keys and tokens again.",
      );
    });
}

interface RestoreOptions {
  secrets: boolean;
  passphraseStdin?: boolean;
  json?: boolean;
  home?: string;
}

/** `nemoclaw restore`. */
export function restoreCommand(): Command {
  return new Command("restore")
    .description("take a backup into a home that has no data yet")
    .argument("<file>", "what nemoclaw backup wrote")
    .option("--no-secrets", "leave encrypted secrets out")
    .option("--passphrase-stdin", "read their passphrase from standard input")
    .option("--json", "the report as one JSON object")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      `
The whole file is verified before anything is written. Don't run the old installation any more afterwards: both would
answer the same chats.

Examples:
  nemoclaw restore nemoclaw-backup-20261126-120000.tar.gz
  NEMOCLAW_HOME=/srv/nemoclaw nemoclaw restore monday.tar.gz --passphrase-stdin < passphrase.txt`,
    )
    .action(async (file: string, options: RestoreOptions) => {
      const { restoreBackup } = await import("../backup/restore.ts");
      const { readSecretInput } = await import("../secret-input.ts");
      const home = options.home ?? homeFrom(process.env);
      const report = await restoreBackup({
        home,
        file,
        passphrase: async () =>
          options.secrets
            ? readSecretInput({
                stdin: options.passphraseStdin === true,
                prompt: "Passphrase of the secrets: ",
              })
            : undefined,
        tell: (line) => say(`· ${line}`),
      });
      if (options.json) return console.log(JSON.stringify(report));
      const { manifest, missingSecrets, auditAside } = report;
      console.log(`${home}: ${manifest.principals.length} people's files, backup of ${manifest.created}`);
      if (manifest.redis === "external") say("! its Redis was the operator's own: restore that one, too");
      if (auditAside) say(`! the audit's key was not in the backup: its rows are in ${auditAside}`);
      if (missingSecrets.length > 0)
        say(`! to be given again: ${missingSecrets.join(", ")} (nemoclaw onboard)`);
      say("Start it with: nemoclaw start");
    });
}

interface UninstallOptions {
  yes?: boolean;
  keepData?: boolean;
  home?: string;
}

/** `nemoclaw uninstall`. */
export function uninstallCommand(): Command {
  return new Command("uninstall")
    .description("end the service and its agents, and remove the installation's home")
    .option("-y, --yes", "don't ask")
    .option("--keep-data", "keep agents' files, mailboxes, settings, secrets and audit for a later start")
    .option("--home <dir>", "home of the installation")
    .addHelpText(
      "after",
      "\nExamples:\n  nemoclaw backup && nemoclaw uninstall\n  nemoclaw uninstall --keep-data --yes",
    )
    .action(async (options: UninstallOptions) => {
      const { planUninstall, uninstall } = await import("../backup/uninstall.ts");
      const { confirm } = await import("../confirm.ts");
      const { removeProgram, removeUnit } = await import("../backup/program.ts");
      const plan = planUninstall(options.home ?? homeFrom(process.env), options.keepData === true);
      say(`In ${plan.home} this is removed: ${plan.removed.join(", ") || "nothing"}`);
      if (plan.kept.length > 0) say(`This is kept: ${plan.kept.join(", ")}`);
      if (plan.removed.includes("users"))
        say("That includes everybody's files and conversations (nemoclaw backup keeps them).");
      if (!options.yes) await confirm("Remove it?");
      const gone = await uninstall(plan, (line) => say(`· ${line}`));
      if (plan.foreign.length > 0) say(`! not ours, left where it is: ${plan.foreign.join(", ")}`);
      // Another home's end is no reason to take the commands away.
      if (plan.home === homeFrom({}))
        for (const line of [...removeUnit(), ...removeProgram()]) say(`· ${line}`);
      console.log(
        gone ? `${plan.home} is gone` : `${plan.home} keeps ${[...plan.kept, ...plan.foreign].join(", ")}`,
      );
    });
}

/** Typed twice, since a mistake shows only when it is too late. */
async function newPassphrase(stdin: boolean): Promise<string> {
  const { readSecretInput } = await import("../secret-input.ts");
  const { Fault } = await import("../../lib/errors.ts");
  const passphrase = await readSecretInput({ stdin, prompt: "Passphrase for the secrets: " });
  if (!stdin && (await readSecretInput({ stdin, prompt: "Once more: " })) !== passphrase)
    throw new Fault({ code: "usage", message: "the two passphrases differ" });
  return passphrase;
}

/** `20261126-221500`, local time. */
function stamp(): string {
  const now = new Date();
  const two = (n: number) => String(n).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("");
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}

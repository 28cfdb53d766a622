/**
 * `openshell provider …`: who answers, and with which key, in the guide's dialect and in NVIDIA's. Keys go into the file
 * that only the gateway can read; an argument is taken but warned about, since others can see it.
 */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { stringify } from "yaml";
import { InferenceConfig, PROVIDERS } from "../../../gateway/index.ts";
import { Fault } from "../../../lib/errors.ts";
import { homeFrom, type Paths, pathsOf } from "../../../lib/paths.ts";
import { storedKey } from "../../onboard/secrets.ts";
import type { HomeOption } from "../../policy/target.ts";
import { applyEdits } from "../../settings/apply.ts";
import { defaultRoute, routeOf } from "../../settings/inference.ts";
import { addressOf, keyNameOf, providerNamed, typeOf } from "../../settings/providers.ts";
import { readConfig } from "../../settings/read.ts";
import { storedProviderKeys } from "../../supervisor/secrets.ts";
import { type ChangeOptions, saveProvider } from "./provider-save.ts";

interface Shown {
  id: string;
  name: string;
  type: string;
  resource_version: number;
  credential_keys: string[];
  config_keys: string[];
}

const collect = (value: string, all: string[]) => [...all, value];
const output = () => new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]);
const home = ["--home <dir>", "home of the installation"] as const;

/** The group. */
export function providerCommand(): Command {
  const group = new Command("provider")
    .description("who answers: create, list, get, update, delete")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Providers: ${Object.keys(PROVIDERS).join(", ")}

Examples:
  openshell provider update --provider defapi --api-key-stdin < key.txt
  openshell provider update --provider defapi             asks for the key, not shown
  DEFAPI_API_KEY=… openshell provider create defapi --from-existing
  openshell provider create --name nvidia-nim --type openai --credential NVIDIA_API_KEY \\
    --config OPENAI_BASE_URL=https://integrate.api.nvidia.com/v1
  openshell provider list
  openshell inference set --provider defapi --model claude-sonnet-4.5

A key in an argument (--api-key KEY, --credential NAME=KEY) works, but other users of the machine can see it while the
command runs, and it stays in the shell's history.

Exit codes: 0 done · 1 refused (the key was not accepted, the provider is in use) · 2 wrong usage`,
    );
  for (const command of [change("create"), list(), get(), change("update"), remove()])
    group.addCommand(command.exitOverride());
  return group;
}

function change(verb: "create" | "update"): Command {
  return new Command(verb)
    .description(
      verb === "create" ? "put a provider and its key to use" : "another key or address for a provider",
    )
    .argument("[name]", "the provider, in either tool's words")
    .option("--provider <name>", "the same, as the deployment guide says it")
    .option("--name <name>", "the same, as NVIDIA's tool says it")
    .option("--type <type>", "openai, anthropic, nvidia or generic, for a name that says nothing")
    .option("--api-key-stdin", "read the key from standard input")
    .option("--api-key <key>", "the key itself: others can see it, use --api-key-stdin")
    .option("--credential <name[=key]>", "the variable that holds the key, or the key itself", collect, [])
    .option("--from-existing", "take the key from the provider's own variable of the environment")
    .option("--config <key=value>", "OPENAI_BASE_URL=URL and the like", collect, [])
    .option("--no-verify", "don't try the key")
    .option(...home)
    .action((word: string | undefined, options: ChangeOptions) => saveProvider(verb, word, options));
}

function list(): Command {
  return new Command("list")
    .description("providers that have a key, an address, or answer now")
    .addOption(output())
    .option(...home)
    .action((options: HomeOption & { output?: "json" | "yaml" }) => {
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const all = known(paths).map((name) => shownOf(paths, name));
      if (options.output) return print({ providers: all }, options.output);
      if (all.length === 0) return console.log("No providers found.");
      const cells = all.map(({ name, type, credential_keys, config_keys }) => [
        name,
        type,
        String(credential_keys.length),
        String(config_keys.length),
      ]);
      console.log(columns([["NAME", "TYPE", "CREDENTIAL_KEYS", "CONFIG_KEYS"], ...cells]));
    });
}

function get(): Command {
  return new Command("get")
    .description("one provider; never its key")
    .argument("<name>")
    .addOption(output())
    .option(...home)
    .action((word: string, options: HomeOption & { output?: "json" | "yaml" }) => {
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const one = shownOf(paths, existing(paths, word));
      if (options.output) return print(one, options.output);
      console.log(
        [
          "Provider:",
          "",
          `  Id: ${one.id}`,
          `  Name: ${one.name}`,
          `  Type: ${one.type}`,
          `  Resource version: ${one.resource_version}`,
          `  Credential keys: ${one.credential_keys.join(", ") || "none"}`,
          `  Config keys: ${one.config_keys.join(", ") || "none"}`,
        ].join("\n"),
      );
    });
}

function remove(): Command {
  return new Command("delete")
    .description("forget a provider's key and address")
    .argument("<name>")
    .option(...home)
    .action(async (word: string, options: HomeOption) => {
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const name = existing(paths, word);
      const { config } = readConfig(paths, { env: {} });
      const users = Object.keys(config.sandboxes).filter((one) => routeOf(config, one).provider === name);
      const { fallbacks, providers } = InferenceConfig.parse(config.inference);
      const uses = [
        ...(defaultRoute(config).provider === name ? ["the default"] : []),
        ...users,
        ...(fallbacks.some(({ provider }) => provider === name) ? ["a fallback"] : []),
      ];
      if (uses.length > 0)
        throw new Fault({
          code: "provider-in-use",
          message: `${word} is in use: ${uses.join(", ")}`,
          hint: "openshell inference set --provider ANOTHER first",
        });
      rmSync(join(paths.secrets("gateway"), `${name}.key`), { force: true });
      if (Object.hasOwn(providers, name))
        await applyEdits(paths, [[["inference", "providers", name], undefined]]);
      console.log(`✓ Deleted provider ${word}`);
    });
}

/** Providers that something is known of. */
function known(paths: Paths): string[] {
  const { config } = readConfig(paths, { env: {} });
  const { providers } = InferenceConfig.parse(config.inference);
  return [
    ...new Set([defaultRoute(config).provider, ...Object.keys(providers), ...storedProviderKeys(paths)]),
  ].sort();
}

function existing(paths: Paths, word: string): string {
  const name = providerNamed({ name: word });
  if (known(paths).includes(name)) return name;
  throw new Fault({
    code: "provider-unknown",
    message: `provider ${word} is not set up`,
    hint: `openshell provider create ${word}`,
  });
}

function shownOf(paths: Paths, name: string): Shown {
  const files = [paths.config, join(paths.secrets("gateway"), `${name}.key`)];
  const changes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return {
    ...{ id: name, name, type: typeOf(name) },
    resource_version: Math.round(Math.max(...changes)),
    credential_keys: storedKey(paths, name) === undefined ? [] : [keyNameOf(name)],
    config_keys: addressOf(readConfig(paths, { env: {} }).config, name) === undefined ? [] : ["BASE_URL"],
  };
}

function columns(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function print(value: unknown, format: "json" | "yaml"): void {
  console.log(format === "json" ? JSON.stringify(value) : stringify(value).trimEnd());
}

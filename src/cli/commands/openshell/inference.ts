/** `openshell inference …`: which provider and model answer at inference.local, for all or for one onboarded sandbox. */
import { statSync } from "node:fs";
import { Command, Option } from "commander";
import { stringify } from "yaml";
import { InferenceConfig, providerOf, tryModel } from "../../../gateway/index.ts";
import { Fault } from "../../../lib/errors.ts";
import { homeFrom, type Paths, pathsOf } from "../../../lib/paths.ts";
import { say } from "../../io.ts";
import { sayProbe } from "../../onboard/model.ts";
import { storedKey } from "../../onboard/secrets.ts";
import type { HomeOption } from "../../policy/target.ts";
import { applyEdits } from "../../settings/apply.ts";
import { defaultRoute, type Route, routeEdits, routeOf } from "../../settings/inference.ts";
import { providerNamed } from "../../settings/providers.ts";
import { readConfig } from "../../settings/read.ts";

interface SetOptions extends HomeOption {
  provider?: string;
  model?: string;
  sandbox?: string;
  verify: boolean;
}
interface GetOptions extends HomeOption {
  sandbox?: string;
  output?: "json" | "yaml";
}

const home = ["--home <dir>", "home of the installation"] as const;
const sandbox = [
  "--sandbox <name>",
  "only this onboarded sandbox; left out: the default and all that follow it",
] as const;

/** The group. */
export function inferenceCommand(): Command {
  return new Command("inference")
    .description("which provider and model answer")
    .helpCommand(false)
    .addCommand(set().exitOverride())
    .addCommand(get().exitOverride())
    .addHelpText(
      "after",
      `
Examples:
  openshell inference set --provider defapi --model claude-sonnet-4.5
  openshell inference set --provider nvidia-nim --model nvidia/nemotron-3-super-120b-a12b --no-verify
  openshell inference set --model gpt-5.4 --sandbox my-agent
  openshell inference get

Exit codes: 0 done · 1 the model was not accepted · 2 wrong usage`,
    );
}

function set(): Command {
  return new Command("set")
    .description("change it; the model is tried by a real call first")
    .option("--provider <name>", "in either tool's words; left out: as it is")
    .option("--model <model>", "left out: the provider's usual one")
    .option(...sandbox)
    .option("--no-verify", "don't try it")
    .option(...home)
    .action(async (options: SetOptions) => {
      if (options.provider === undefined && options.model === undefined)
        throw new Fault({ code: "usage", message: "say --provider, --model or both" });
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const { config } = readConfig(paths, { env: {} });
      const now = options.sandbox === undefined ? defaultRoute(config) : routeOf(config, options.sandbox);
      const provider =
        options.provider === undefined ? now.provider : providerNamed({ name: options.provider });
      const model = options.model ?? (providerOf(provider)?.defaultModel || undefined);
      if (!model)
        throw new Fault({ code: "usage", message: `${provider} has no usual model: say --model NAME` });
      const route = { provider, model };
      const edits = routeEdits(config, route, options.sandbox);
      const validated = options.verify ? await tryRoute(paths, route) : false;
      await applyEdits(paths, edits);
      console.log(
        ["Inference configured:", "", ...lines(paths, route, options.sandbox, validated)].join("\n"),
      );
    });
}

function get(): Command {
  return new Command("get")
    .description("show which provider and model answer")
    .option(...sandbox)
    .addOption(new Option("-o, --output <format>", "for programs").choices(["json", "yaml"]))
    .option(...home)
    .action((options: GetOptions) => {
      const paths = pathsOf(options.home ?? homeFrom(process.env));
      const { config } = readConfig(paths, { env: {} });
      const route = options.sandbox === undefined ? defaultRoute(config) : routeOf(config, options.sandbox);
      if (!options.output)
        return console.log(["Inference:", "", ...lines(paths, route, options.sandbox, false)].join("\n"));
      const value = { ...route, route: "inference.local", endpoint: endpointOf(paths, route).url };
      console.log(options.output === "json" ? JSON.stringify(value) : stringify(value).trimEnd());
    });
}

/** OpenShell's lines. */
function lines(paths: Paths, route: Route, name: string | undefined, validated: boolean): string[] {
  const { url, protocol } = endpointOf(paths, route);
  const version = Math.round(statSync(paths.config, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return [
    `  Workspace: ${name ?? "default"}`,
    "  Route: inference.local",
    `  Provider: ${route.provider}`,
    `  Model: ${route.model}`,
    `  Version: ${version}`,
    ...(validated ? [`  Validated Endpoints:`, `    - ${url} (${protocol})`] : []),
  ];
}

function endpointOf(paths: Paths, { provider }: Route): { url: string; protocol: string } {
  const row = providerOf(provider);
  if (!row || row.builtIn) return { url: "built in", protocol: "openai" };
  const { providers } = InferenceConfig.parse(readConfig(paths, { env: {} }).config.inference);
  const base = providers[provider as keyof typeof providers]?.baseUrl ?? row.baseUrl;
  const protocol = row.endpoints.openai ? "openai" : "anthropic";
  return { url: base + (row.endpoints[protocol]?.path ?? ""), protocol };
}

/** A real call. True when it was answered. @throws Fault `model-check` when the vendor says no. */
async function tryRoute(paths: Paths, { provider, model }: Route): Promise<boolean> {
  const { providers } = InferenceConfig.parse(readConfig(paths, { env: {} }).config.inference);
  const row = providerOf(provider)!;
  const key = row.builtIn ? undefined : storedKey(paths, provider);
  if (!row.builtIn && !row.keyOptional && key === undefined)
    throw new Fault({
      code: "key-missing",
      message: `${row.label} has no key yet`,
      hint: `openshell provider create ${provider}`,
    });
  const baseUrl = providers[provider as keyof typeof providers]?.baseUrl;
  const probe = await tryModel({ name: provider, baseUrl, key }, model);
  if (probe.kind === "ok") return true;
  if (probe.kind !== "unreachable" && probe.kind !== "limited")
    throw new Fault({
      code: "model-check",
      message: `${provider}/${model}: ${sayProbe(probe)}`,
      hint: "nothing was changed; --no-verify saves it unchecked",
    });
  say(`! ${row.label} ${sayProbe(probe)}; saved unchecked`);
  return false;
}

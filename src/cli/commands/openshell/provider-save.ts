/** `openshell provider create` and `update`: where the key comes from, whether it is good, where it is kept. */
import { join } from "node:path";
import { listModels, providerOf } from "../../../gateway/index.ts";
import { Fault } from "../../../lib/errors.ts";
import { homeFrom, type Paths, pathsOf } from "../../../lib/paths.ts";
import { say } from "../../io.ts";
import { sayProbe } from "../../onboard/model.ts";
import { looksLikeKey } from "../../onboard/secrets.ts";
import type { HomeOption } from "../../policy/target.ts";
import { readSecretInput } from "../../secret-input.ts";
import { applyEdits } from "../../settings/apply.ts";
import { defaultRoute, routeEdits } from "../../settings/inference.ts";
import { addressOf, baseUrlOf, credentialOf, providerNamed } from "../../settings/providers.ts";
import { readConfig } from "../../settings/read.ts";
import { makeLayout } from "../../supervisor/layout.ts";
import { writeSecret } from "../../supervisor/secrets.ts";
import { usersFor } from "../../supervisor/users.ts";

/** As it was typed. */
export interface ChangeOptions extends HomeOption {
  provider?: string;
  name?: string;
  type?: string;
  apiKey?: string;
  apiKeyStdin?: boolean;
  credential: string[];
  fromExisting?: boolean;
  config: string[];
  verify: boolean;
}
/** Stores key and address. In the guide's dialect an update is a switch: that provider answers from then on. */
export async function saveProvider(
  verb: "create" | "update",
  word: string | undefined,
  options: ChangeOptions,
): Promise<void> {
  const home = options.home ?? homeFrom(process.env);
  const users = usersFor(process.getuid?.() ?? -1, process.getgid?.() ?? -1);
  const paths = pathsOf(home);
  const said = nameOf(word, options);
  const baseUrl = baseUrlOf(options.config);
  const name = providerNamed({ name: said, type: options.type, baseUrl });
  const row = providerOf(name)!;
  const { config } = readConfig(paths, { env: {} });
  if (name !== said) say(`· ${said} is called ${name} here`);
  if (!row.baseUrl && !row.builtIn && baseUrl === undefined && addressOf(config, name) === undefined)
    throw new Fault({
      code: "usage",
      message: `${row.label} needs an address`,
      hint: "say --config OPENAI_BASE_URL=https://host/v1",
    });
  const key = await keyFor(name, options, verb === "update" && baseUrl !== undefined);
  if (key !== undefined && options.verify) await tryKey(name, baseUrl ?? addressOf(config, name), key);
  makeLayout(home, users, process.getuid?.() === 0);
  if (key !== undefined) writeSecret(join(paths.secrets("gateway"), `${name}.key`), key, users.gateway);
  if (baseUrl !== undefined && baseUrl !== row.baseUrl)
    await applyEdits(paths, [[["inference", "providers", name, "baseUrl"], baseUrl]]);
  console.log(`✓ ${verb === "create" ? "Created" : "Updated"} provider ${said}`);
  await follow(paths, name, verb === "update" && options.provider !== undefined);
}

/** Says who answers; with `change` the provider does, when it has a usual model. */
async function follow(paths: Paths, name: string, change: boolean): Promise<void> {
  const { config } = readConfig(paths, { env: {} });
  const before = defaultRoute(config);
  const model = providerOf(name)?.defaultModel;
  if (before.provider === name) return;
  if (!change || !model)
    return say(`· ${before.provider} still answers. Change that: openshell inference set --provider ${name}`);
  await applyEdits(paths, routeEdits(config, { provider: name, model }, undefined));
  say(`✓ ${name}/${model} answers from now on (before: ${before.provider}/${before.model})`);
  say("  another model: openshell inference set --model NAME");
}

/** The name, said once in one of three ways. */
function nameOf(word: string | undefined, { provider, name }: ChangeOptions): string {
  const said = [...new Set([word, provider, name].filter((one) => one !== undefined))];
  if (said.length === 1 && said[0]) return said[0];
  const message = said.length === 0 ? "which provider?" : `one provider at a time: ${said.join(", ")}?`;
  throw new Fault({ code: "usage", message, hint: "openshell provider update --provider defapi" });
}

/** The new key; undefined when none is needed, or only the address changes. @throws Fault `usage` */
async function keyFor(
  name: string,
  options: ChangeOptions,
  onlyAddress: boolean,
): Promise<string | undefined> {
  const row = providerOf(name)!;
  if (row.builtIn) return undefined;
  const credential = credentialOf(options.credential);
  const ways = [options.apiKey, options.apiKeyStdin, credential, options.fromExisting].filter(
    (way) => way !== undefined,
  );
  if (ways.length > 1) throw new Fault({ code: "usage", message: "one key, in one way" });
  const inArgument = options.apiKey ?? credential?.value;
  if (inArgument !== undefined)
    say(
      "! The key was an argument: others can see it while this runs, and it stays in the shell's history. Next time: --api-key-stdin",
    );
  const key =
    inArgument ?? fromEnvironment(name, credential?.variable, options.fromExisting) ?? (await typed());
  if (key !== undefined && !looksLikeKey(key))
    throw new Fault({ code: "usage", message: "the key must be one word of at most 4 KB" });
  return key;

  async function typed(): Promise<string | undefined> {
    if (onlyAddress && !options.apiKeyStdin) return undefined;
    if (row.keyOptional && !options.apiKeyStdin) return undefined;
    const prompt = `API key of ${row.label} (not shown): `;
    return readSecretInput({ stdin: options.apiKeyStdin === true, prompt });
  }
}

function fromEnvironment(name: string, variable: string | undefined, existing = false): string | undefined {
  if (variable === undefined && !existing) return undefined;
  const names = variable === undefined ? (providerOf(name)?.keyEnv ?? []) : [variable];
  const key = names.map((one) => process.env[one]?.trim()).find(Boolean);
  if (key) return key;
  throw new Fault({ code: "usage", message: `${names.join(" or ")} is not in the environment` });
}

async function tryKey(name: string, baseUrl: string | undefined, key: string): Promise<void> {
  const probe = await listModels({ name, baseUrl, key });
  const label = providerOf(name)!.label;
  if (probe.kind === "refused")
    throw new Fault({
      code: "key-check",
      message: `${label}: ${sayProbe(probe)}`,
      hint: "nothing was changed; --no-verify saves it unchecked",
    });
  if (probe.kind === "unreachable" || probe.kind === "limited")
    say(`! ${label} ${sayProbe(probe)}; saved unchecked`);
}

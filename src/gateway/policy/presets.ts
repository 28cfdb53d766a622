/**
 * The presets that come with the product, one YAML file each beside this one, in OpenShell's form. Reading comes by
 * itself; what lets data out is a preset of its own, named `…-write`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadPreset, type Preset, presetRegistry, type RegistryHost } from "./from-file.ts";
import { formatNotices, type Loaded } from "./model.ts";
import { type ClientMachine, registriesOf } from "./registries.ts";

const DIRECTORY = fileURLToPath(new URL("presets/", import.meta.url));

/** Names of all built-in presets, sorted. */
export function presetNames(): string[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => name.slice(0, -".yaml".length))
    .sort();
}

/** The text of a built-in preset; undefined when there is none of that name. */
export function builtInPresetText(name: string): string | undefined {
  return presetNames().includes(name) ? textOf(name) : undefined;
}

/** A preset as it is put in force: by name, with the registries of the operator's machine. */
export interface PresetChoice {
  readonly name: string;
  readonly registries: readonly RegistryHost[];
  /** Of one that doesn't come with the product. */
  readonly text?: string;
}

/**
 * Prepares a preset on the operator's machine, whose clients name the registries: a built-in one by name, or a file's
 * text. Undefined: there is no built-in one of that name.
 */
export async function choosePreset(
  from: { readonly name: string } | { readonly file: string; readonly text: string },
  machine?: ClientMachine,
): Promise<Loaded<PresetChoice & { readonly letsDataOut: boolean }> | undefined> {
  const builtIn = "name" in from ? builtInPresetText(from.name) : undefined;
  if ("name" in from && builtIn === undefined) return undefined;
  const { file, text } = "name" in from ? { file: `${from.name}.yaml`, text: builtIn! } : from;
  const loaded = await presetFromText(file, text, machine);
  if (!loaded.ok) return loaded;
  const { name, letsDataOut } = loaded.value;
  const client = presetRegistry(file, text);
  const registries = client ? await registriesOf(client, machine) : [];
  const choice = { name, registries, letsDataOut, ...("name" in from ? {} : { text }) };
  return { ok: true, value: choice, warnings: loaded.warnings };
}

/** What a list of presets shows. Needs no registry. */
export interface PresetSummary {
  readonly name: string;
  readonly description: string;
  readonly letsDataOut: boolean;
}

/** Every built-in preset with its line. */
export function listPresets(): PresetSummary[] {
  // Any host does for a description.
  const stand = [{ host: "registry.invalid", port: 443 }];
  return presetNames().map((name) => {
    const loaded = loadPreset(`${name}.yaml`, textOf(name), stand);
    if (!loaded.ok) throw new Error(formatNotices(loaded.problems));
    const { description, letsDataOut } = loaded.value;
    return { name, description, letsDataOut };
  });
}

/** A built-in preset, its registries taken from this machine's clients; undefined when there is none of that name. */
export async function builtInPreset(
  name: string,
  machine?: ClientMachine,
): Promise<Loaded<Preset> | undefined> {
  if (!presetNames().includes(name)) return undefined;
  return presetFromText(`${name}.yaml`, textOf(name), machine);
}

/** Any preset file: ours or NVIDIA's. */
export async function presetFromText(
  file: string,
  text: string,
  machine?: ClientMachine,
): Promise<Loaded<Preset>> {
  const client = presetRegistry(file, text);
  const registries: RegistryHost[] = client ? await registriesOf(client, machine) : [];
  const loaded = loadPreset(file, text, registries);
  if (loaded.ok || !client || registries.length > 0) return loaded;
  const hint = {
    npm: "run `npm config set registry URL`",
    pip: "set index-url in pip.conf",
    docker: "log in with docker, or set registry-mirrors",
  }[client];
  return {
    ok: false,
    problems: [{ at: file, message: `this machine's ${client} names no registry; ${hint}` }],
  };
}

function textOf(name: string): string {
  return readFileSync(`${DIRECTORY}${name}.yaml`, "utf8");
}

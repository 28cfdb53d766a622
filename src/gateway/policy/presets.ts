/**
 * The presets that come with the product, one YAML file each beside this one, in OpenShell's form. Reading comes by
 * itself; what lets data out is a preset of its own, named `…-write`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadPreset, type Preset, presetRegistry, type RegistryHost } from "./from-file.ts";
import { formatNotices, type Loaded } from "./model.ts";
import { type ClientMachine, type RegistryClient, registriesOf } from "./registries.ts";

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

/** Which client's registries a built-in preset needs. */
export function registryOfPreset(name: string): RegistryClient | undefined {
  const text = builtInPresetText(name);
  return text === undefined ? undefined : presetRegistry(`${name}.yaml`, text);
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

/**
 * One layer of a sandbox's policy: a target's file and its presets, loaded. All or nothing, pure; texts of built-in
 * presets come with the product, so an old revision gets the present ones.
 */
import { combine } from "../compile.ts";
import { loadPolicy, loadPreset, type Preset, type RegistryHost } from "../from-file.ts";
import { formatNotices, type Loaded, type Notice, type PolicyModel } from "../model.ts";
import { builtInPresetText } from "../presets.ts";
import { revisionHash } from "../revisions.ts";

/** A preset as it is stored: by name, or with its own text. */
export interface PresetEntry {
  readonly name: string;
  readonly registries: readonly RegistryHost[];
  readonly text?: string | undefined;
}

/** What a layer is made of. */
export interface LayerSource {
  /** Revision; 0 where nothing was ever set. */
  readonly number: number;
  readonly file: string;
  readonly text: string;
  readonly presets: readonly PresetEntry[];
}

/** A layer that loaded. */
export interface Layer {
  readonly source: LayerSource;
  readonly hash: string;
  readonly model: PolicyModel;
  readonly presets: readonly Preset[];
}

/** Adds nothing. */
export const EMPTY_LAYER: Layer = {
  source: { number: 0, file: "", text: "", presets: [] },
  hash: "",
  model: { rules: [], denials: [], fixed: {} },
  presets: [],
};

/** Loads a layer. Problems of presets stand behind those of the file. */
export function loadLayer(source: LayerSource): Loaded<Layer> {
  const file = loadPolicy(source.file, source.text);
  const problems: Notice[] = file.ok ? [] : [...file.problems];
  const warnings: Notice[] = file.ok ? [...file.warnings] : [];
  const presets: Preset[] = [];
  for (const entry of source.presets) {
    const loaded = loadEntry(entry);
    if (!loaded.ok) problems.push(...loaded.problems);
    else presets.push(loaded.value);
  }
  if (!file.ok || problems.length > 0) return { ok: false, problems };
  const combined = combine(
    file.value.rules,
    presets.flatMap(({ rules }) => rules),
    [],
  );
  if (!combined.ok)
    return { ok: false, problems: combined.problems.map((message) => ({ at: source.file, message })) };
  warnings.push(...combined.warnings.map((message) => ({ at: source.file, message })));
  const hash = revisionHash(
    file.value,
    presets.map(({ rules }) => rules),
  );
  return { ok: true, value: { source, hash, model: file.value, presets }, warnings };
}

/** Everything that is wrong, in one line, cut. */
export function inOneLine(problems: readonly Notice[]): string {
  return formatNotices(problems).split("\n").join("; ").slice(0, 500);
}

function loadEntry(entry: PresetEntry): Loaded<Preset> {
  const text = entry.text ?? builtInPresetText(entry.name);
  const at = `${entry.name}.yaml`;
  if (text === undefined)
    return { ok: false, problems: [{ at, message: `there is no preset ${entry.name} in this version` }] };
  const loaded = loadPreset(at, text, entry.registries);
  if (!loaded.ok || loaded.value.name === entry.name) return loaded;
  const message = `calls itself ${loaded.value.name}, not ${entry.name}`;
  return { ok: false, problems: [{ at, message }] };
}

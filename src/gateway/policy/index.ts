/**
 * Policy's face for the rest of the gateway and the CLI: load, combine, compile, decide, explain, revisions, presets.
 */
export { type CompiledPolicy, combine, compilePolicy, type Fallback } from "./compile.ts";
export {
  type ConnectionAttempt,
  type Decision,
  decideConnection,
  decideRequest,
  type Grant,
  type Layer,
  type PolicyReason,
  type RequestAttempt,
} from "./decide.ts";
export { type Explanation, explain, type Question as PolicyQuestion } from "./explain.ts";
export { loadPolicy, loadPreset, type Preset, plainRule } from "./from-file.ts";
export {
  type Denial,
  type EndpointRule,
  formatNotices,
  type HttpMatch,
  type Loaded,
  type Notice,
  type Origin,
  type PolicyModel,
  type StaticSections,
} from "./model.ts";
export {
  builtInPreset,
  choosePreset,
  listPresets,
  type PresetChoice,
  type PresetSummary,
  presetFromText,
  presetNames,
} from "./presets.ts";
export { type ClientMachine, registriesOf, thisMachine } from "./registries.ts";
export {
  describeRule,
  diffPolicies,
  fixedChanges,
  type PolicyDiff,
  policyHash,
  revisionHash,
} from "./revisions.ts";

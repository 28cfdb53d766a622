/** The blueprint: what is installed and run in every sandbox. Others import only this file. */
export { type Blueprint, resolveBlueprint } from "./resolve.ts";
export {
  type EnsureRuntime,
  ensureRuntime,
  inspectRuntime,
  type Runtime,
  type RuntimeState,
} from "./runtime.ts";
export type { AgentSource, BlueprintFile, Profile } from "./schema.ts";

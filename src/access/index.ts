/** Who gets in: the one component that writes people, roles, groups and links. */
export type { ListedPerson } from "./admin.ts";
export { type AccessOptions, type RunningAccess, runAccess } from "./run.ts";

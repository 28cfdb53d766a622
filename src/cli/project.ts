/** Where this copy of the project lies: the folder that holds `package.json` and `blueprint.yaml`. */
import { dirname } from "node:path";

/** Three folders up from `src/cli/project.ts`, as from `dist/cli/project.js`. */
export const PROJECT_ROOT: string = dirname(dirname(import.meta.dirname));

/** Ending of our own programs: `.ts` in a clone, `.js` in a published package. */
export const PROGRAM_SUFFIX: string = import.meta.filename.endsWith(".ts") ? ".ts" : ".js";

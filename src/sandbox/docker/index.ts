/** The Docker driver's public face. */
export { openDockerDriver } from "./open.ts";

/** The Docker driver's public face. Loads Docker's libraries: import it only where they are used. */
export { buildImage, openDockerDriver } from "./open.ts";

/** The process driver's public face. */
export { openProcessDriver } from "./open.ts";

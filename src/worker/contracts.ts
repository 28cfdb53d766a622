/**
 * The one place where the worker names what it takes from the sandbox component.
 * Everything else in `src/worker` imports it from here.
 */
export * from "../sandbox/driver.ts";
export * from "../sandbox/guest/protocol.ts";

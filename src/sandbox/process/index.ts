/** The process driver's public face. */
export { ProcessDriver, type ProcessDriverOptions } from "./driver.ts";
export { type Compatibility, judgeLayers } from "./layers.ts";
export type { ParkSupport } from "./park.ts";

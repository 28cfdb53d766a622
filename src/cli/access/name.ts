/** What people and groups call themselves: their own words, in whatever script, and nothing that steers a terminal. Pure. */
import { shown } from "../term/safe.ts";

/** In quotes; who gave no name has none. */
export function nameShown(name: string): string {
  return name === "" ? "(no name)" : `“${shown(name, 40)}”`;
}

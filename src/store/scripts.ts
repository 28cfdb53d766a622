/**
 * Loads the Lua scripts of `scripts/`: one file per atomic step, each opening with what it guarantees.
 * `--- @include "x"` is replaced by `scripts/include/x.lua`, once. Nothing here talks to Redis.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Script name → number of keys; all keys of one script carry one hash tag. */
const KEY_COUNTS = {
  accept: 6,
  access_commit: 3,
  admit: 2,
  advance: 1,
  amend: 2,
  anchor: 1,
  approval_confirm: 1,
  approval_decide: 4,
  approval_hold: 2,
  approval_open: 2,
  begin_context: 1,
  bill: 2,
  delivered: 3,
  hold: 1,
  join: 4,
  lease: 1,
  life: 1,
  mark: 2,
  part: 1,
  peek: 4,
  pending: 2,
  plan: 1,
  policy_append: 1,
  profile: 1,
  rate: 1,
  release: 2,
  renew: 3,
  reserve: 2,
  settle: 8,
  shards: 1,
  stranger: 1,
  take: 4,
  tap: 1,
  unmark: 1,
  untap: 1,
  watermark: 1,
  wish: 1,
} as const;

/** A script's name. */
export type ScriptName = keyof typeof KEY_COUNTS;

/** A script as Redis needs it. */
export interface Script {
  name: ScriptName;
  lua: string;
  sha: string;
  keys: number;
}

function load(name: ScriptName): Script {
  const read = (path: string) => readFileSync(new URL(`./scripts/${path}.lua`, import.meta.url), "utf8");
  const included = new Set<string>();
  const lua = read(name).replaceAll(/^--- @include "(\w+)"$/gm, (_, include: string) => {
    if (included.has(include)) return "";
    included.add(include);
    return read(`include/${include}`);
  });
  return { name, lua, sha: createHash("sha1").update(lua).digest("hex"), keys: KEY_COUNTS[name] };
}

/** Every script by name. */
export const scripts: Readonly<Record<ScriptName, Script>> = Object.freeze(
  Object.fromEntries((Object.keys(KEY_COUNTS) as ScriptName[]).map((name) => [name, load(name)])) as Record<
    ScriptName,
    Script
  >,
);

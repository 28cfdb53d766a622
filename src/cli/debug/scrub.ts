/**
 * Nothing that leaves in a debug archive may hold a secret: every secret of this home by its very value, then whatever
 * looks like one (lib/redact.ts). What can't be read can't be looked for: then nothing is written.
 */
import { lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { readPlain } from "../../lib/plain-file.ts";
import { redact } from "../../lib/redact.ts";

/** Shorter values would take innocent words with them; no secret is that short. */
const MIN_SECRET = 6;
/** Larger ones are no secrets: the anchors of the audit. */
const MAX_FILE = 1024 * 1024;

/** Takes secrets out of text. */
export type Scrub = (text: string) => string;

/** Reads every secret of the home, and of this environment. @throws Fault `secrets-unreadable` */
export function scrubberFor(paths: Paths, env: NodeJS.ProcessEnv): Scrub {
  const known = new Map<string, string>();
  const learn = (name: string, text: string) => {
    const value = text.trim();
    if (value.length < MIN_SECRET) return;
    const inJson = JSON.stringify(value).slice(1, -1);
    for (const form of [value, inJson, encodeURIComponent(value), Buffer.from(value).toString("base64")])
      known.set(form, name);
  };
  for (const [name, text] of filesBelow(dirname(paths.secrets("x")))) {
    learn(name, text);
    for (const value of stringsIn(text)) learn(name, value);
  }
  for (const [name, value] of Object.entries(env))
    if (value && /KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE/i.test(name)) learn(name, value);
  const longestFirst = [...known].sort(([a], [b]) => b.length - a.length);
  return (text) => {
    let out = text;
    for (const [value, name] of longestFirst) out = out.replaceAll(value, `[secret ${name}]`);
    return redact(out);
  };
}

function filesBelow(base: string): [string, string][] {
  const found: [string, string][] = [];
  const walk = (inside: string) => {
    for (const name of readdirSync(join(base, inside))) {
      const path = inside === "" ? name : `${inside}/${name}`;
      const stat = lstatSync(join(base, path));
      if (stat.isDirectory()) walk(path);
      else if (stat.isFile() && stat.size <= MAX_FILE)
        found.push([path, readPlain(join(base, path), MAX_FILE).toString("utf8")]);
    }
  };
  try {
    walk("");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return found;
    throw new Fault({
      code: "secrets-unreadable",
      message: `secrets below ${base} can't be read, so they can't be kept out of the archive`,
      hint: "run this as root, or as the user who runs the service",
      cause: error,
    });
  }
  return found;
}

/** Every text inside a JSON file: a credential's value stands in one. */
function stringsIn(text: string): string[] {
  try {
    const found: string[] = [];
    JSON.stringify(JSON.parse(text), (key, value: unknown) => {
      if (typeof value === "string" && /secret|value|key|token|password/i.test(key)) found.push(value);
      return value;
    });
    return found;
  } catch {
    return [];
  }
}

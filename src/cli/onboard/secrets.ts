/**
 * Keys and tokens on their way into files: from the environment, from standard input, or typed. In memory only until
 * onboarding writes them; never in arguments, answers or logs.
 */

import { join } from "node:path";
import { PROVIDERS } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { BOT_TOKENS, readSecret } from "../supervisor/secrets.ts";

/** A secret, and the process that gets it. */
export interface NewSecret {
  process: keyof typeof BOT_TOKENS | "gateway";
  /** File name below `secrets/<process>/`. */
  name: string;
  value: string;
}

/** Secrets by the variable that names them (`DEFAPI_API_KEY`, `TELEGRAM_BOT_TOKEN`, …). */
export type SecretBag = Map<string, string>;

/** Keys are one line without spaces, at most 4 KB (gateway/inference/keys.ts). */
export function looksLikeKey(value: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(value);
}

/** Variables that hold a provider's key. */
export const keyVariables = (provider: string): string[] => [
  ...(PROVIDERS[provider as keyof typeof PROVIDERS]?.keyEnv ?? []),
];

/** Every variable that may name a secret. */
function allVariables(): string[] {
  return [
    ...Object.values(PROVIDERS).flatMap(({ keyEnv }) => keyEnv),
    ...Object.values(BOT_TOKENS).map(({ variable }) => variable),
  ];
}

/** Takes them out of the environment: nothing that we start inherits them. */
export function takeFromEnvironment(env: NodeJS.ProcessEnv): SecretBag {
  const bag: SecretBag = new Map();
  for (const variable of allVariables()) {
    const value = env[variable]?.trim();
    delete env[variable];
    if (value) bag.set(variable, value);
  }
  return bag;
}

/** `NAME=value` lines, as `--secrets-stdin` reads them. @throws Fault `usage` for anything else; never shows a value. */
export function parseSecretLines(text: string): SecretBag {
  const known = new Set(allVariables());
  const bag: SecretBag = new Map();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name = "", value = ""] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()) ?? [];
    if (!known.has(name) || value.trim() === "")
      throw new Fault({
        code: "usage",
        message: `standard input, line ${index + 1}: expected NAME=value with the name of a key or token`,
        hint: `known names: ${[...known].join(", ")}`,
      });
    bag.set(name, value.trim());
  }
  return bag;
}

/** The key that is stored already. */
export function storedKey(paths: Paths, provider: string): string | undefined {
  try {
    return readSecret(join(paths.secrets("gateway"), `${provider}.key`));
  } catch {
    return undefined;
  }
}

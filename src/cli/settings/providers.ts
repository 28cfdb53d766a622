/**
 * Providers as commands name them, in both dialects: the guide's (`defapi`) and NVIDIA's (`nvidia-nim --type openai
 * --credential KEY --config OPENAI_BASE_URL=…`). Pure: words in, a row of the provider table and settings out.
 */
import { InferenceConfig, PROVIDERS, providerOf } from "../../gateway/index.ts";
import type { Config } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import { didYouMean } from "../names/similar.ts";

/** NVIDIA's names for rows of our table. */
const ALIASES: Readonly<Record<string, string>> = {
  ...{
    "nvidia-prod": "nvidia",
    "nvidia-nim": "nvidia",
    "nvidia-inference": "nvidia",
    "openai-api": "openai",
  },
  ...{
    "anthropic-prod": "anthropic",
    claude: "anthropic",
    "gemini-api": "gemini",
    "openrouter-api": "openrouter",
  },
  ...{ "compatible-endpoint": "compatible", "compatible-anthropic-endpoint": "compatible-anthropic" },
  ...{ "ollama-local": "ollama", "vllm-local": "vllm" },
};
/** NVIDIA's types, for names that say nothing. With an address of its own it is any compatible one. */
const TYPES: Readonly<Record<string, { plain: string; elsewhere: string }>> = {
  openai: { plain: "openai", elsewhere: "compatible" },
  anthropic: { plain: "anthropic", elsewhere: "compatible-anthropic" },
  nvidia: { plain: "nvidia", elsewhere: "compatible" },
  generic: { plain: "compatible", elsewhere: "compatible" },
};

/** What a command said. */
export interface ProviderWords {
  readonly name: string;
  readonly type?: string | undefined;
  readonly baseUrl?: string | undefined;
}

/** The row that is meant. @throws Fault `usage` with the nearest name */
export function providerNamed({ name, type, baseUrl }: ProviderWords): string {
  if (providerOf(name)) return name;
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name] as string;
  const known = baseUrl && Object.entries(PROVIDERS).find(([, row]) => row.baseUrl === baseUrl)?.[0];
  if (known) return known;
  if (type !== undefined && Object.hasOwn(TYPES, type)) {
    const { plain, elsewhere } = TYPES[type] as (typeof TYPES)[string];
    return baseUrl === undefined ? plain : elsewhere;
  }
  const names = [...Object.keys(PROVIDERS), ...Object.keys(ALIASES)];
  const near = didYouMean(name, names);
  throw new Fault({
    code: "usage",
    message:
      type === undefined
        ? `there is no provider ${name}${near ? ` (did you mean ${near}?)` : ""}`
        : `there is no type ${type}: expected ${Object.keys(TYPES).join(", ")}`,
    hint: `providers: ${Object.keys(PROVIDERS).join(", ")}; others by --type openai --config OPENAI_BASE_URL=URL`,
  });
}

/** `--config k=v`: only the address can be configured. @throws Fault `usage` */
export function baseUrlOf(configs: readonly string[]): string | undefined {
  let url: string | undefined;
  for (const text of configs) {
    const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (!/^([A-Z0-9_]+_)?BASE_URL$|^base_?url$|^endpoint$/i.test(key))
      throw new Fault({
        code: "usage",
        message: `--config ${key || text.slice(0, 30)}: only an address can be configured, as OPENAI_BASE_URL=URL`,
      });
    url = value.replace(/\/+$/, "");
    if (!isAddress(url))
      throw new Fault({
        code: "usage",
        message: `--config ${key}: expected an http or https URL without user and query`,
      });
  }
  return url;
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}

/** `--credential KEY[=V]`, at most one. */
export interface CredentialWord {
  readonly variable: string;
  /** Given in the argument, where others could see it. */
  readonly value?: string;
}

/** Reads it. @throws Fault `usage`; never shows a value */
export function credentialOf(words: readonly string[]): CredentialWord | undefined {
  const [word, ...more] = words;
  if (word === undefined) return undefined;
  if (more.length > 0)
    throw new Fault({ code: "usage", message: "one --credential is enough: a provider has one key" });
  const [, variable = "", , value] = /^([A-Za-z_][A-Za-z0-9_]{0,63})(=(.*))?$/s.exec(word) ?? [];
  if (variable === "")
    throw new Fault({ code: "usage", message: "--credential: expected NAME, or NAME=value" });
  return value === undefined ? { variable } : { variable, value };
}

/** The type that NVIDIA's tool would show. */
export function typeOf(name: string): string {
  const row = providerOf(name);
  if (name === "nvidia") return "nvidia";
  return row?.endpoints.openai ? "openai" : "anthropic";
}

/** What the key is called. */
export function keyNameOf(name: string): string {
  return providerOf(name)?.keyEnv[0] ?? "API_KEY";
}

/** The address that config.yaml gives a provider instead of its own. */
export function addressOf(config: Pick<Config, "inference">, name: string): string | undefined {
  const { providers } = InferenceConfig.parse(config.inference);
  return providers[name as keyof typeof providers]?.baseUrl;
}

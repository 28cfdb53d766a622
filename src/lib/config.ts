/**
 * The one place where configuration is put together: defaults → `NEMOCLAW_HOME/config.yaml` → environment → flags.
 * The environment is a parameter. Secrets never become part of the result: they are listed as {@link SecretSource}s,
 * which the supervisor moves into files of the one process that may hold each (DESIGN §2).
 */
import { z } from "zod";
import { type ConfigSource, readYaml } from "./config-file.ts";
import { Fault } from "./errors.ts";

const Port = z.number().int().min(0).max(65_535);
const HttpUrl = z.url({ protocol: /^https?$/ });

/** What an operator may say about an inference provider; the rest is known to the gateway by `kind`. */
export const ProviderConfig = z.strictObject({
  /** A provider that the gateway knows by name; `compatible` = any URL that speaks OpenAI chat completions. */
  kind: z.enum([
    "defapi",
    "nvidia",
    "openai",
    "anthropic",
    "gemini",
    "openrouter",
    "ollama",
    "vllm",
    "compatible",
    "demo",
  ]),
  baseUrl: HttpUrl.optional(),
  model: z.string().max(128).optional(),
});
export type ProviderConfig = z.infer<typeof ProviderConfig>;

/** Everything that may be configured. Every key has a default. */
export const Config = z.strictObject({
  redis: z
    .strictObject({
      /** Absent: an embedded server on a unix socket in the home. */
      url: z.url({ protocol: /^rediss?$/ }).optional(),
      /** `asserted`: the server forbids CONFIG and the operator vouches for durability (RELIABILITY §6). */
      durability: z.enum(["checked", "asserted"]).default("checked"),
    })
    .prefault({}),
  sandbox: z
    .strictObject({
      driver: z.enum(["process", "docker"]).default("process"),
      /** `best_effort`: serve although a required layer is missing, and say so everywhere. */
      protections: z.enum(["hard_requirement", "best_effort"]).default("hard_requirement"),
      /** Bytes of memory per sandbox; absent: the blueprint's. */
      memoryBytes: z
        .number()
        .int()
        .min(256 << 20)
        .optional(),
    })
    .prefault({}),
  inference: z
    .strictObject({
      /** Name in `providers`, or a kind; absent: the one whose key is there, else `demo`. */
      provider: z.string().max(64).optional(),
      model: z.string().max(128).optional(),
      providers: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), ProviderConfig).default({}),
    })
    .prefault({}),
  telegram: z
    .strictObject({
      /** Numeric user ids that are let in. Empty: nobody. */
      allowedUsers: z
        .array(
          z
            .union([z.string(), z.number()])
            .pipe(z.coerce.string().regex(/^\d{1,20}$/, "expected numeric user ids")),
        )
        .default([]),
      apiRoot: HttpUrl.default("https://api.telegram.org"),
    })
    .prefault({}),
  console: z.strictObject({ port: Port.default(0) }).prefault({}),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
});
export type Config = z.infer<typeof Config>;

/** A secret that came by the environment and where it belongs. */
export interface SecretSource {
  variable: string;
  process: "gateway" | "telegram-bridge";
  /** File name below `secrets/<process>/`. */
  name: string;
  value: string;
}

/** Result of {@link resolveConfig}. */
export interface ResolvedConfig {
  config: Config;
  /** The provider that is used where a profile names none. */
  provider: string;
  secrets: SecretSource[];
  /** Sentences for the operator: what was chosen for want of a setting. */
  notices: string[];
}

/** Variables whose values are secrets. Order is the order of preference in messages, nothing else. */
const SECRETS: { variable: string; process: SecretSource["process"]; name: string; provider?: string }[] = [
  { variable: "TELEGRAM_BOT_TOKEN", process: "telegram-bridge", name: "bot-token" },
  ...["defapi", "nvidia", "openai", "anthropic", "gemini", "openrouter"].map((provider) => ({
    variable: `${provider.toUpperCase()}_API_KEY`,
    process: "gateway" as const,
    name: `${provider}.key`,
    provider,
  })),
];

/** Names of all variables that hold secrets: none of them is passed on to a child process. */
export const SECRET_VARIABLES: readonly string[] = SECRETS.map((secret) => secret.variable);

/** Variable → path in the configuration, and how its text is read. */
const VARIABLES: Record<string, { path: [string, string]; read?: (text: string) => unknown }> = {
  REDIS_URL: { path: ["redis", "url"] },
  TELEGRAM_ALLOWED_USERS: {
    path: ["telegram", "allowedUsers"],
    read: (text) => text.split(/[\s,]+/).filter(Boolean),
  },
  TELEGRAM_API_ROOT: { path: ["telegram", "apiRoot"] },
  NEMOCLAW_DRIVER: { path: ["sandbox", "driver"] },
  NEMOCLAW_PROTECTIONS: { path: ["sandbox", "protections"] },
  NEMOCLAW_PROVIDER: { path: ["inference", "provider"] },
  NEMOCLAW_MODEL: { path: ["inference", "model"] },
  NEMOCLAW_PORT: { path: ["console", "port"], read: Number },
  NEMOCLAW_LOG_LEVEL: { path: ["log", "level"] },
};

/** What the command line may override. */
export interface ConfigFlags {
  driver?: string | undefined;
  port?: string | undefined;
}

const FLAGS: Record<keyof ConfigFlags, { path: [string, string]; read?: (text: string) => unknown }> = {
  driver: { path: ["sandbox", "driver"] },
  port: { path: ["console", "port"], read: Number },
};

/** Where a value was set by something other than the file: path joined by `.` → name of the variable or flag. */
type Origins = Map<string, string>;

/**
 * Puts the configuration together.
 * @throws Fault `config-invalid` that names file:line:column, variable or flag of the first wrong value.
 */
export function resolveConfig(input: {
  /** Path (for messages) and text of config.yaml; text undefined when there is none. */
  file: { path: string; text: string | undefined };
  env: NodeJS.ProcessEnv;
  flags?: ConfigFlags;
  /** Providers whose key lies in a file already, from an earlier start. */
  storedKeys?: string[];
}): ResolvedConfig {
  const source = readYaml(input.file.path, input.file.text);
  const merged = structuredClone(source.value) as Record<string, unknown>;
  const origins: Origins = new Map();
  for (const [variable, { path, read }] of Object.entries(VARIABLES))
    override(merged, origins, variable, path, input.env[variable], read);
  for (const [flag, { path, read }] of Object.entries(FLAGS))
    override(merged, origins, `--${flag}`, path, input.flags?.[flag as keyof ConfigFlags], read);

  const parsed = Config.safeParse(merged);
  if (!parsed.success) throw invalid(parsed.error.issues[0]!, source, origins);

  const secrets = SECRETS.flatMap(({ variable, process, name }) => {
    const value = input.env[variable]?.trim();
    return value ? [{ variable, process, name, value }] : [];
  });
  const keyed = SECRETS.filter(
    ({ provider, variable }) =>
      provider && (input.env[variable]?.trim() || input.storedKeys?.includes(provider)),
  ).map(({ provider }) => provider!);
  const { provider, notices } = chooseProvider(parsed.data, keyed);
  return { config: parsed.data, provider, secrets, notices };
}

/** An empty variable counts as unset. */
function override(
  target: Record<string, unknown>,
  origins: Origins,
  name: string,
  [section, key]: [string, string],
  text: string | undefined,
  read: (text: string) => unknown = (value) => value,
): void {
  if (text === undefined || text === "") return;
  target[section] = { ...(target[section] as object | undefined), [key]: read(text) };
  origins.set(`${section}.${key}`, name);
}

/** Configured, else the only one with a key, else the demo. */
function chooseProvider(config: Config, keyed: string[]): { provider: string; notices: string[] } {
  if (config.inference.provider) return { provider: config.inference.provider, notices: [] };
  const [only, ...more] = [...new Set(keyed)];
  if (only && more.length === 0) return { provider: only, notices: [] };
  if (only) {
    const names = [only, ...more].join(", ");
    const notice = `Keys of several providers are there (${names}): set inference.provider in config.yaml or NEMOCLAW_PROVIDER. Using the built-in demo model.`;
    return { provider: "demo", notices: [notice] };
  }
  const notice =
    "No provider key is set: the built-in demo model answers (no AI). Set e.g. DEFAPI_API_KEY, OPENAI_API_KEY or ANTHROPIC_API_KEY.";
  return { provider: "demo", notices: [notice] };
}

/** One wrong value as a sentence that says where it was written. */
function invalid(issue: z.core.$ZodIssue, source: ConfigSource, origins: Origins): Fault {
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const dotted = path.map(String).join(".");
  const origin = origins.get(path.slice(0, 2).map(String).join("."));
  const where = origin ?? source.locate(path, unknown === undefined ? "value" : "key");
  const what = unknown === undefined ? `${dotted}: ${issue.message}` : `there is no setting ${dotted}`;
  return new Fault({ code: "config-invalid", message: `${where}: ${what}` });
}

/**
 * The one place where configuration is put together: defaults → `NEMOCLAW_HOME/config.yaml` → environment → flags.
 * The environment is a parameter. Secrets never become part of the result: they are listed as {@link SecretSource}s,
 * which the supervisor moves into files of the one process that may hold each (DESIGN §2).
 */
import { z } from "zod";
import { type ConfigSource, readYaml } from "./config-file.ts";
import { Fault } from "./errors.ts";
import { isPrincipalId, isSandboxName } from "./ids.ts";
import { RUNNING_TURNS } from "./limits.ts";

const SandboxName = z.string().refine(isSandboxName, "expected lower-case letters, digits and hyphens");
const HttpUrl = z.url({ protocol: /^https?$/, error: "expected an http or https URL" });
const UserId = z.preprocess(String, z.string().regex(/^\d{1,20}$/, "expected a numeric user id"));

/** Everything that may be configured; `inference:`, `egress:` and `worker:` are known to those components. Every key has a default. */
const Config = z.strictObject({
  redis: z
    .strictObject({
      /** Absent: an embedded server on a unix socket in the home. */
      url: z.url({ protocol: /^rediss?$/, error: "expected a redis or rediss URL" }).optional(),
      /** `asserted`: the server forbids CONFIG and the operator vouches for durability (RELIABILITY §6). */
      durability: z.enum(["checked", "asserted"]).default("checked"),
    })
    .prefault({}),
  sandbox: z
    .strictObject({
      driver: z.enum(["process", "docker"]).default("process"),
      /** `best_effort`: serve although a required layer is missing, and say so everywhere. */
      protections: z.enum(["hard_requirement", "best_effort"]).default("hard_requirement"),
      /** A control group that was delegated to an ordinary user, for the memory and process caps. */
      cgroup: z.string().optional(),
      /** Idle agents may be paged out to swap that is neither zram nor encrypted: their memory then lies on disk in the clear. */
      plainSwap: z.boolean().default(false),
      /** Sandboxes that this host may have, sleeping ones too. Each has a home, and a user that is never given out again. */
      most: z.number().int().min(1).default(10_000),
      /** For the Docker driver: the daemon's socket, and the image of sandboxes (default: made from this machine). */
      docker: z
        .strictObject({
          socket: z.string().max(256).optional(),
          /** `podman`: its Docker-compatible API, as an experiment. */
          engine: z.enum(["docker", "podman"]).default("docker"),
          image: z
            .string()
            .regex(/^[a-z0-9][a-z0-9._/-]{0,127}(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$/)
            .optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  /** Sandboxes that the operator onboarded, by name. What one doesn't say comes from `inference.default`. */
  sandboxes: z
    .record(
      SandboxName,
      z
        .strictObject({
          /** Whose sandbox it is. Absent: its own, derived from its name. */
          id: z.string().refine(isPrincipalId, "expected an id of the form p_…").optional(),
          provider: z.string().optional(),
          model: z.string().optional(),
        })
        .nullable(),
    )
    .default({}),
  /** Which of them commands mean when they name none; its provider and model are the profile of newcomers. */
  defaultSandbox: SandboxName.optional(),
  telegram: z
    .strictObject({
      /** Who is let in. Empty: nobody. */
      allowedUsers: z.array(UserId).default([]),
      apiRoot: HttpUrl.default("https://api.telegram.org"),
      /** Telegram posts updates to an address of yours instead of being polled. Its secret is made and kept by the bridge. */
      webhook: z
        .strictObject({
          /** What Telegram is told: the HTTPS address that your proxy forwards to `host:port`. */
          url: HttpUrl,
          host: z.string().default("127.0.0.1"),
          port: z.number().int().min(0).max(65_535),
          /** Where the bridge expects posts; by default the path of `url`. */
          path: z.string().startsWith("/").optional(),
          /** Posts at once. With more than one, messages of the same instant may change places. */
          connections: z.number().int().min(1).max(100).default(1),
        })
        .optional(),
    })
    .prefault({}),
  discord: z
    .strictObject({
      /** Who is let in. Empty: nobody. */
      allowedUsers: z.array(UserId).default([]),
      apiRoot: HttpUrl.default("https://discord.com/api"),
    })
    .prefault({}),
  /** Web page of the console on 127.0.0.1; 0 = any free port. */
  console: z.strictObject({ port: z.number().int().min(0).max(65_535).default(0) }).prefault({}),
  /** What one person may do; a profile may say otherwise. Tokens and money: `inference.limits`. */
  limits: z
    .strictObject({
      messagesPerMinute: z.number().int().min(1).max(10_000).default(30),
      /** Turns that run at once, in all chats of one person or group together. */
      runningTurns: z.number().int().min(1).max(64).default(RUNNING_TURNS),
    })
    .prefault({}),
  /** Files in chats. A cap counts for each file; a message or an answer may have 10. */
  files: z
    .strictObject({
      /** Bytes of a file from a chat (Telegram lets bots fetch 20 MB). */
      inboundBytes: z.number().int().min(0).max(1_000_000_000).default(20_000_000),
      /** Bytes of a file of the agent that is sent to a chat (Telegram takes 50 MB of bots). */
      outboundBytes: z.number().int().min(0).max(1_000_000_000).default(50_000_000),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  /** Checked by the schemas that are handed in; passed on as they are. */
  inference: z.unknown(),
  egress: z.unknown(),
  worker: z.unknown(),
});
export type Config = z.infer<typeof Config>;

/** What components bring: the schemas of their parts, and which variables hold vendors' keys. */
export interface ConfigParts {
  inference: z.ZodType;
  egress: z.ZodType;
  worker: z.ZodType;
  keys: { variable: string; provider: string }[];
}

/** A secret that came by the environment and where it belongs. */
export interface SecretSource {
  variable: string;
  process: "gateway" | "telegram-bridge" | "discord-bridge";
  /** File name below `secrets/<process>/`. */
  name: string;
  value: string;
}

/** Result of {@link resolveConfig}. */
export interface ResolvedConfig {
  config: Config;
  secrets: SecretSource[];
  /** Sentences for the operator: what was chosen for want of a setting. */
  notices: string[];
  /** Path of each setting that a variable or flag decides (`a.b.c`) → its name. Changes of the file don't count there. */
  overridden: ReadonlyMap<string, string>;
}

/** What the command line may override. */
export interface ConfigFlags {
  driver?: string | undefined;
  port?: string | undefined;
}

interface Override {
  path: string[];
  read?: (text: string) => unknown;
}

/** Variable or flag → path in the configuration, and how its text is read. Flags come last: they win. */
const OVERRIDES: Record<string, Override> = {
  REDIS_URL: { path: ["redis", "url"] },
  TELEGRAM_ALLOWED_USERS: {
    path: ["telegram", "allowedUsers"],
    read: (text) => text.split(/[\s,]+/).filter(Boolean),
  },
  TELEGRAM_API_ROOT: { path: ["telegram", "apiRoot"] },
  DISCORD_ALLOWED_USERS: {
    path: ["discord", "allowedUsers"],
    read: (text) => text.split(/[\s,]+/).filter(Boolean),
  },
  DISCORD_API_ROOT: { path: ["discord", "apiRoot"] },
  // The names under which the conformance suite takes servers of others (docs/testing.md).
  BRIDGE_TELEGRAM_API_ROOT: { path: ["telegram", "apiRoot"] },
  BRIDGE_DISCORD_API: { path: ["discord", "apiRoot"] },
  NEMOCLAW_DRIVER: { path: ["sandbox", "driver"] },
  // Docker's own variable first: ours wins.
  DOCKER_HOST: { path: ["sandbox", "docker", "socket"] },
  NEMOCLAW_DOCKER_SOCKET: { path: ["sandbox", "docker", "socket"] },
  NEMOCLAW_DOCKER_IMAGE: { path: ["sandbox", "docker", "image"] },
  NEMOCLAW_DOCKER_ENGINE: { path: ["sandbox", "docker", "engine"] },
  NEMOCLAW_CGROUP: { path: ["sandbox", "cgroup"] },
  NEMOCLAW_PROTECTIONS: { path: ["sandbox", "protections"] },
  NEMOCLAW_PROVIDER: { path: ["inference", "default", "provider"] },
  NEMOCLAW_MODEL: { path: ["inference", "default", "model"] },
  NEMOCLAW_EGRESS_UNKNOWN: { path: ["egress", "unknown"] },
  NEMOCLAW_LOG_LEVEL: { path: ["log", "level"] },
  NEMOCLAW_PORT: { path: ["console", "port"], read: Number },
  "--driver": { path: ["sandbox", "driver"] },
  "--port": { path: ["console", "port"], read: Number },
};

/** File name of a bot's token below `secrets/<bridge>/`. */
export const BOT_TOKEN = "bot-token";

/**
 * Puts the configuration together.
 * @throws Fault `config-invalid` that names file:line:column, variable or flag of the first wrong value.
 */
export function resolveConfig(input: {
  /** Path (for messages) and text of config.yaml; text undefined when there is none. */
  file: { path: string; text: string | undefined };
  env: NodeJS.ProcessEnv;
  flags?: ConfigFlags;
  parts: ConfigParts;
  /** Values for what neither file nor environment sets, by path: what the blueprint says. */
  defaults?: [path: string[], value: unknown][];
  /** Providers whose key lies in a file already, from an earlier start. */
  storedKeys?: string[];
}): ResolvedConfig {
  const source = readYaml(input.file.path, input.file.text);
  const merged = structuredClone(source.value) as Record<string, unknown>;
  const origins = new Map<string, string>();
  const given: Record<string, string | undefined> = {
    ...input.env,
    "--driver": input.flags?.driver,
    "--port": input.flags?.port,
  };
  for (const [name, { path, read }] of Object.entries(OVERRIDES)) {
    const text = given[name];
    if (text === undefined || text === "") continue; // An empty variable counts as unset.
    put(merged, path, read ? read(text) : text);
    origins.set(path.join("."), name);
  }
  newcomersProfile(merged, origins);
  const secrets = secretsIn(input.env, input.parts.keys);
  const notices: string[] = [];
  if (get(merged, ["inference", "default", "provider"]) === undefined) {
    const keyed = [...secrets.map((secret) => secret.provider ?? ""), ...(input.storedKeys ?? [])];
    const { provider, notice } = chooseProvider([...new Set(keyed.filter(Boolean))]);
    put(merged, ["inference", "default", "provider"], provider);
    if (notice) notices.push(notice);
  }
  for (const [path, value] of input.defaults ?? [])
    if (get(merged, path) === undefined) put(merged, path, value);
  const { inference, egress, worker } = input.parts;
  const schema = Config.extend({ inference, egress: egress.prefault({}), worker: worker.prefault({}) });
  const parsed = schema.safeParse(merged);
  if (!parsed.success) throw invalid(parsed.error.issues[0]!, source, origins);
  return {
    config: parsed.data,
    secrets: secrets.map(({ variable, process, name, value }) => ({ variable, process, name, value })),
    notices,
    overridden: origins,
  };
}

/** The default sandbox's provider and model are the profile of newcomers, unless the environment says another. */
function newcomersProfile(merged: Record<string, unknown>, origins: ReadonlyMap<string, string>): void {
  const chosen = get(merged, ["defaultSandbox"]);
  const { provider, model } = asMap(get(merged, ["sandboxes", String(chosen)])) ?? {};
  if (typeof provider !== "string" || origins.has("inference.default.provider")) return;
  put(merged, ["inference", "default", "provider"], provider);
  if (!origins.has("inference.default.model")) put(merged, ["inference", "default", "model"], model);
}

/** Secrets of the environment; where two variables name one secret, the first counts. */
function secretsIn(
  env: NodeJS.ProcessEnv,
  keys: ConfigParts["keys"],
): (SecretSource & { provider?: string })[] {
  const known = [
    { variable: "TELEGRAM_BOT_TOKEN", process: "telegram-bridge" as const, name: BOT_TOKEN },
    { variable: "DISCORD_BOT_TOKEN", process: "discord-bridge" as const, name: BOT_TOKEN },
    ...keys.map((key) => ({ ...key, process: "gateway" as const, name: `${key.provider}.key` })),
  ];
  const found = known.flatMap((secret) => {
    const value = env[secret.variable]?.trim();
    return value ? [{ ...secret, value }] : [];
  });
  const first = (one: SecretSource) =>
    found.find((secret) => secret.process === one.process && secret.name === one.name);
  return found.filter((secret) => first(secret) === secret);
}

/** The only provider with a key, else the demo. */
function chooseProvider(keyed: string[]): { provider: string; notice?: string } {
  const [only, ...more] = keyed;
  if (only && more.length === 0) return { provider: only };
  if (only) {
    return {
      provider: "demo",
      notice: `There are keys of several providers (${keyed.join(", ")}): choose one by inference.default.provider in config.yaml or NEMOCLAW_PROVIDER. Until then the built-in demo model answers.`,
    };
  }
  return {
    provider: "demo",
    notice:
      "No provider key is set: the built-in demo model answers; it is no AI. Set for example DEFAPI_API_KEY, OPENAI_API_KEY or ANTHROPIC_API_KEY.",
  };
}

const asMap = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;

function get(target: unknown, path: string[]): unknown {
  return path.reduce<unknown>((at, key) => asMap(at)?.[key], target);
}

/** Sets a value, making the mappings above it. A parent that is no mapping is left for the schema to refuse. */
function put(target: Record<string, unknown>, path: string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  target[key] ??= {};
  const child = asMap(target[key]);
  if (child) put(child, rest, value);
}

/** One wrong value as a sentence that says where it was written. */
function invalid(issue: z.core.$ZodIssue, source: ConfigSource, origins: Map<string, string>): Fault {
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const prefixes = path.map((_, i) =>
    path
      .slice(0, i + 1)
      .map(String)
      .join("."),
  );
  const origin = prefixes.map((prefix) => origins.get(prefix)).find(Boolean);
  const where = origin ?? source.locate(path, unknown === undefined ? "value" : "key");
  const what =
    unknown === undefined ? `${prefixes.at(-1)}: ${issue.message}` : `there is no setting ${prefixes.at(-1)}`;
  return new Fault({ code: "config-invalid", message: `${where}: ${what}` });
}

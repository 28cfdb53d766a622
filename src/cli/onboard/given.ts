/**
 * What onboarding was told beforehand: flags, then variables, ours and NVIDIA's. Pure: the environment is a parameter.
 * Secrets are named here, never held: they come by `secrets.ts`.
 */
import { Fault } from "../../lib/errors.ts";
import { isSandboxName } from "../../lib/ids.ts";

/** Options as commander reads them. */
export interface OnboardOptions {
  nonInteractive?: boolean;
  resume?: boolean;
  fresh?: boolean;
  yes?: boolean;
  name?: string;
  provider?: string;
  endpointUrl?: string;
  model?: string;
  apiKeyStdin?: boolean;
  secretsStdin?: boolean;
  verify: boolean;
  policy?: string;
  preset?: string[];
  telegramUsers?: string;
  discordUsers?: string;
  start: boolean;
  driver?: string;
  home?: string;
}

/** What needn't be asked any more. */
export interface Given {
  interactive: boolean;
  name?: string | undefined;
  provider?: string | undefined;
  baseUrl?: string | undefined;
  model?: string | undefined;
  /** `strict`: ask about what no rule names. `closed`: refuse it. */
  policy?: PolicyMode | undefined;
  presets?: string[] | undefined;
  telegramUsers?: string[] | undefined;
  discordUsers?: string[] | undefined;
}

/** What happens to a destination that no rule names. */
export type PolicyMode = "strict" | "closed";

/** NVIDIA's provider names (reference §1.1, §1.4) → ours. */
const NVIDIA_NAMES: Record<string, string> = {
  cloud: "nvidia",
  "nvidia-prod": "nvidia",
  nim: "vllm",
  "nvidia-nim": "vllm",
  "vllm-local": "vllm",
  "ollama-local": "ollama",
  "openai-api": "openai",
  "anthropic-prod": "anthropic",
  "gemini-api": "gemini",
  "openrouter-api": "openrouter",
  "compatible-endpoint": "compatible",
  "compatible-anthropic-endpoint": "compatible-anthropic",
};

/** NVIDIA's policy tiers → presets of ours that they hold (reference §1.5). */
const TIERS: Record<string, string[]> = {
  restricted: [],
  balanced: ["npm", "pypi", "huggingface", "brave"],
  open: [
    ...["npm", "pypi", "huggingface", "brave", "weather", "public-reference"],
    ...["slack", "discord", "telegram", "jira", "outlook"],
  ],
};

/** NVIDIA's "suggested" presets. */
const SUGGESTED = ["pypi", "npm"];

/** Our name of a provider, however it was said. Case doesn't matter: the guide writes Defapi. */
export function providerName(text: string): string {
  const name = text.trim().toLowerCase();
  return NVIDIA_NAMES[name] ?? name;
}

const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** Puts flags and variables together. @throws Fault `usage` that names the wrong flag or variable. */
export function givenBy(
  options: OnboardOptions,
  env: NodeJS.ProcessEnv,
  terminal: boolean,
  presets: readonly string[],
): Given {
  const variable = (name: string) => env[name]?.trim() || undefined;
  const name = options.name ?? variable("NEMOCLAW_SANDBOX_NAME");
  if (name !== undefined && !isSandboxName(name))
    throw usage(
      options.name ? "--name" : "NEMOCLAW_SANDBOX_NAME",
      name,
      "lower-case letters, digits, hyphens",
    );
  const provider = options.provider ?? variable("NEMOCLAW_PROVIDER");
  const users = options.telegramUsers ?? variable("TELEGRAM_ALLOWED_USERS") ?? variable("ALLOWED_CHAT_IDS");
  const discord = options.discordUsers ?? variable("DISCORD_ALLOWED_USERS") ?? variable("DISCORD_USER_ID");
  return {
    interactive: terminal && options.nonInteractive !== true && !isOn(variable("NEMOCLAW_NON_INTERACTIVE")),
    name,
    provider: provider === undefined ? undefined : providerName(provider),
    baseUrl: urlOf(options.endpointUrl ?? variable("NEMOCLAW_ENDPOINT_URL")),
    model: options.model ?? variable("NEMOCLAW_MODEL"),
    policy: modeOf(options.policy),
    presets: known(options.preset ?? presetsOf(variable), presets),
    telegramUsers: users === undefined ? undefined : idsOf(users),
    discordUsers: discord === undefined ? undefined : idsOf(discord),
  };
}

const isOn = (value: string | undefined) => value === "1" || value?.toLowerCase() === "true";

function presetsOf(variable: (name: string) => string | undefined): string[] | undefined {
  const mode = variable("NEMOCLAW_POLICY_MODE");
  const list = variable("NEMOCLAW_POLICY_PRESETS");
  const tier = variable("NEMOCLAW_POLICY_TIER");
  if (mode === "skip") return [];
  if (list !== undefined) return words(list);
  if (mode === "suggested") return SUGGESTED;
  if (mode !== undefined && mode !== "custom")
    throw usage("NEMOCLAW_POLICY_MODE", mode, "suggested, custom or skip");
  if (tier === undefined) return undefined;
  const chosen = TIERS[tier.toLowerCase()];
  if (!chosen) throw usage("NEMOCLAW_POLICY_TIER", tier, Object.keys(TIERS).join(", "));
  return chosen;
}

function known(names: string[] | undefined, presets: readonly string[]): string[] | undefined {
  const all = names?.flatMap(words);
  const wrong = all?.find((name) => !presets.includes(name));
  if (wrong !== undefined) throw usage("preset", wrong, presets.join(", "));
  return all && [...new Set(all)];
}

function modeOf(text: string | undefined): PolicyMode | undefined {
  if (text === undefined || text === "strict" || text === "closed") return text;
  throw usage("--policy", text, "strict or closed");
}

function urlOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (isHttpUrl(text)) return text.replace(/\/+$/, "");
  throw usage("--endpoint-url", text, "an http or https URL");
}

/** Whether a text is an http(s) URL without user, query and fragment. */
export function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && !username && !password && !search && !hash;
}

/** Numeric ids between commas or spaces. @throws Fault `usage` */
function idsOf(text: string): string[] {
  const ids = words(text);
  const wrong = ids.find((id) => !/^\d{1,20}$/.test(id));
  if (wrong !== undefined) throw usage("allowed users", wrong, "numeric user ids");
  return ids;
}

function usage(what: string, value: string, expected: string): Fault {
  return new Fault({
    code: "usage",
    message: `${what}: "${value.slice(0, 60)}" won't do`,
    hint: `expected ${expected}`,
  });
}

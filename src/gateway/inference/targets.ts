/**
 * Where a call may go: the principal's choice first, then the operator's fallbacks, each resolved to a URL, a model and
 * a key. Owns nothing but the reading of configuration; makes no call.
 */
import type { InferenceConfig } from "../config.ts";
import type { KeyRing } from "./keys.ts";
import { type AuthStyle, type Provider, type Purpose, providerOf } from "./providers.ts";
import type { Price } from "./usage.ts";

/** One place that can be called. */
export interface ResolvedTarget {
  name: string;
  provider: Provider;
  model: string;
  builtIn: boolean;
  origin: string;
  path: string;
  auth: AuthStyle;
  key: string | undefined;
  price: Price | undefined;
  allowFields: ReadonlySet<string>;
}

/** Why a target can't be used. */
export type Unusable = { name: string; why: "unknown" | "no-url" | "no-model" | "no-key" | "dialect" };

/** Profile fields that choose a model. */
export interface Choice {
  provider?: string | undefined;
  model?: string | undefined;
}

/**
 * Provider and model by name, before anything is looked up; first is the preferred one: what was `chosen` for the
 * conversation, else what the profile says, else the default.
 */
export function choicesOf(
  config: InferenceConfig,
  profile: Choice | undefined,
  chosen?: Choice | undefined,
): Choice[] {
  if (chosen) return [chosen, ...config.fallbacks];
  const first: Choice = profile?.provider
    ? { provider: profile.provider, model: profile.model }
    : { provider: config.default.provider, model: profile?.model ?? config.default.model };
  return [first, ...config.fallbacks];
}

/** Looks one choice up. */
export function resolveTarget(
  config: InferenceConfig,
  keys: KeyRing,
  choice: Choice,
  purpose: Purpose,
): { ok: true; target: ResolvedTarget } | { ok: false; unusable: Unusable } {
  const name = choice.provider ?? "";
  const no = (why: Unusable["why"]) => ({ ok: false as const, unusable: { name, why } });
  const provider = providerOf(name);
  if (!provider) return no("unknown");
  const override = config.providers[name as keyof InferenceConfig["providers"]];
  const endpoint = provider.endpoints[purpose];
  if (!endpoint) return no("dialect");
  const model = choice.model ?? override?.model ?? provider.defaultModel;
  if (!model) return no("no-model");
  const base = {
    name,
    provider,
    model,
    price: override?.prices[model],
    allowFields: new Set(override?.allowFields ?? []),
  };
  if (provider.builtIn) {
    return {
      ok: true,
      target: { ...base, builtIn: true, origin: "", path: "", auth: "none", key: undefined },
    };
  }
  const baseUrl = override?.baseUrl ?? provider.baseUrl;
  if (!baseUrl) return no("no-url");
  const url = new URL(baseUrl);
  const key = keys.keyOf(name, provider);
  if (!key && !provider.keyOptional) return no("no-key");
  const path = url.pathname.replace(/\/+$/, "") + endpoint.path;
  return {
    ok: true,
    target: { ...base, builtIn: false, origin: url.origin, path, auth: endpoint.auth, key },
  };
}

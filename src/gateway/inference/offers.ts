/**
 * Which models a person may choose for a conversation: the configuration's default, its fallbacks and `inference.models`.
 * Pure. The router asks it again for every call: what a bridge stored is only a wish.
 */
import { InferenceConfig, type Target } from "../config.ts";
import { providerOf } from "./providers.ts";
import type { Choice } from "./targets.ts";

/** What people may choose from and what they may use up, as bridges show it. */
export interface ModelOffers {
  /** `<provider>/<model>`, the default first. */
  models: string[];
  model: string;
  dailyTokens?: number | undefined;
  dailyMicros?: number | undefined;
}

/** The offers of a configuration (`inference:` in config.yaml). */
export function offersOf(inference: unknown): ModelOffers {
  const config = InferenceConfig.parse(inference);
  const models = offered(config).map(({ name }) => name);
  const { dailyTokens, dailyMicros } = config.limits;
  return { models, model: models[0] ?? "", dailyTokens, dailyMicros };
}

/** The choice that an offered name stands for; undefined for any other name. */
export function offeredChoice(config: InferenceConfig, name: string | undefined): Choice | undefined {
  return name === undefined ? undefined : offered(config).find((offer) => offer.name === name)?.choice;
}

function offered(config: InferenceConfig): { name: string; choice: Choice }[] {
  const targets = [config.default, ...config.fallbacks, ...config.models];
  const all = targets.map((target) => {
    const model = target.model ?? defaultModel(config, target);
    return { name: `${target.provider}/${model}`, choice: { provider: target.provider, model } };
  });
  return all.filter(
    ({ name, choice }, i) => choice.model !== "" && all.findIndex((one) => one.name === name) === i,
  );
}

function defaultModel(config: InferenceConfig, { provider }: Target): string {
  return config.providers[provider]?.model ?? providerOf(provider)?.defaultModel ?? "";
}

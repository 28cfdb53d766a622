/**
 * The gateway's part of `config.yaml` (`inference:`), as one zod schema. Holds names, numbers and URLs, never a key:
 * keys are files (`secrets/gateway/<provider>.key`) or environment variables of the gateway process (keys.ts).
 */
import { z } from "zod";
import { PROVIDERS, type ProviderName } from "./inference/providers.ts";

const providerName = z.enum(Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]);
const model = z.string().regex(/^[A-Za-z0-9._:/@+-]{1,128}$/);

/** One place where a call may go. */
export const Target = z.strictObject({ provider: providerName, model: model.optional() });
export type Target = z.infer<typeof Target>;

/** What an operator changes about a vendor. */
const ProviderOverride = z.strictObject({
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  model: model.optional(),
  /** Millionths of a dollar per million tokens, by model; without a row a money budget refuses the model. */
  prices: z
    .record(z.string(), z.strictObject({ input: z.number().min(0), output: z.number().min(0) }))
    .default({}),
  /** Top-level request members that this vendor may be sent in addition to the built-in list. */
  allowFields: z.array(z.string().regex(/^[A-Za-z0-9_]{1,64}$/)).default([]),
});

/** Caps of each sandbox. */
const Limits = z.strictObject({
  /** Model calls at once. */
  concurrent: z.number().int().min(1).default(8),
  perMinute: z.number().int().min(1).default(120),
  /** Calls per hour while no turn is running; 0 refuses them. */
  idlePerHour: z.number().int().min(0).default(0),
  dailyTokens: z.number().int().min(0).optional(),
  dailyMicros: z.number().int().min(0).optional(),
});

/** `inference:` in config.yaml. Everything has a default: without any, the demo answers. */
export const InferenceConfig = z.strictObject({
  default: Target.prefault({ provider: "demo" }),
  /** Tried in order when the first can't answer, before the first byte only. */
  fallbacks: z.array(Target).max(4).default([]),
  providers: z.partialRecord(providerName, ProviderOverride).default({}),
  limits: Limits.prefault({}),
  /** Milliseconds between the chunks of the demo's slow answers ("count slowly to 20"). */
  demoSlowMs: z.number().int().min(0).max(5_000).default(400),
});
export type InferenceConfig = z.infer<typeof InferenceConfig>;

/**
 * The gateway's parts of `config.yaml` (`inference:`, `egress:`), as zod schemas. Holds names, numbers and URLs, never a key:
 * keys are files (`secrets/gateway/<provider>.key`) or environment variables of the gateway process (keys.ts).
 */
import { isIP } from "node:net";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { PROVIDERS, type ProviderName, providerOf } from "./inference/providers.ts";

const providerName = z.enum(Object.keys(PROVIDERS) as [ProviderName, ...ProviderName[]]);
const model = z.string().regex(/^[A-Za-z0-9._:/@+-]{1,128}$/);

/** Vendors that have an endpoint for speech. */
const SPEECH_PROVIDERS = Object.keys(PROVIDERS).filter((name) => providerOf(name)?.endpoints.transcription);

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

/** Who turns speech into text: only a vendor that has an endpoint for it. */
const Transcription = z
  .strictObject({ provider: providerName, model })
  .refine(({ provider }) => providerOf(provider)?.endpoints.transcription !== undefined, {
    path: ["provider"],
    error: `this provider does not turn speech into text; those that do: ${SPEECH_PROVIDERS.join(", ")}`,
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
  /** What people may choose by /model beside the default and the fallbacks. */
  models: z.array(Target).max(20).default([]),
  providers: z.partialRecord(providerName, ProviderOverride).default({}),
  /** Absent: speech stays a file. */
  transcription: Transcription.optional(),
  limits: Limits.prefault({}),
  /** Milliseconds between the chunks of the demo's slow answers ("count slowly to 20"). */
  demoSlowMs: z.number().int().min(0).max(5_000).default(400),
});
export type InferenceConfig = z.infer<typeof InferenceConfig>;

/** `1.2.3.4`, `1.2.3.4:5353`, `2001:db8::1` or `[2001:db8::1]:5353`, as the resolver takes it. */
const NameServer = z.string().refine((text) => {
  const [, literal, host = ""] = /^(?:\[([^\]]+)\]|([^:]+)):\d{1,5}$/.exec(text) ?? [];
  return isIP(text) !== 0 || isIP(literal ?? host) !== 0;
}, "expected the address of a name server, with or without a port");

/** `egress:` in config.yaml: what leaves the sandboxes. */
export const EgressConfig = z.strictObject({
  /** A destination that no rule names: hold the connection and ask in the chat, or deny at once. */
  unknown: z.enum(["ask", "deny"]).default("ask"),
  /**
   * Seconds that a connection is held while a person is asked. Default: below the time-outs of the clients that agents
   * use (docs/approvals.md has the table).
   */
  holdSeconds: z.number().min(1).max(45).optional(),
  /** The default policy as a file that is watched. Absent: NEMOCLAW_HOME/policy.yaml, if it is there. */
  policyFile: z.string().refine(isAbsolute, "expected an absolute path").optional(),
  /** Who is asked for addresses. Absent: the system's name servers. */
  nameServers: z.array(NameServer).min(1).max(8).optional(),
  /** PEM file of further authorities that inspected upstreams may be signed by (a company's own). */
  caFile: z.string().refine(isAbsolute, "expected an absolute path").optional(),
  audit: z
    .strictObject({
      /** `second`: on the disk within a second. `row`: nothing leaves before its row is on the disk. */
      fsync: z.enum(["second", "row"]).default("second"),
      /** Files of 64 MB, or of a day, that are kept. */
      keepFiles: z.number().int().min(2).max(10_000).default(30),
    })
    .prefault({}),
});
export type EgressConfig = z.infer<typeof EgressConfig>;

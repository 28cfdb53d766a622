/**
 * Model vendors as data: the one table of where they are, how they take the key and what is special about them.
 * Holds no secret and makes no call. Adding a vendor is adding a row.
 */

/** The two request languages that the router speaks; it translates neither into the other. */
export type Dialect = "openai" | "anthropic";

/** What an endpoint is for: a conversation in a dialect, or speech into text. */
export type Purpose = Dialect | "transcription";

/** How a vendor takes its key on one endpoint. */
export type AuthStyle = "bearer" | "x-api-key" | "none";

/** One endpoint of a vendor, below its base URL. */
export interface Endpoint {
  path: string;
  auth: AuthStyle;
}

/** One vendor. */
export interface Provider {
  /** As the wizard shows it. */
  label: string;
  /** Empty: the operator must give one. No trailing slash. */
  baseUrl: string;
  /** Which languages it speaks, and where; where it turns speech into text, if it does. */
  endpoints: Partial<Record<Purpose, Endpoint>>;
  /** Environment variables that may hold the key, in order; a key file comes before all of them. */
  keyEnv: string[];
  /** Whether calls without a key make sense (servers on this machine). */
  keyOptional: boolean;
  /** Used when neither the profile nor the configuration names one; empty: must be named. */
  defaultModel: string;
  /** It wants this name for the cap on output tokens. Absent: both names are known to it. */
  maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** Answered inside the router. */
  builtIn?: true;
}

const CHAT = { openai: { path: "/chat/completions", auth: "bearer" } } as const;

const SPEECH = { transcription: { path: "/audio/transcriptions", auth: "bearer" } } as const;

/** All vendors by the name that configuration uses. */
export const PROVIDERS = {
  demo: {
    label: "Built-in demo (no AI, no account)",
    baseUrl: "",
    endpoints: { openai: { path: "", auth: "none" }, anthropic: { path: "", auth: "none" } },
    keyEnv: [],
    keyOptional: true,
    defaultModel: "demo-1",
    builtIn: true,
  },
  defapi: {
    label: "Defapi",
    baseUrl: "https://api.defapi.org/v1",
    endpoints: CHAT,
    keyEnv: ["DEFAPI_API_KEY", "DEFAPI_KEY"],
    keyOptional: false,
    defaultModel: "claude-sonnet-4.5",
  },
  nvidia: {
    label: "NVIDIA Endpoints",
    baseUrl: "https://integrate.api.nvidia.com/v1",
    endpoints: CHAT,
    keyEnv: ["NVIDIA_INFERENCE_API_KEY", "NVIDIA_API_KEY"],
    keyOptional: false,
    defaultModel: "nvidia/nemotron-3-super-120b-a12b",
    // NIM documents max_tokens only.
    maxTokensField: "max_tokens",
  },
  openai: {
    label: "OpenAI",
    baseUrl: "https://api.openai.com/v1",
    endpoints: { ...CHAT, ...SPEECH },
    keyEnv: ["OPENAI_API_KEY"],
    keyOptional: false,
    defaultModel: "gpt-5.4",
    // Reasoning models refuse max_tokens.
    maxTokensField: "max_completion_tokens",
  },
  anthropic: {
    label: "Anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    endpoints: {
      anthropic: { path: "/messages", auth: "x-api-key" },
      // Anthropic's own OpenAI-compatible endpoint; no prompt caching there.
      openai: { path: "/chat/completions", auth: "bearer" },
    },
    keyEnv: ["ANTHROPIC_API_KEY"],
    keyOptional: false,
    defaultModel: "claude-sonnet-4-5",
  },
  gemini: {
    label: "Google Gemini",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
    endpoints: CHAT,
    keyEnv: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    keyOptional: false,
    defaultModel: "gemini-2.5-flash",
  },
  openrouter: {
    label: "OpenRouter",
    baseUrl: "https://openrouter.ai/api/v1",
    endpoints: CHAT,
    keyEnv: ["OPENROUTER_API_KEY"],
    keyOptional: false,
    defaultModel: "anthropic/claude-sonnet-4.5",
  },
  ollama: {
    label: "Ollama on this machine",
    baseUrl: "http://127.0.0.1:11434/v1",
    endpoints: CHAT,
    keyEnv: ["OLLAMA_API_KEY"],
    keyOptional: true,
    defaultModel: "",
    maxTokensField: "max_tokens",
  },
  vllm: {
    label: "vLLM on this machine",
    baseUrl: "http://127.0.0.1:8000/v1",
    endpoints: { ...CHAT, ...SPEECH },
    keyEnv: ["VLLM_API_KEY"],
    keyOptional: true,
    defaultModel: "",
  },
  compatible: {
    label: "Any OpenAI-compatible URL",
    baseUrl: "",
    endpoints: { ...CHAT, ...SPEECH },
    keyEnv: ["COMPATIBLE_API_KEY"],
    keyOptional: true,
    defaultModel: "",
  },
  "compatible-anthropic": {
    label: "Any Anthropic-compatible URL",
    baseUrl: "",
    endpoints: { anthropic: { path: "/messages", auth: "x-api-key" } },
    keyEnv: ["COMPATIBLE_ANTHROPIC_API_KEY"],
    keyOptional: true,
    defaultModel: "",
  },
} satisfies Record<string, Provider>;

/** A row's name. */
export type ProviderName = keyof typeof PROVIDERS;

/** The row of that name, or undefined. */
export function providerOf(name: string): Provider | undefined {
  return Object.hasOwn(PROVIDERS, name) ? (PROVIDERS as Record<string, Provider>)[name] : undefined;
}

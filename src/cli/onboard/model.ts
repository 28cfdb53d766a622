/** Onboarding's questions about the model: provider, address, key, model. Keys are checked by real calls. */
import { listModels, PROVIDERS, type Probe, providerOf, tryModel } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import type { Paths } from "../../lib/paths.ts";
import { type Given, isHttpUrl } from "./given.ts";
import { keyVariables, looksLikeKey, type NewSecret, type SecretBag, storedKey } from "./secrets.ts";
import type { Ui } from "./ui.ts";

/** In the order in which the wizard shows them; the rest of the table follows. */
const ORDER = [
  "defapi",
  "nvidia",
  "openai",
  "anthropic",
  "gemini",
  "openrouter",
  "ollama",
  "vllm",
  "compatible",
];

const HINTS: Record<string, string> = {
  defapi: "about half the official price; Claude, GPT, Gemini",
  nvidia: "key from build.nvidia.com",
  demo: "answers small sums; to look around",
};

/** What is chosen so far. */
export interface ModelChoice {
  provider: string;
  baseUrl?: string | undefined;
  key?: string | undefined;
  /** The key, when it isn't stored yet. */
  secret?: NewSecret;
}

/** Asks for the provider. */
export async function askProvider(ui: Ui, given: Given, before: string | undefined): Promise<string> {
  const names = Object.keys(PROVIDERS);
  const said = given.provider ?? (ui.interactive ? undefined : (before ?? "demo"));
  if (said !== undefined) {
    if (providerOf(said)) return said;
    throw new Fault({
      code: "usage",
      message: `there is no provider ${said}`,
      hint: `providers: ${[...ORDER, ...names.filter((name) => !ORDER.includes(name))].join(", ")}`,
    });
  }
  const ordered = [...ORDER, ...names.filter((name) => !ORDER.includes(name) && name !== "demo"), "demo"];
  return ui.one({
    message: "Who answers? (inference provider)",
    flag: "--provider",
    initial: before ?? "defapi",
    choices: ordered.map((value) => ({ value, label: providerOf(value)!.label, hint: HINTS[value] })),
  });
}

/** Asks for the address where the provider has none, or another was given. */
export async function askBaseUrl(
  ui: Ui,
  provider: string,
  given: Given,
  before: string | undefined,
): Promise<string | undefined> {
  if (given.baseUrl !== undefined) return given.baseUrl;
  if (providerOf(provider)?.baseUrl || provider === "demo") return before;
  if (before !== undefined && !ui.interactive) return before;
  const url = await ui.text({
    message: "Its address (base URL, usually ending in /v1)",
    flag: "--endpoint-url",
    ...(before === undefined ? {} : { initial: before }),
    check: (value) => (isHttpUrl(value) ? undefined : "an http or https URL, without user or query"),
  });
  return url.replace(/\/+$/, "");
}

/** What the key step is told. */
export interface KeyContext {
  ui: Ui;
  paths: Paths;
  bag: SecretBag;
  /** Asked beforehand, on standard input. */
  fromStdin: string | undefined;
  verify: boolean;
}

/** Finds or asks for the key and lists the models with it. The list is empty when the provider can't be reached. */
export async function askKey(
  { ui, paths, bag, fromStdin, verify }: KeyContext,
  provider: string,
  baseUrl: string | undefined,
): Promise<{ choice: ModelChoice; models: string[] }> {
  const row = providerOf(provider)!;
  if (row.builtIn) return { choice: { provider }, models: [row.defaultModel] };
  let key =
    fromStdin ??
    keyVariables(provider)
      .map((name) => bag.get(name))
      .find(Boolean);
  const stored = storedKey(paths, provider);
  let fresh = key !== undefined;
  if (key === undefined && stored !== undefined) {
    ui.line(`The key of ${row.label} that is stored already is used.`);
    key = stored;
  }
  for (;;) {
    if (key === undefined && (!row.keyOptional || (ui.interactive && (await wantsKey(ui, row.label))))) {
      key = await ui.secret({
        message: `API key of ${row.label} (not shown)`,
        flag: `--api-key-stdin, --secrets-stdin or ${keyVariables(provider)[0]}`,
      });
      fresh = true;
    }
    if (key !== undefined && !looksLikeKey(key)) {
      if (!ui.interactive) throw new Fault({ code: "usage", message: "the API key must be one word" });
      ui.warn("That is no key: it must be one word.");
      key = undefined;
      continue;
    }
    const choice: ModelChoice = { provider, baseUrl, key };
    if (key !== undefined && fresh)
      choice.secret = { process: "gateway", name: `${provider}.key`, value: key };
    if (!verify) return { choice, models: [] };
    const probe = await ui.busy(
      `Asking ${row.label} for its models`,
      () => listModels({ name: provider, baseUrl, key }),
      (result) =>
        result.kind === "ok"
          ? `${row.label} answers: ${result.models.length} models`
          : `! ${row.label}: ${sayProbe(result)}`,
    );
    // Some serve no list; whether the key is good is then seen by the call.
    if (probe.kind === "ok" || probe.kind === "odd" || probe.kind === "limited")
      return { choice, models: probe.kind === "ok" ? probe.models : [] };
    if (await goOn(ui, row.label, probe)) return { choice, models: [] };
    key = undefined;
  }
}

/** Asks for the model, and lets it say a word. */
export async function askModel(
  { ui, verify }: Pick<KeyContext, "ui" | "verify">,
  choice: ModelChoice,
  models: string[],
  given: Given,
  before: string | undefined,
): Promise<string> {
  const row = providerOf(choice.provider)!;
  for (let said = given.model ?? (ui.interactive ? undefined : before); ; said = undefined) {
    const model = said ?? (await pickModel(ui, row.defaultModel, models, before));
    if (!verify || row.builtIn) return model;
    const probe = await ui.busy(
      `Trying ${model}`,
      () => tryModel({ name: choice.provider, baseUrl: choice.baseUrl, key: choice.key }, model),
      (result) => (result.kind === "ok" ? `${model} answers` : `! ${model}: ${sayProbe(result)}`),
    );
    if (probe.kind === "ok" || (await goOn(ui, model, probe))) return model;
  }
}

const OTHER = "\u0000other";

async function pickModel(
  ui: Ui,
  byDefault: string,
  models: string[],
  before: string | undefined,
): Promise<string> {
  const first = before ?? byDefault;
  if (!ui.interactive) {
    const only = first || models[0];
    if (only) return only;
  }
  if (models.length === 1 && models[0]) return models[0];
  if (models.length > 0) {
    const choices = models.map((value) => ({
      value,
      label: value,
      hint: value === first ? "recommended" : undefined,
    }));
    const picked = await ui.one({
      message: "Which model?",
      flag: "--model",
      choices: [...choices, { value: OTHER, label: "another (type its name)" }],
      ...(models.includes(first) ? { initial: first } : {}),
    });
    if (picked !== OTHER) return picked;
  }
  return ui.text({
    message: "Model",
    flag: "--model",
    ...(first ? { initial: first } : {}),
    check: (value) =>
      /^[A-Za-z0-9._:/@+-]{1,128}$/.test(value) ? undefined : "letters, digits and . _ : / @ + -",
  });
}

const wantsKey = (ui: Ui, label: string) =>
  ui.sure({ message: `Does ${label} want a key?`, flag: "--api-key-stdin", initial: false });

/** A probe that failed, as a line. */
export function sayProbe(probe: Exclude<Probe, { kind: "ok" }>): string {
  if (probe.kind === "unreachable") return `can't be reached: ${probe.why}`;
  if (probe.kind === "refused") return `the key was not accepted (HTTP ${probe.status})`;
  if (probe.kind === "limited")
    return `the key is taken, but its account has no credit or too many calls (HTTP ${probe.status})`;
  return `unexpected answer (HTTP ${probe.status})`;
}

/** Save anyway? Without a terminal: an unreachable provider is only a warning, a refused key an error. */
async function goOn(ui: Ui, what: string, probe: Exclude<Probe, { kind: "ok" }>): Promise<boolean> {
  if (ui.interactive) {
    const question = probe.kind === "refused" ? "Save it anyway?" : "Save and go on anyway?";
    return ui.sure({ message: question, flag: "--no-verify", initial: probe.kind !== "refused" });
  }
  if (probe.kind === "unreachable" || probe.kind === "limited") {
    ui.warn(`${what} is saved without a check`);
    return true;
  }
  throw new Fault({
    code: "key-check",
    message: `${what}: ${sayProbe(probe)}`,
    hint: "check key and model, or save them unchecked with --no-verify",
  });
}

/** What the inference commands do: read and change the default profile or one sandbox's, with the same checks as onboarding. */
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { InferenceConfig, listModels, type ProviderName, providerOf } from "../../gateway/index.ts";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, type Paths, pathsOf } from "../../lib/paths.ts";
import { say } from "../io.ts";
import { findSandbox, type KnownSandbox } from "../names/registry.ts";
import { isHttpUrl } from "../onboard/given.ts";
import { askKey, askModel, sayProbe } from "../onboard/model.ts";
import { storedKey, takeFromEnvironment } from "../onboard/secrets.ts";
import { plainUi } from "../onboard/ui.ts";
import type { HomeOption } from "../policy/target.ts";
import type { Edit } from "../settings/edit.ts";
import { routeEdits } from "../settings/inference.ts";
import { providerNamed } from "../settings/providers.ts";
import { readConfig } from "../settings/read.ts";
import { makeLayout } from "../supervisor/layout.ts";
import { writeSecret } from "../supervisor/secrets.ts";
import { usersFor } from "../supervisor/users.ts";
import { withStore } from "./store.ts";
import { changeSettings } from "./use.ts";

/** Options of `inference set`. */
export interface SetOptions extends HomeOption {
  sandbox?: string;
  provider?: string;
  model?: string;
  endpointUrl?: string;
  apiKeyStdin?: boolean;
  verify: boolean;
}

/** Provider and model of somebody, and where that is said. */
interface Route {
  provider: string;
  model: string;
  from: string;
}

/** `inference get`. */
export async function showInference(
  options: HomeOption & { sandbox?: string; json?: boolean },
): Promise<void> {
  const { paths, inference } = settingsOf(options);
  const sandbox = options.sandbox === undefined ? undefined : findSandbox(paths.home, options.sandbox);
  const route = await routeOf(options, paths, inference, sandbox);
  const row = providerOf(route.provider);
  const baseUrl = inference.providers[route.provider as ProviderName]?.baseUrl ?? row?.baseUrl ?? "";
  const key = row?.builtIn || storedKey(paths, route.provider) !== undefined;
  if (options.json) {
    console.log(
      JSON.stringify({ sandbox: sandbox?.name ?? null, ...route, endpointUrl: baseUrl, hasKey: key }),
    );
    return;
  }
  console.log(
    [
      `Provider:  ${route.provider}${row ? ` (${row.label})` : ""}`,
      `Model:     ${route.model}`,
      ...(baseUrl ? [`Endpoint:  ${baseUrl}`] : []),
      `Key:       ${key ? "stored" : row?.keyOptional ? "none (not needed)" : "MISSING"}`,
      `Said by:   ${route.from}`,
    ].join("\n"),
  );
}

/** `inference models`. */
export async function showModels(options: HomeOption & { provider?: string; json?: boolean }): Promise<void> {
  const { paths, inference } = settingsOf(options);
  const provider = providerNamed({ name: options.provider ?? inference.default.provider });
  const baseUrl = inference.providers[provider as ProviderName]?.baseUrl;
  const probe = await listModels({ name: provider, baseUrl, key: storedKey(paths, provider) });
  if (probe.kind !== "ok") {
    throw new Fault({
      code: "models",
      message: `${providerOf(provider)?.label}: ${sayProbe(probe)}`,
      hint: "nemoclaw inference get shows address and key",
    });
  }
  if (options.json) console.log(JSON.stringify({ provider, models: probe.models }));
  else for (const model of probe.models) console.log(model);
}

/** `inference set`. */
export async function setInference(options: SetOptions): Promise<void> {
  if (options.provider === undefined && options.model === undefined && options.endpointUrl === undefined)
    throw new Fault({ code: "usage", message: "what to change? Say --provider, --model or --endpoint-url" });
  if (options.endpointUrl !== undefined && !isHttpUrl(options.endpointUrl))
    throw new Fault({ code: "usage", message: "--endpoint-url: expected an http or https URL" });
  const { paths, config, inference, overridden } = settingsOf(options);
  const sandbox = options.sandbox === undefined ? undefined : findSandbox(paths.home, options.sandbox);
  const now = await routeOf(options, paths, inference, sandbox);
  const provider = providerNamed({ name: options.provider ?? now.provider });
  const baseUrl =
    options.endpointUrl?.replace(/\/+$/, "") ?? inference.providers[provider as ProviderName]?.baseUrl;
  const fromStdin = options.apiKeyStdin ? (await readAll(process.stdin)).trim() : undefined;
  const ui = plainUi();
  const { verify } = options;
  const bag = takeFromEnvironment(process.env);
  const key = await askKey({ ui, paths, bag, fromStdin, verify }, provider, baseUrl);
  const said = options.model ?? (provider === now.provider ? now.model : undefined);
  const model = await askModel(
    { ui, verify },
    key.choice,
    key.models,
    { interactive: false, model: said },
    undefined,
  );
  if (key.choice.secret) {
    const uid = process.getuid?.() ?? -1;
    const users = usersFor(uid, process.getgid?.() ?? -1);
    makeLayout(paths.home, users, uid === 0);
    writeSecret(
      join(paths.secrets("gateway"), key.choice.secret.name),
      key.choice.secret.value,
      users.gateway,
    );
  }
  const address: Edit[] =
    options.endpointUrl === undefined ? [] : [[["inference", "providers", provider, "baseUrl"], baseUrl]];
  if (sandbox === undefined)
    await changeSettings(paths.home, [...address, ...routeEdits(config, { provider, model }, undefined)]);
  else if (sandbox.operators) {
    await changeSettings(paths.home, [...address, ...onboardedEdits(sandbox.name, { provider, model })]);
  } else {
    if (address.length > 0) await changeSettings(paths.home, address);
    await withStore(options, ({ profiles }) =>
      profiles.change(sandbox.id, (now) => ({ ...(now ?? { v: 1, name: sandbox.name }), provider, model })),
    );
  }
  say(`✓ ${sandbox?.name ?? "everybody by default"}: ${provider}/${model}`);
  const variable = overridden.get("inference.default.provider") ?? overridden.get("inference.default.model");
  if (variable) say(`! ${variable} is set here; a service that is started with it takes that instead`);
}

function settingsOf(options: HomeOption) {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const { config, overridden } = readConfig(paths, { env: process.env });
  return { paths, config, overridden, inference: InferenceConfig.parse(config.inference) };
}

async function routeOf(
  options: HomeOption,
  paths: Paths,
  inference: InferenceConfig,
  sandbox: KnownSandbox | undefined,
): Promise<Route> {
  const named = (provider: string, model: string | undefined, from: string): Route => ({
    ...{ provider, from },
    model:
      model ??
      inference.providers[provider as ProviderName]?.model ??
      (providerOf(provider)?.defaultModel || "-"),
  });
  const { provider, model } = inference.default;
  const general = named(provider, model, "the default profile");
  if (sandbox === undefined) return general;
  const own = sandbox.operators
    ? readConfig(paths, { env: {} }).config.sandboxes[sandbox.name]
    : await withStore(options, (store) => store.profiles.get(sandbox.id)).catch(() => undefined);
  return own?.provider ? named(own.provider, own.model, `the profile of ${sandbox.name}`) : general;
}

/** One sandbox's own route; my-agent may not be written down yet. */
const onboardedEdits = (name: string, { provider, model }: { provider: string; model: string }): Edit[] => [
  [["sandboxes", name, "provider"], provider],
  [["sandboxes", name, "model"], model],
];

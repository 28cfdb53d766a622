/** Is the model's provider there, and does it take the key? Asks for its list of models, which costs nothing. */
import { join } from "node:path";
import { InferenceConfig, type Provider, providerOf } from "../../gateway/index.ts";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import { readSecret } from "../supervisor/secrets.ts";
import type { Examined } from "./examined.ts";

/** The default provider and those that stand in for it. */
export async function checkProviders(examined: Examined): Promise<Finding[]> {
  const parsed = InferenceConfig.safeParse(examined.config?.inference);
  if (!parsed.success) return [];
  const { default: first, fallbacks, providers } = parsed.data;
  const names = [...new Set([first, ...fallbacks].map(({ provider }) => provider))];
  return Promise.all(
    names.map((name) =>
      checkProvider(examined, name, providers[name]?.baseUrl ?? providerOf(name)?.baseUrl ?? ""),
    ),
  );
}

async function checkProvider(examined: Examined, provider: string, baseUrl: string): Promise<Finding> {
  const name = `provider ${provider}`;
  const row = providerOf(provider) as Provider;
  if (row.builtIn) return ok(name, "built in; it is no AI");
  const variable = row.keyEnv[0] ?? "";
  const key = readKey(examined, provider, row);
  const replace = `${variable}=… nemoclaw start, with a key that ${row.label} accepts`;
  if (key === undefined && !row.keyOptional) return fail(name, `there is no key for ${row.label}`, replace);
  if (baseUrl === "")
    return fail(name, "it has no address", `set inference.providers.${provider}.baseUrl in config.yaml`);
  const answer = await examined.outside.get(`${baseUrl}/models`, headersFor(row, key));
  if (answer.kind === "unreachable")
    return fail(
      name,
      `${new URL(baseUrl).host} can't be reached: ${answer.why}`,
      row.keyOptional
        ? `start it, or correct inference.providers.${provider}.baseUrl`
        : "check this machine's network, proxy and DNS",
    );
  const { status } = answer;
  if (status === 401 || status === 403)
    return fail(name, `${row.label} refuses the key (${status})`, replace);
  if (status === 402 || status === 429)
    return warn(
      name,
      `${row.label} answers ${status}: out of credit, or too many requests`,
      "look at the account there",
    );
  if (status >= 500)
    return warn(name, `${row.label} answers ${status}`, "it is their trouble: try again later");
  return ok(
    name,
    status === 200
      ? `${row.label} takes the key`
      : `${row.label} answers (${status}); it has no list of models`,
  );
}

function headersFor(row: Provider, key: string | undefined): Record<string, string> {
  if (key === undefined) return {};
  const [endpoint] = Object.values(row.endpoints);
  return endpoint?.auth === "x-api-key"
    ? { "x-api-key": key, "anthropic-version": "2023-06-01" }
    : { authorization: `Bearer ${key}` };
}

/** What a start with this environment would use. */
function readKey({ paths, env }: Examined, provider: string, row: Provider): string | undefined {
  const given = row.keyEnv.map((variable) => env[variable]?.trim()).find(Boolean);
  return given ?? readSecret(join(paths.secrets("gateway"), `${provider}.key`));
}

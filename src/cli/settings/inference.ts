/**
 * Which model answers, as config.yaml says it, and how that is changed: for everybody who follows the default, or for one
 * onboarded sandbox. Pure.
 */
import { InferenceConfig, providerOf } from "../../gateway/index.ts";
import type { Config } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import type { Edit } from "./edit.ts";

/** A provider and a model of it. */
export interface Route {
  readonly provider: string;
  readonly model: string;
}

/** The default. */
export function defaultRoute(config: Pick<Config, "inference">): Route {
  const { provider, model } = InferenceConfig.parse(config.inference).default;
  return { provider, model: model ?? providerOf(provider)?.defaultModel ?? "" };
}

/** What a sandbox uses. */
export function routeOf(config: Pick<Config, "inference" | "sandboxes">, name: string): Route {
  const base = defaultRoute(config);
  const own = config.sandboxes[name];
  const provider = own?.provider ?? base.provider;
  const model =
    own?.model ?? (provider === base.provider ? base.model : (providerOf(provider)?.defaultModel ?? ""));
  return { provider, model };
}

/**
 * The edits that put a route in force. Without a sandbox: the default, and every sandbox that had the same as the default.
 * @throws Fault `sandbox-unknown`
 */
export function routeEdits(
  config: Pick<Config, "inference" | "sandboxes">,
  route: Route,
  sandbox: string | undefined,
): Edit[] {
  const set = (name: string): Edit[] => [
    [["sandboxes", name, "provider"], route.provider],
    [["sandboxes", name, "model"], route.model],
  ];
  if (sandbox !== undefined) {
    if (!Object.hasOwn(config.sandboxes, sandbox))
      throw new Fault({
        code: "sandbox-unknown",
        message: `${sandbox} was not onboarded: it uses the default`,
        hint: "leave --sandbox out to change the default, or run: nemoclaw onboard",
      });
    return set(sandbox);
  }
  const before = defaultRoute(config);
  const followers = Object.entries(config.sandboxes).filter(([name, own]) => {
    const now = routeOf(config, name);
    return (
      own && (own.provider ?? own.model) && now.provider === before.provider && now.model === before.model
    );
  });
  return [[["inference", "default"], route], ...followers.flatMap(([name]) => set(name))];
}

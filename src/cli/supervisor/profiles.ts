/**
 * Onboarded sandboxes as profiles in Redis, where worker and gateway look: written at each start and reload, so that
 * config.yaml is the truth about their names and models. Budgets that were set elsewhere stay.
 */
import { join } from "node:path";
import type { Config } from "../../lib/config.ts";
import { OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import { openStore, type Profile, type Store } from "../../store/index.ts";
import { FIRST_SANDBOX, onboardedId } from "../names/registry.ts";
import { REDIS_PASSWORD, type RedisAccess } from "./messages.ts";
import { readSecret } from "./secrets.ts";

/** What each onboarded sandbox is to be, by id. Pure. */
export function onboardedProfiles(
  sandboxes: Config["sandboxes"],
): Map<string, Pick<Profile, "name" | "provider" | "model">> {
  const wanted = new Map<string, Pick<Profile, "name" | "provider" | "model">>();
  wanted.set(OPERATOR_PRINCIPAL, { name: FIRST_SANDBOX });
  for (const [name, settings] of Object.entries(sandboxes)) {
    const { id = onboardedId(name), provider, model } = settings ?? {};
    wanted.set(id, { name, ...(provider ? { provider } : {}), ...(model ? { model } : {}) });
  }
  return wanted;
}

/** Opens the store as the operator's commands do. The caller closes it. */
export async function openOperatorStore(
  paths: Paths,
  { url, username = "operator" }: RedisAccess,
  hostId: string,
  logger: Logger,
  readyMs?: number,
): Promise<Store> {
  const password = readSecret(join(paths.secrets("operator"), REDIS_PASSWORD));
  const store = openStore({
    ...(url === undefined ? { socketPath: paths.redis.socket } : { url }),
    ...(password === undefined ? {} : { username, password }),
    ...{ name: "operator", hostId, logger },
  });
  try {
    await store.ready(readyMs);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Writes what differs. */
export async function syncProfiles(store: Store, sandboxes: Config["sandboxes"]): Promise<void> {
  for (const [id, wanted] of onboardedProfiles(sandboxes)) {
    await store.profiles.change(id, (now) => {
      const { provider: _, model: __, ...kept } = now ?? { v: 1, name: "" };
      return { ...kept, ...wanted };
    });
  }
}

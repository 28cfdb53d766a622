/** Opens a supervised process's store with its own Redis user, and waits until it serves. */
import { join } from "node:path";
import type { Logger } from "../../lib/logging.ts";
import { pathsOf } from "../../lib/paths.ts";
import { openStore, type RedisRole, type Store } from "../../store/index.ts";
import { REDIS_PASSWORD, type ServiceSettings } from "../supervisor/messages.ts";
import { readSecret } from "../supervisor/secrets.ts";

/** Longest wait for Redis at start; the supervisor tries again after it. */
const READY_MS = 15_000;

/** @throws Fault `redis-…` when Redis can't be reached or refuses this process. */
export async function openServiceStore(
  settings: ServiceSettings,
  role: RedisRole,
  logger: Logger,
): Promise<Store> {
  const paths = pathsOf(settings.home);
  const { url, username = role } = settings.redis;
  const password = readSecret(join(paths.secrets(settings.name), REDIS_PASSWORD));
  const store = openStore({
    ...(url === undefined ? { socketPath: paths.redis.socket } : { url }),
    ...(password === undefined ? {} : { username, password }),
    name: settings.name,
    hostId: settings.hostId,
    logger,
  });
  try {
    await store.ready(READY_MS);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

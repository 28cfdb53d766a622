/** The store as the operator's commands open it: for one question, quickly, and closed again. */
import { existsSync, readFileSync } from "node:fs";
import { Fault } from "../../lib/errors.ts";
import { createLogger } from "../../lib/logging.ts";
import { homeFrom, type Paths, pathsOf } from "../../lib/paths.ts";
import type { Store } from "../../store/index.ts";
import type { HomeOption } from "../policy/target.ts";
import type { RedisAccess } from "../supervisor/messages.ts";

/** A Redis that is there answers long before; one that isn't must not hold up a command. */
const READY_MS = 2_000;

/** @throws Fault `not-running` when nothing serves this home, `redis-…` when Redis can't be used. */
export async function withStore<T>(
  options: HomeOption,
  work: (store: Store, paths: Paths) => Promise<T>,
): Promise<T> {
  const paths = pathsOf(options.home ?? homeFrom(process.env));
  const access = redisAccess(paths);
  if (!existsSync(paths.hostId) || (access.url === undefined && !existsSync(paths.redis.socket)))
    throw new Fault({
      code: "not-running",
      message: "nemoclaw is not running on this home",
      hint: "start it with: nemoclaw start",
    });
  const { openOperatorStore } = await import("../supervisor/profiles.ts");
  const logger = createLogger({ process: "operator", level: "silent" });
  const hostId = readFileSync(paths.hostId, "utf8").trim();
  const store = await openOperatorStore(paths, access, hostId, logger, READY_MS);
  try {
    return await work(store, paths);
  } finally {
    await store.close();
  }
}

/** As the running supervisor noted it, so that a changed config.yaml or another environment doesn't mislead. */
function redisAccess(paths: Paths): RedisAccess {
  try {
    return JSON.parse(readFileSync(paths.redisAccess, "utf8")) as RedisAccess;
  } catch {
    return {};
  }
}

/** Checks of Redis: it answers, keeps what it acknowledges, holds data that this version reads, has room and the time. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { createLogger, type Logger } from "../../lib/logging.ts";
import { openStore, type Store } from "../../store/index.ts";
import { type Finding, fail, ok } from "../preflight/finding.ts";
import { checkRedis as checkProgram } from "../preflight/isolation.ts";
import { REDIS_PASSWORD } from "../supervisor/messages.ts";
import { readSecret } from "../supervisor/secrets.ts";
import type { Examined } from "./examined.ts";

const READY_MS = 3_000;

/** `redis`, and `redis durability` where it can be asked. */
export async function checkRedis(examined: Examined): Promise<Finding[]> {
  const { config, host, paths } = examined;
  const url = config?.redis.url;
  if (url === undefined && !existsSync(paths.redis.socket)) {
    const program = await checkProgram(host, undefined);
    if (program.verdict !== "ok" || !examined.service) return [program];
    return [fail("redis", `${paths.redis.socket} is gone`, "nemoclaw stop, then nemoclaw start")];
  }
  let store: Store | undefined;
  try {
    store = openStore({ ...access(examined, url), name: "doctor", hostId: "doctor", logger: quiet() });
    await store.ready(READY_MS);
    return [
      ok(
        "redis",
        url === undefined ? `the service's own, ${paths.redis.socket}` : `answers at ${hostOf(url)}`,
      ),
      await checkDurability(store, config?.redis.durability === "asserted"),
      ...(await noteTime(store, examined)),
    ];
  } catch (error) {
    return [explain(error, examined, url)];
  } finally {
    await store?.close();
  }
}

function explain(error: unknown, { service, paths }: Examined, url: string | undefined): Finding {
  const fault = error instanceof Fault ? error : undefined;
  const what = error instanceof Error ? error.message : String(error);
  if (fault?.code === "schema-version")
    return fail("redis schema", what, fault.hint ?? "install a fitting version");
  if (fault?.code === "redis-auth" && url === undefined)
    return fail(
      "redis",
      `another server than this home's answers on ${paths.redis.socket}`,
      `find it with: fuser ${paths.redis.socket}`,
    );
  if (fault && !fault.retryable) return fail("redis", what, fault.hint ?? "check REDIS_URL");
  if (url !== undefined)
    return fail(
      "redis",
      `${hostOf(url)}: ${what}`,
      "start that server, or correct REDIS_URL (redis.url in config.yaml)",
    );
  return service
    ? fail(
        "redis",
        what,
        "nemoclaw logs says why; it is started again by itself, else: nemoclaw stop, nemoclaw start",
      )
    : ok("redis", "not running; it starts with the service");
}

async function checkDurability(store: Store, asserted: boolean): Promise<Finding> {
  const name = "redis durability";
  const problems = await store.durabilityProblems(asserted);
  const [first, ...more] = problems;
  if (first === undefined)
    return ok(
      name,
      asserted ? "asserted by the operator" : "every write is on the disk before it is acknowledged",
    );
  return fail(
    name,
    `accepted messages could be lost: ${problems.map((text) => text.split(":")[0]).join(", ")}`,
    [first, ...more].map((text) => text.slice(text.indexOf(":") + 2)).join("; "),
  );
}

/** Redis's clock is compared with ours in the clock's check; on this machine they are one. */
async function noteTime(store: Store, { outside }: Examined): Promise<Finding[]> {
  const before = Date.now();
  const time = await store.time();
  outside.skews.push({ server: "redis", ms: (before + Date.now()) / 2 - time });
  return [];
}

/** As the supervisor, the only one that may ask for settings. */
function access({ paths }: Examined, url: string | undefined) {
  if (url !== undefined) return { url };
  const password = readSecret(join(paths.secrets("supervisor"), REDIS_PASSWORD));
  return { socketPath: paths.redis.socket, ...(password ? { username: "supervisor", password } : {}) };
}

const hostOf = (url: string) => new URL(url).host;

function quiet(): Logger {
  return createLogger({ process: "doctor", level: "silent" });
}

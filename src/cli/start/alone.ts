/**
 * One process by itself, as compose and systemd run them: `nemoclaw service prepare` has made the home, the logins and the
 * settings file as root; each process then runs as its own user and reads what is its own. No supervisor, no lock on the
 * home: what must be single holds a lock or a lease of its own.
 */
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { createLogger } from "../../lib/logging.ts";
import { type Paths, pathsOf } from "../../lib/paths.ts";
import { ensureRuntime } from "../../sandbox/index.ts";
import { openStore } from "../../store/index.ts";
import { serve } from "../serve.ts";
import { openInstallation } from "../supervisor/installation.ts";
import { REDIS_PASSWORD, type ServiceSettings } from "../supervisor/messages.ts";
import { openOperatorStore, syncProfiles } from "../supervisor/profiles.ts";
import { handedOn, prepareLogins, storeLogin } from "../supervisor/redis.ts";
import { readSecret, writeSecret } from "../supervisor/secrets.ts";
import { SERVICES, type ServiceName } from "../supervisor/users.ts";

type Prepared = Omit<ServiceSettings, "name">;

const settingsFile = (paths: Paths) => join(paths.home, "run", "service.json");

/** Home, secrets, logins, the agent's runtime, settings: everything that a process alone needs. Again is harmless. */
export async function prepareHome(home: string, say: (line: string) => void): Promise<void> {
  const installation = await openInstallation(home, process.env, {});
  const { paths, users, hostId, config, blueprint, lock, notices } = installation;
  try {
    for (const notice of notices) say(`! ${notice}`);
    const { acl } = prepareLogins(installation);
    writeSecret(paths.redis.aclFile, acl, users.redis);
    const logger = createLogger({ process: "prepare", level: config.log.level });
    const node = process.execPath;
    const { dir, digest } = await ensureRuntime({ blueprint, paths, node, onProgress: say, logger });
    const redis = config.redis.url === undefined ? {} : storeLogin(installation, config.redis.url);
    const prepared: Prepared = {
      home,
      hostId,
      config: handedOn(config),
      redis,
      users,
      solo: false,
      alone: true,
      runtime: { node, dir, digest },
    };
    // The services' own group reads it, nobody else.
    writeSecret(settingsFile(paths), JSON.stringify(prepared), {
      uid: users.launcher.uid,
      gid: users.worker.gid,
    });
    chmodSync(settingsFile(paths), 0o640);
    writeSecret(paths.redisAccess, JSON.stringify(redis), users.launcher);
    say(`✓ ${home} is prepared`);
  } finally {
    lock.release();
  }
}

/** Once Redis serves: checks that it keeps what it acknowledges, its schema, and puts the onboarded profiles in. */
export async function prepareStore(home: string, say: (line: string) => void): Promise<void> {
  const { paths, config, redis, hostId } = readPrepared(home);
  const logger = createLogger({ process: "prepare", level: config.log.level });
  const password = readSecret(join(paths.secrets("supervisor"), REDIS_PASSWORD));
  const store = openStore({
    ...(redis.url === undefined ? { socketPath: paths.redis.socket } : { url: redis.url }),
    ...(password === undefined ? {} : { username: redis.username ?? "supervisor", password }),
    ...{ name: "supervisor", hostId, logger },
  });
  try {
    await store.ready();
    await store.prepare(config.redis.durability === "asserted");
  } finally {
    await store.close();
  }
  const operator = await openOperatorStore(paths, redis, hostId, logger);
  await syncProfiles(operator, config.sandboxes).finally(() => operator.close());
  say("✓ Redis is ready for the service");
}

/** Runs one process until it ends. @throws Fault `unknown-service`, `not-prepared` */
export async function runAlone(home: string, service: string): Promise<void> {
  const name = SERVICES.find((each) => each === service);
  if (name === undefined) {
    throw new Fault({
      code: "unknown-service",
      message: `there is no process called ${service}`,
      hint: `one of: ${SERVICES.join(", ")}`,
    });
  }
  const { paths: _, ...settings } = readPrepared(home);
  // Which group is delegated is known by what starts us (systemd), not by what has prepared the home.
  settings.config.sandbox.cgroup ??= process.env["NEMOCLAW_CGROUP"];
  await serve(name satisfies ServiceName, { ...settings, name });
}

function readPrepared(home: string): Prepared & { paths: Paths } {
  const paths = pathsOf(home);
  const file = settingsFile(paths);
  if (!existsSync(file)) {
    throw new Fault({
      code: "not-prepared",
      message: `${file} is missing: this home was never prepared for processes that run one by one`,
      hint: "as root: nemoclaw service prepare; or let one command run everything: nemoclaw start",
    });
  }
  return { ...(JSON.parse(readFileSync(file, "utf8")) as Prepared), paths };
}

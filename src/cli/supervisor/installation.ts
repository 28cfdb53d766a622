/**
 * Everything that is settled before a process starts: home, lock, configuration, users, secrets, identity.
 * Must leave no secret in this process's environment.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INFERENCE_PARTS } from "../../gateway/index.ts";
import { BOT_TOKEN, type Config, type ConfigFlags, resolveConfig } from "../../lib/config.ts";
import { newId } from "../../lib/ids.ts";
import type { Paths } from "../../lib/paths.ts";
import { type Blueprint, resolveBlueprint } from "../../sandbox/index.ts";
import { WorkerConfig } from "../../worker/index.ts";
import { PROJECT_ROOT } from "../project.ts";
import { type HomeLock, lockHome } from "./home-lock.ts";
import { makeLayout } from "./layout.ts";
import { readSecret, storedProviderKeys, storeSecrets } from "./secrets.ts";
import { type Users, usersFor } from "./users.ts";

/** A home that is ours and ready. */
export interface Installation {
  paths: Paths;
  blueprint: Blueprint;
  root: boolean;
  users: Users;
  hostId: string;
  config: Config;
  lock: HomeLock;
  hasBotToken: boolean;
  /** Nobody but the operator is let in. */
  onlyOperator: boolean;
  notices: string[];
}

/**
 * Takes the home and reads its configuration.
 * @throws Fault `home-…`, `config-invalid`
 */
export async function openInstallation(
  home: string,
  env: NodeJS.ProcessEnv,
  flags: ConfigFlags,
): Promise<Installation> {
  const blueprint = await resolveBlueprint(PROJECT_ROOT);
  const uid = process.getuid?.() ?? -1;
  const users = usersFor(uid, process.getgid?.() ?? -1);
  const paths = makeLayout(home, users, uid === 0);
  const lock = lockHome(paths.lock);
  try {
    const text = existsSync(paths.config) ? readFileSync(paths.config, "utf8") : undefined;
    const { config, secrets, notices } = resolveConfig({
      file: { path: paths.config, text },
      env,
      flags,
      parts: {
        inference: INFERENCE_PARTS.schema,
        egress: INFERENCE_PARTS.egress,
        worker: WorkerConfig,
        keys: INFERENCE_PARTS.keys,
      },
      defaults: [
        [["egress", "unknown"], blueprint.policy.unknown],
        ...Object.entries(blueprint.profiles.default.limits).map(([name, value]): [string[], unknown] => [
          ["worker", "profile", "limits", name],
          value,
        ]),
      ],
      storedKeys: storedProviderKeys(paths),
    });
    storeSecrets(secrets, paths, users, env);
    const hasBotToken = readSecret(join(paths.secrets("telegram-bridge"), BOT_TOKEN)) !== undefined;
    return {
      paths,
      blueprint,
      root: uid === 0,
      users,
      hostId: hostIdOf(paths.hostId),
      config,
      lock,
      hasBotToken,
      onlyOperator: !hasBotToken || config.telegram.allowedUsers.length === 0,
      notices,
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** This host's name in every record, made at the first start. */
function hostIdOf(file: string): string {
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const id = newId("h");
  writeFileSync(file, `${id}\n`, { mode: 0o644 });
  return id;
}

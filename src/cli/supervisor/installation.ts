/**
 * Everything that is settled before a process starts: home, lock, configuration, users, secrets, identity.
 * Must leave no secret in this process's environment.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Config, ConfigFlags } from "../../lib/config.ts";
import { newId } from "../../lib/ids.ts";
import type { Paths } from "../../lib/paths.ts";
import { type Blueprint, resolveBlueprint } from "../../sandbox/index.ts";
import { requireWhole } from "../backup/half.ts";
import { PROJECT_ROOT } from "../project.ts";
import { readConfig } from "../settings/read.ts";
import { type HomeLock, lockHome } from "./home-lock.ts";
import { makeLayout } from "./layout.ts";
import { type BotName, botsWithToken, storeSecrets } from "./secrets.ts";
import { type Users, usersFor } from "./users.ts";

/** What may change while the service runs: `nemoclaw reload` reads it anew. */
export interface Settings {
  config: Config;
  /** Bridges whose token is there. */
  bots: BotName[];
  /** Nobody but the operator is let in. */
  onlyOperator: boolean;
  notices: string[];
}

/** A home that is ours and ready. */
export interface Installation extends Settings {
  paths: Paths;
  blueprint: Blueprint;
  root: boolean;
  users: Users;
  hostId: string;
  lock: HomeLock;
  /** Reads the settings again, with the environment and flags of the start. @throws Fault `config-invalid` */
  reread(): Settings;
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
    requireWhole(home);
    const reread = () => readSettings(paths, blueprint, users, env, flags);
    return {
      ...{ paths, blueprint, users, lock, reread },
      ...{ root: uid === 0, hostId: hostIdOf(paths.hostId) },
      ...reread(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function readSettings(
  paths: Paths,
  blueprint: Blueprint,
  users: Users,
  env: NodeJS.ProcessEnv,
  flags: ConfigFlags,
): Settings {
  const { config, secrets, notices } = readConfig(paths, { env, flags, blueprint });
  storeSecrets(secrets, paths, users, env);
  const bots = botsWithToken(paths);
  const allowed = { "telegram-bridge": config.telegram, "discord-bridge": config.discord };
  return {
    ...{ config, bots, notices },
    onlyOperator: bots.every((bot) => allowed[bot].allowedUsers.length === 0),
  };
}

/** This host's name in every record, made at the first start. */
function hostIdOf(file: string): string {
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const id = newId("h");
  writeFileSync(file, `${id}\n`, { mode: 0o644 });
  return id;
}

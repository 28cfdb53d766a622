/**
 * Which host user each process runs as (DESIGN §2). As root: a reserved number each, without useradd, below the range of
 * the sandboxes' users. As an ordinary user: everything is that user, which `status` says.
 */

/** Processes of one installation, by the name that `nemoclaw start NAME` takes. */
export const SERVICES = [
  "launcher",
  "access",
  "gateway",
  "worker",
  "console",
  "telegram-bridge",
  "discord-bridge",
] as const;

/** A process's name. */
export type ServiceName = (typeof SERVICES)[number];

/** Whoever owns files or sockets of the installation. */
export type Owner = ServiceName | "redis";

/** A numeric user and group. */
export interface Ids {
  uid: number;
  gid: number;
}

/** The group that may connect to the embedded Redis; every process that uses it has it as its only group. */
const SERVICES_GID = 1_899_999_000;
const UIDS: Record<Exclude<Owner, "launcher">, number> = {
  redis: 1_899_999_001,
  gateway: 1_899_999_002,
  worker: 1_899_999_003,
  console: 1_899_999_004,
  "telegram-bridge": 1_899_999_005,
  "discord-bridge": 1_899_999_006,
  access: 1_899_999_007,
};

/** Owner → ids. The launcher stays what we are. */
export type Users = Record<Owner, Ids>;

/** The users of an installation that is started by this uid and gid. */
export function usersFor(uid: number, gid: number): Users {
  const own = { uid, gid };
  if (uid !== 0) {
    return {
      launcher: own,
      access: own,
      redis: own,
      gateway: own,
      worker: own,
      console: own,
      "telegram-bridge": own,
      "discord-bridge": own,
    };
  }
  const reserved = (owner: Exclude<Owner, "launcher">) => ({ uid: UIDS[owner], gid: SERVICES_GID });
  return {
    launcher: own,
    access: reserved("access"),
    redis: reserved("redis"),
    gateway: reserved("gateway"),
    worker: reserved("worker"),
    console: reserved("console"),
    "telegram-bridge": reserved("telegram-bridge"),
    "discord-bridge": reserved("discord-bridge"),
  };
}

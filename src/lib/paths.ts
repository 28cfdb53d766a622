/**
 * Where things live on disk (DESIGN §9). Pure: makes no directory, reads nothing.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Every path of one installation. */
export interface Paths {
  home: string;
  config: string;
  hostId: string;
  lock: string;
  /** One file per secret: `secrets/<process>/<name>`. */
  secrets(process: string): string;
  redis: { dir: string; socket: string; aclFile: string };
  launcher: { workerSocket: string; gatewaySocket: string; operatorSocket: string; records: string };
  /** Sockets of one sandbox; `runName` is unguessable and made by the launcher. */
  egressDir(runName: string): string;
  egressSocket(runName: string): string;
  controlDir(runName: string): string;
  controlSocket(runName: string): string;
  user(principal: string): { dir: string; home: string; config: string; lock: string };
  /** Files between chats and sandboxes (`lib/spool.ts`). */
  spool: { in: string; out: string };
  /** Copies of one home, made by the operator. */
  snapshots(principal: string): string;
  /** Programs and files of sandboxes, for the operator's commands. */
  workerSocket: string;
  /** What the operator's commands ask the gateway by. */
  adminSocket: string;
  /** What the operator's commands ask the worker by. */
  workerAdminSocket: string;
  /** What the operator's commands ask the access component by. */
  accessSocket: string;
  /** The operator's policy file, where no other is configured. */
  policyFile: string;
  runtime: string;
  consoleSocket: string;
  status: string;
  /** Where the running service's Redis is, without a password; for the operator's commands. */
  redisAccess: string;
  logs: string;
  audit: string;
  uids: string;
}

/** `NEMOCLAW_HOME`, else `/var/lib/nemoclaw` as root and `~/.nemoclaw` as a user. */
export function homeFrom(env: NodeJS.ProcessEnv, uid: number | undefined = process.getuid?.()): string {
  return resolve(env["NEMOCLAW_HOME"] || (uid === 0 ? "/var/lib/nemoclaw" : join(homedir(), ".nemoclaw")));
}

/** All paths under `home`, absolute: the service's processes work in `/`. Unix socket paths must stay below 108 bytes: keep homes short. */
export function pathsOf(given: string): Paths {
  const home = resolve(given);
  const at = (...parts: string[]) => join(home, ...parts);
  return {
    home,
    config: at("config.yaml"),
    hostId: at("host-id"),
    lock: at("lock"),
    secrets: (process) => at("secrets", process),
    redis: {
      dir: at("redis"),
      socket: at("run", "redis", "redis.sock"),
      aclFile: at("secrets", "redis", "users.acl"),
    },
    launcher: {
      workerSocket: at("run", "launcher", "worker.sock"),
      gatewaySocket: at("run", "launcher", "gateway.sock"),
      operatorSocket: at("run", "launcher", "operator.sock"),
      records: at("sandboxes"),
    },
    egressDir: (runName) => at("run", "egress", runName),
    egressSocket: (runName) => at("run", "egress", runName, "egress.sock"),
    controlDir: (runName) => at("run", "control", runName),
    controlSocket: (runName) => at("run", "control", runName, "control.sock"),
    user: (principal) => ({
      dir: at("users", principal),
      home: at("users", principal, "home"),
      config: at("users", principal, "config"),
      lock: at("users", principal, "lock"),
    }),
    spool: { in: at("run", "spool", "in"), out: at("run", "spool", "out") },
    snapshots: (principal) => at("snapshots", principal),
    workerSocket: at("run", "worker", "operator.sock"),
    adminSocket: at("run", "gateway", "admin.sock"),
    workerAdminSocket: at("run", "worker", "admin.sock"),
    accessSocket: at("run", "access", "admin.sock"),
    policyFile: at("policy.yaml"),
    runtime: at("runtime"),
    consoleSocket: at("run", "console", "console.sock"),
    status: at("run", "status.sock"),
    redisAccess: at("run", "redis-access.json"),
    logs: at("logs"),
    audit: at("audit"),
    uids: at("uids.json"),
  };
}

/**
 * What supervisor and child say to each other over Node's IPC channel, and what a child is told at its start.
 * Holds names of secret files, never a secret. When the channel closes, the supervisor is gone and the child ends.
 */
import type { Config } from "../../lib/config.ts";
import type { ServiceName, Users } from "./users.ts";

/** How a process reaches Redis; its password is a file that only it can read. */
export interface RedisAccess {
  /** Without user and password. Absent: the embedded server's socket. */
  url?: string | undefined;
  /** One user for all processes, where the operator's REDIS_URL names one; absent: each process has its own. */
  username?: string | undefined;
}

/** File below `secrets/<process>/` with the process's Redis password. */
export const REDIS_PASSWORD = "redis-password";

/** Everything that a process needs to know at its start. */
export interface ServiceSettings {
  name: ServiceName;
  home: string;
  hostId: string;
  config: Config;
  redis: RedisAccess;
  users: Users;
  /** This host can't give a cap that other people's agents need: nobody but the operator may be let in. */
  solo: boolean;
  /** No supervisor judges this host's protections: the launcher does, and doesn't serve without them. */
  alone?: boolean;
  /** Node and the agent's runtime for sandboxes (launcher only uses it). */
  runtime: { node: string; dir: string; digest: string };
}

/** Supervisor → child. */
export type ToService =
  | { type: "settings"; settings: ServiceSettings }
  /** End in order: finish or detach, flush, close, exit 0. In a hurry: detach at once. */
  | { type: "drain"; hurry: boolean }
  /** Settings that take effect at once have changed (reload.ts). */
  | { type: "config"; config: Config }
  | { type: "ping"; n: number };

/** Child → supervisor. */
export type FromService =
  /** Its own checks have passed and it takes work. `facts` is shown by `nemoclaw status`. */
  | { type: "ready"; facts: Record<string, string> }
  /** It can't start; a retry won't help unless `retryable`. */
  | { type: "failed"; code: string; message: string; hint?: string | undefined; retryable: boolean }
  /** Facts may have changed since `ready`. */
  | { type: "pong"; n: number; facts?: Record<string, string> };

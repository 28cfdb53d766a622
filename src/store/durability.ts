/**
 * Whether this Redis keeps what it acknowledged (RELIABILITY §6). An acknowledged message must survive a power cut,
 * so every write is fsynced and nothing is ever evicted.
 */
import { Fault } from "../lib/errors.ts";
import type { Connection } from "./connection.ts";

const REQUIRED: [setting: string, value: string][] = [
  ["appendonly", "yes"],
  ["appendfsync", "always"],
  ["maxmemory-policy", "noeviction"],
];
const MIN_VERSION = [6, 2];

/** What is wrong, each with its fix; empty when all is well. `asserted`: the operator vouches where CONFIG is forbidden. */
export async function checkDurability(connection: Connection, asserted: boolean): Promise<string[]> {
  const problems: string[] = [];
  const info = await connection.command((r) => r.info());
  const version = /^(?:redis|valkey)_version:(\d+)\.(\d+)/m.exec(info);
  const [major = 0, minor = 0] = (version ?? []).slice(1).map(Number);
  const [wantMajor = 0, wantMinor = 0] = MIN_VERSION;
  if (major < wantMajor || (major === wantMajor && minor < wantMinor)) {
    problems.push(`version is ${major}.${minor}: Redis ${MIN_VERSION.join(".")} or newer is needed`);
  }
  // CONFIG is often forbidden on hosted Redis; INFO tells two of the three.
  const told: Record<string, string | undefined> = {
    appendonly: /^aof_enabled:1/m.test(info) ? "yes" : "no",
    "maxmemory-policy": /^maxmemory_policy:(\S+)/m.exec(info)?.[1],
  };
  for (const [setting, want] of REQUIRED) {
    const answer = await connection
      .command((r) => r.config("GET", setting))
      .catch((error: unknown) => {
        if (error instanceof Fault && error.retryable) throw error;
        return undefined;
      });
    const value = (Array.isArray(answer) ? String(answer[1]) : undefined) ?? told[setting];
    if (value === want) continue;
    if (value === undefined) {
      if (!asserted)
        problems.push(
          `${setting} can't be read (CONFIG is forbidden): check that it is "${want}" and set redis.durability: asserted`,
        );
    } else if (!(asserted && answer === undefined)) {
      problems.push(
        `${setting} is "${value}": set it to "${want}" (CONFIG SET ${setting} ${want}, and in redis.conf)`,
      );
    }
  }
  return problems;
}

/** Refuses a Redis that may lose messages. */
export async function assertDurable(connection: Connection, asserted: boolean): Promise<void> {
  const problems = await checkDurability(connection, asserted);
  if (problems.length === 0) return;
  throw new Fault({
    code: "redis-durability",
    message: `this Redis could lose accepted messages: ${problems.join("; ")}`,
    hint: "change these settings, or let nemoclaw run its own Redis (unset REDIS_URL)",
  });
}

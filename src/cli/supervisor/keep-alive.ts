/**
 * Keeps a process alive that is not a child: Redis survives supervisors, so the present one may have adopted it and gets
 * no exit event. Looks at /proc, starts it again when it is gone, with back-off.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../lib/logging.ts";
import { planRestart } from "./restart.ts";
import { startTimeOf } from "./survivors.ts";

const LOOK_MS = 200;

/** What to keep alive. */
export interface KeepAliveOptions {
  name: string;
  /** Its pid now. */
  pid: () => number;
  /** Starts it anew; resolves when it serves. */
  restart: () => Promise<void>;
  logger: Logger;
}

/** Watches until `stop`, which waits for a restart that is under way. */
export function keepAlive({ name, pid, restart, logger }: KeepAliveOptions): { stop(): Promise<void> } {
  const ending = new AbortController();
  const pause = (ms: number) => delay(ms, undefined, { signal: ending.signal }).catch(() => {});
  const watch = async () => {
    let failures = 0;
    let born = startTimeOf(pid());
    while (!ending.signal.aborted) {
      if (born !== undefined && startTimeOf(pid()) === born) {
        await pause(LOOK_MS);
        continue;
      }
      logger.warn({ service: name, gone: pid() }, "process ended");
      try {
        await restart();
        failures = 0;
        born = startTimeOf(pid());
        logger.info({ service: name, started: pid() }, "started again");
      } catch (error) {
        failures += 1;
        logger.error({ service: name, err: error, failures }, "can't start again");
        await pause(planRestart(failures - 1, 0, Math.random()).delayMs);
      }
    }
  };
  const done = watch();
  return {
    stop: () => {
      ending.abort();
      return done;
    },
  };
}

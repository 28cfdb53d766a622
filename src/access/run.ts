/**
 * The access component as a running thing: takes bridges' wishes in order, serves the operator's commands. The only
 * writer of who gets in; holds no token and no key, and speaks to no chat itself.
 */
import { type AdminServer, serveAdmin } from "../lib/admin/server.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { AccessStorePort, Identity, ProfilePort } from "../store/index.ts";
import { accessMethods } from "./admin.ts";
import { AccessDesk } from "./desk.ts";

/** Platforms whose people can be let in one by one. */
const PLATFORMS = ["telegram", "discord"] as const;

/** What it is given. */
export interface AccessOptions {
  store: { accessBook: AccessStorePort; profiles: ProfilePort };
  logger: Logger;
  /** Where the operator's commands find it. */
  socketPath: string;
  /** Who config.yaml lets in. */
  standing: readonly Identity[];
  /** Nobody but the operator may be let in: this host can't cage others. */
  solo: boolean;
}

/** It runs. */
export interface RunningAccess {
  /** config.yaml names others now. */
  setStanding(standing: readonly Identity[]): void;
  close(): Promise<void>;
}

/** Starts it; resolves when wishes are taken and the door is open. */
export async function runAccess(options: AccessOptions): Promise<RunningAccess> {
  const { store, logger, socketPath, solo } = options;
  const desk = new AccessDesk({ store: store.accessBook, profiles: store.profiles, logger, solo });
  await desk.begin(options.standing);
  const taking = new Map<string, Promise<void>>();
  /** One reader per platform at a time, and one more after it for what came meanwhile. */
  const take = (platform: string) => {
    const work = (taking.get(platform) ?? Promise.resolve())
      .then(() => store.accessBook.takeWishes(platform, (wish) => desk.wish(wish)))
      .catch((err: unknown) => logger.warn({ err, platform }, "wishes not taken; trying again"));
    taking.set(platform, work);
  };
  const off = await store.accessBook.onWishes((platform) => {
    if (PLATFORMS.some((known) => known === platform)) take(platform);
  });
  const look = () => {
    PLATFORMS.forEach(take);
    desk.sayUnsaid().catch(() => {}); // the next look will
  };
  look();
  const timer = setInterval(look, TIMEOUTS.sweep);
  const admin: AdminServer = await serveAdmin(socketPath, accessMethods(desk, store.profiles), logger);
  return {
    setStanding(standing) {
      desk
        .begin(standing)
        .catch((err: unknown) => logger.error({ err }, "config.yaml's people not taken over"));
    },
    async close() {
      clearInterval(timer);
      await off();
      await admin.close();
      await Promise.all(taking.values());
    },
  };
}

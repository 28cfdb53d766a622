/** What a configuration means for every chat bridge. */
import type { CoreFiles, Offers } from "../../bridges/core/index.ts";
import { offersOf } from "../../gateway/index.ts";
import type { Config } from "../../lib/config.ts";
import { pathsOf } from "../../lib/paths.ts";
import { Spool } from "../../lib/spool.ts";

/**
 * What people may choose from and use up; read anew at each command: `take` changes them while the bridge runs.
 * `counted`: whether their messages are counted; nobody counts the operator's own.
 */
export function chatOffers(
  config: Config,
  counted = true,
): { offers: Offers; take: (config: Config) => void } {
  const read = ({ inference, limits }: Config): Offers => ({
    ...{ dailyTokens: undefined, dailyMicros: undefined },
    ...offersOf(inference),
    messagesPerMinute: counted ? limits.messagesPerMinute : undefined,
  });
  const offers = read(config);
  return { offers, take: (changed) => void Object.assign(offers, read(changed)) };
}

/** Where files of chats lie on their way. */
export function chatFiles(home: string, config: Config): CoreFiles {
  const { spool } = pathsOf(home);
  return { in: new Spool(spool.in), out: new Spool(spool.out), inboundBytes: config.files.inboundBytes };
}

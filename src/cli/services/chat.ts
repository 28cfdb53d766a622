/** What a configuration means for every chat bridge. */
import type { CoreFiles, Offers } from "../../bridges/core/index.ts";
import { offersOf } from "../../gateway/index.ts";
import type { Config } from "../../lib/config.ts";
import { pathsOf } from "../../lib/paths.ts";
import { Spool } from "../../lib/spool.ts";

/** What people may choose from and use up. */
export function chatOffers(config: Config): Offers {
  const { messagesPerMinute } = config.limits;
  return { ...offersOf(config.inference), messagesPerMinute };
}

/** Where files of chats lie on their way. */
export function chatFiles(home: string, config: Config): CoreFiles {
  const { spool } = pathsOf(home);
  return { in: new Spool(spool.in), out: new Spool(spool.out), inboundBytes: config.files.inboundBytes };
}

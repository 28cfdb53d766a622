/** What the configuration offers to everybody in chats, as bridges show it. */
import type { Offers } from "../../bridges/core/index.ts";
import { offersOf } from "../../gateway/index.ts";
import type { Config } from "../../lib/config.ts";

/** See the module's header. */
export function chatOffers(config: Config): Offers {
  const { messagesPerMinute } = config.limits;
  return { ...offersOf(config.inference), messagesPerMinute };
}

/** The console bridge as a process: the operator's own chat, on a socket and a page on loopback. */
import { runConsoleBridge } from "../../bridges/console/index.ts";
import { isDead, ownerName } from "../../lib/owner.ts";
import { pathsOf } from "../../lib/paths.ts";
import { chatOffers } from "./chat.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** See the module's header. */
export const startConsole: StartService = async (settings, logger) => {
  const { offers, take } = chatOffers(settings.config, false);
  const store = await openServiceStore(settings, "bridge-console", logger);
  const bridge = await runConsoleBridge({
    paths: pathsOf(settings.home),
    store,
    owner: ownerName(settings.hostId),
    isDead: (owner) => isDead(owner, settings.hostId),
    logger,
    offers,
    port: settings.config.console.port,
  });
  const close = async (flushMs?: number) => {
    await bridge.close(flushMs);
    await store.close();
  };
  return {
    facts: bridge.url ? { url: bridge.url } : {},
    reconfigure: take,
    drain: () => close(),
    leave: () => close(500),
  };
};

/** The access component as a process: the only one that writes who gets in. */
import { runAccess } from "../../access/index.ts";
import type { Config } from "../../lib/config.ts";
import { pathsOf } from "../../lib/paths.ts";
import type { StartService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** Who config.yaml lets in, as identities. */
const standingOf = ({ telegram, discord }: Config) => [
  ...telegram.allowedUsers.map((id) => `telegram:${id}`),
  ...discord.allowedUsers.map((id) => `discord:${id}`),
];

/** See the module's header. */
export const startAccess: StartService = async (settings, logger) => {
  const store = await openServiceStore(settings, "access", logger);
  const access = await runAccess({
    store,
    logger,
    socketPath: pathsOf(settings.home).accessSocket,
    standing: standingOf(settings.config),
    solo: settings.solo,
  });
  return {
    facts: {},
    reconfigure: (config) => access.setStanding(standingOf(config)),
    async drain() {
      await access.close();
      await store.close();
    },
  };
};

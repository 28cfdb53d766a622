/** What the processes of both bots have in common: the token that only they read, their store, and how they end. */
import { join } from "node:path";
import type { CoreFiles, Offers } from "../../bridges/core/index.ts";
import { BOT_TOKEN } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { isDead, ownerName } from "../../lib/owner.ts";
import { pathsOf } from "../../lib/paths.ts";
import type { Store } from "../../store/index.ts";
import type { ServiceSettings } from "../supervisor/messages.ts";
import { readSecret } from "../supervisor/secrets.ts";
import { chatFiles, chatOffers } from "./chat.ts";
import type { RunningService } from "./service.ts";
import { openServiceStore } from "./store.ts";

/** A handed-over turn may take this long to leave. Milliseconds. */
const LEAVE_MS = 500;

/** What a bridge is, as far as its process is concerned. */
interface RunningBridge {
  readonly ready: Promise<void>;
  close(flushMs?: number): Promise<void>;
}

/** What every bridge of a platform is given. */
interface BotCommon {
  token: string;
  store: Store;
  offers: Offers;
  logger: Logger;
  owner: string;
  isDead: (owner: string) => boolean;
  files: CoreFiles;
}

/** One bot: how it is called, and what is its own. */
interface Bot<Bridge extends RunningBridge> {
  readonly platform: "telegram" | "discord";
  /** Where a token is to be had, when there is none. */
  readonly tokenHint: string;
  run(common: BotCommon): Bridge;
  facts(bridge: Bridge): Record<string, string>;
}

/** Runs one; resolves when it is ready. @throws Fault `…-token-missing`, or the bridge's own */
export async function startBot<Bridge extends RunningBridge>(
  settings: ServiceSettings,
  logger: Logger,
  { platform, tokenHint, run, facts }: Bot<Bridge>,
): Promise<RunningService> {
  const token = readSecret(join(pathsOf(settings.home).secrets(`${platform}-bridge`), BOT_TOKEN));
  if (!token)
    throw new Fault({
      code: `${platform}-token-missing`,
      message: `there is no bot token for the ${platform} bridge`,
      hint: tokenHint,
    });
  const { offers, take } = chatOffers(settings.config);
  const store = await openServiceStore(settings, `bridge-${platform}`, logger);
  const bridge = run({
    ...{ token, store, offers, logger },
    owner: ownerName(settings.hostId),
    isDead: (owner) => isDead(owner, settings.hostId),
    files: chatFiles(settings.home, settings.config),
  });
  const close = async (flushMs?: number) => {
    await bridge.close(flushMs);
    await store.close();
  };
  try {
    await bridge.ready;
  } catch (error) {
    await close(0);
    throw error;
  }
  return {
    get facts() {
      return facts(bridge);
    },
    reconfigure: take,
    drain: () => close(),
    leave: () => close(LEAVE_MS),
  };
}

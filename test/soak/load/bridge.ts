/**
 * A bridge as a process of its own, as in production: who watches it must not hold up its event loop. Everybody is let
 * in; whoever speaks is the principal, wherever. Settings come as one JSON argument.
 */
import type { Admit } from "../../../src/bridges/core/index.ts";
import { runDiscordBridge } from "../../../src/bridges/discord/index.ts";
import { runTelegramBridge } from "../../../src/bridges/telegram/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { openStore } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";

/** What the bridge is told. */
export interface BridgeSettings {
  platform: "telegram" | "discord";
  redis: { socketPath: string; username: string; password: string };
  token: string;
  apiRoot: string;
}

const { platform, redis, token, apiRoot } = JSON.parse(process.argv[2] ?? "") as BridgeSettings;
const admit: Admit = async ({ sender }) => ({
  kind: "admitted",
  principal: principalOf(platform, sender.id),
  roles: new Set(["user"]),
});
const store = openStore({ ...redis, hostId: "load", name: "bridge", logger: silent });
await store.ready();
const shared = {
  token,
  apiRoot,
  allowedUsers: new Set<string>(),
  admit,
  store,
  owner: "load",
  logger: silent,
};
const bridge =
  platform === "telegram" ? runTelegramBridge(shared) : runDiscordBridge({ ...shared, identifyMs: 0 });
await bridge.ready;
process.send?.("ready");
// The test that started it is gone.
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => void bridge.close(500).then(() => process.exit(0)));

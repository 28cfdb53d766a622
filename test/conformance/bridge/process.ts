/** A bridge as a process of its own, for tests that kill it. Settings come as one JSON argument. */
import { admitListed } from "../../../src/bridges/core/index.ts";
import { runDiscordBridge } from "../../../src/bridges/discord/index.ts";
import { runTelegramBridge } from "../../../src/bridges/telegram/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { openStore } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";

/** What the process is told. */
export interface ProcessSettings {
  platform: "telegram" | "discord";
  socketPath: string;
  username: string;
  password: string;
  token: string;
  apiRoot: string;
  people: string[];
}

const settings = JSON.parse(process.argv[2]!) as ProcessSettings;
const { platform, socketPath, username, password, token, apiRoot, people } = settings;
const store = openStore({ socketPath, username, password, hostId: "host1", name: "bridge", logger: silent });
await store.ready();
const common = {
  ...{ token, apiRoot, store, logger: silent, requestTimeoutMs: 2_000, leaseTtlMs: 2_000 },
  // The one who restarts it knows that the old one is dead, so the same owner may go on at once.
  owner: "one-owner",
  allowedUsers: new Set(people),
  admit: admitListed(new Set(people), (id) => principalOf(platform, id)),
};
const bridge =
  platform === "telegram" ? runTelegramBridge(common) : runDiscordBridge({ ...common, identifyMs: 0 });
await bridge.ready;
process.send?.("ready");
process.on("SIGTERM", () => void bridge.close().then(() => process.exit(0)));

/** A Telegram bridge as a process of its own, for tests that kill it. Settings come as one JSON argument. */
import { runTelegramBridge } from "../../../src/bridges/telegram/index.ts";
import { openStore } from "../../../src/store/index.ts";
import { silent } from "../../helpers/redis.ts";

const settings = JSON.parse(process.argv[2]!) as {
  socketPath: string;
  username: string;
  password: string;
  token: string;
  apiRoot: string;
  allowed: string[];
};
const { socketPath, username, password, token, apiRoot, allowed } = settings;
const store = openStore({ socketPath, username, password, hostId: "host1", name: "bridge", logger: silent });
await store.ready();
const bridge = runTelegramBridge({
  token,
  apiRoot,
  allowedUsers: new Set(allowed),
  store,
  // The one who restarts it knows that the old one is dead, so the same owner may go on at once.
  owner: "one-owner",
  logger: silent,
  requestTimeoutMs: 2_000,
  leaseTtlMs: 2_000,
});
await bridge.ready;
process.send?.("ready");
process.on("SIGTERM", () => void bridge.close().then(() => process.exit(0)));

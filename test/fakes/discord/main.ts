/** `node test/fakes/discord/main.ts --port N [--token T] [--no-limits]`: the fake as a program; prints one JSON line. */
import { parseArgs } from "node:util";
import { startFakeDiscord } from "./server.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    token: { type: "string" },
    "no-limits": { type: "boolean" },
  },
});
const fake = await startFakeDiscord({
  port: Number(values.port),
  ...(values.token === undefined ? {} : { token: values.token }),
  ...(values["no-limits"] ? { limits: "off" as const, gateway: { identifyMs: 0 } } : {}),
});
console.log(JSON.stringify({ url: fake.url, token: fake.token, bot: fake.bot.state.me.id }));
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => void fake.close().then(() => process.exit(0)));

/** Discord as the suite's platform: the fake's, or the server that `BRIDGE_DISCORD_API` names. */
import { admitListed } from "../../../src/bridges/core/index.ts";
import { runDiscordBridge } from "../../../src/bridges/discord/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { controlClient, startFakeDiscord } from "../../fakes/discord/index.ts";
import { showMarkdown } from "../../fakes/discord/markdown.ts";
import { tokenFor } from "../../fakes/discord/server.ts";
import { silent } from "../../helpers/redis.ts";
import type { Kind, Platform, Point } from "./world.ts";

const ROUTES: Record<Point, { method: string; match: string }> = {
  anchor: { method: "createMessage", match: "" },
  final: { method: "editMessage", match: "THE FINAL" },
  preview: { method: "editMessage", match: "half of it" },
  "second part": { method: "editMessage", match: "SECOND PART" },
};
const MORE: Partial<Record<Kind, object>> = {
  delay: { ms: 2_000 },
  "429": { retryAfter: 1 },
  error: { status: 500, description: "Internal Server Error" },
};

/** Opens it; `own`: a fake of its own, whatever the environment says. */
export async function discordPlatform(own?: { bot: string }): Promise<Platform> {
  const other = own ? undefined : process.env["BRIDGE_DISCORD_API"];
  const bot = own ? { token: tokenFor(own.bot) } : {};
  const gateway = { identifyMs: 0, heartbeatMs: 5_000 };
  const fake = other === undefined ? await startFakeDiscord({ limits: "off", gateway, ...bot }) : undefined;
  const url = (other ?? fake!.url).replace(/\/+$/, "");
  const token = fake?.token ?? process.env["BRIDGE_DISCORD_TOKEN"] ?? tokenFor("900000000000000001");
  const control = controlClient(url.replace(/\/api$/, ""));
  const dms = new Map<string, string>();
  const dm = async (person: string) => {
    const known = dms.get(person) ?? (await control.dm(person));
    dms.set(person, known);
    return known;
  };
  return {
    name: "discord",
    limit: 2_000,
    idempotent: true,
    access: { token, apiRoot: url },
    person: (n) => String(100_000_000_000_002_000n + BigInt(n)),
    async start(store, people, owner, requestTimeoutMs) {
      const bridge = runDiscordBridge({
        ...{
          token,
          apiRoot: url,
          store,
          owner,
          requestTimeoutMs,
          logger: silent,
          leaseTtlMs: 3_000,
          identifyMs: 0,
        },
        allowedUsers: new Set(people),
        admit: admitListed(new Set(people), (id) => principalOf("discord", id)),
      });
      await bridge.ready;
      return { counters: () => bridge.status().counters, close: (ms) => bridge.close(ms) };
    },
    async meet(person) {
      await control.addUser(person);
      await dm(person);
    },
    home(person) {
      const bridge = `discord.${Buffer.from(token.split(".")[0]!, "base64").toString("utf8")}`;
      const chat = dms.get(person)!;
      return {
        principal: principalOf("discord", person),
        bridge,
        conversation: `${bridge}.${chat}`,
        deliver: { chat },
      };
    },
    tell: (person, text) => control.tell(person, text),
    async shown(person) {
      return (await control.fromBot(await dm(person), person)).map((one) => ({
        id: one.id,
        text: one.text,
        source: one.source,
        buttons: one.buttons,
        links: showMarkdown(one.source).links,
        replyTo: one.replyTo,
      }));
    },
    preview: async (person) => (await control.fromBot(await dm(person))).at(-1)?.text ?? "",
    press: async (person, message, data, by = person) =>
      control.press(by, await dm(person), message, data, true),
    async toast(person, press, by = person) {
      const private_ = (await control.fromBot(await dm(person), by)).filter(
        (one) => one.interaction === press,
      );
      return private_.at(-1)?.text;
    },
    edit: async (person, message, text) => control.edit(message, await dm(person), text),
    remove: async (person, message) => control.remove(message, await dm(person)),
    refuse: async (person, on) => control.close(await dm(person), on),
    async trouble(kind, point, person) {
      const { method, match } = ROUTES[point];
      await control.fault({ kind, ...MORE[kind], method, match: `channels/${await dm(person)}/.*${match}` });
    },
    async came(kind, person) {
      const channel = await dm(person);
      const calls = [...(await control.callsOf("createMessage")), ...(await control.callsOf("editMessage"))];
      return calls.filter((call) => call.fault === kind && call.path.includes(channel)).length;
    },
    cut: async () => {
      await control.drop();
    },
    twice: async (person) =>
      control.fault({ kind: "duplicate-delivery", method: "MESSAGE_CREATE", match: `"author":"${person}"` }),
    typed: async (person) => control.typingCount(await dm(person)),
    breaches: () => control.breaches(),
    close: async () => await fake?.close(),
  };
}

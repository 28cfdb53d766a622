/** Telegram as the suite's platform: the fake's, or the server that `BRIDGE_TELEGRAM_API_ROOT` names. */
import { admitListed } from "../../../src/bridges/core/index.ts";
import { runTelegramBridge } from "../../../src/bridges/telegram/index.ts";
import { principalOf } from "../../../src/lib/ids.ts";
import { controlClient, startFakeTelegram } from "../../fakes/telegram/index.ts";
import { silent } from "../../helpers/redis.ts";
import type { Kind, Platform, Point } from "./world.ts";

const METHODS: Record<Point, { method: string; match: string }> = {
  anchor: { method: "sendMessage", match: "" },
  final: { method: "editMessageText", match: "THE FINAL" },
  preview: { method: "sendMessageDraft", match: "half of it" },
  "second part": { method: "editMessageText", match: "SECOND PART" },
};
const MORE: Partial<Record<Kind, object>> = {
  delay: { ms: 2_000 },
  "429": { retryAfter: 1 },
  error: { code: 500, description: "Internal Server Error" },
};

/** Opens it; `own`: a fake of its own, whatever the environment says. */
export async function telegramPlatform(own?: { token: string }): Promise<Platform> {
  const other = own ? undefined : process.env["BRIDGE_TELEGRAM_API_ROOT"];
  const fake = other === undefined ? await startFakeTelegram({ limits: "off", ...own }) : undefined;
  const url = (other ?? fake!.url).replace(/\/+$/, "");
  const token =
    fake?.token ?? process.env["BRIDGE_TELEGRAM_TOKEN"] ?? "7000000001:fake-token-for-tests-0123456789ab";
  const control = controlClient(url);
  return {
    name: "telegram",
    limit: 4_096,
    idempotent: false,
    access: { token, apiRoot: url },
    person: (n) => String(2_000 + n),
    async start(store, people, owner, requestTimeoutMs) {
      const bridge = runTelegramBridge({
        ...{ token, apiRoot: url, store, owner, requestTimeoutMs, logger: silent, leaseTtlMs: 3_000 },
        allowedUsers: new Set(people),
        admit: admitListed(new Set(people), (id) => principalOf("telegram", id)),
      });
      await bridge.ready;
      return { counters: () => bridge.status().counters, close: (ms) => bridge.close(ms) };
    },
    async meet(person) {
      await control.addUser({ id: Number(person) });
    },
    home(person) {
      const bridge = `telegram.${token.split(":")[0]}`;
      const conversation = `${bridge}.${person}`;
      return { principal: principalOf("telegram", person), bridge, conversation, deliver: { chat: person } };
    },
    tell: async (person, text) => String((await control.say(Number(person), text)).messageId),
    async shown(person) {
      return (await control.fromBot(Number(person))).map((one) => ({
        id: String(one.id),
        text: one.text,
        source: one.source,
        buttons: one.buttons.map(({ text, data }) => ({ label: text, data })),
        links: one.entities.flatMap((entity) => {
          const {
            type,
            offset,
            length,
            url: target,
          } = entity as { type: string; offset: number; length: number; url?: string };
          const text = one.text.slice(offset, offset + length);
          return type === "text_link"
            ? [{ url: target ?? "", text }]
            : type === "url"
              ? [{ url: text, text }]
              : [];
        }),
        replyTo: one.replyTo === undefined ? undefined : String(one.replyTo),
      }));
    },
    preview: async (person) => (await control.draft(Number(person)))?.text ?? "",
    async press(person, message, data, by = person) {
      return (await control.press(Number(by), Number(person), Number(message), { data })).callbackId;
    },
    toast: async (_, press) => (await control.callbackAnswer(press)) ?? undefined,
    async edit(person, message, text) {
      await control.editOwn(Number(person), Number(message), text);
    },
    remove: (person, message) => control.deleteForBoth(Number(person), Number(message)),
    refuse: (person, on) => control.block(Number(person), on),
    async trouble(kind, point, person) {
      const { method, match } = METHODS[point];
      await control.fault({ kind, ...MORE[kind], method, match: `"chat_id":"?${person}\\b.*${match}` });
    },
    async came(kind, person) {
      const calls = await control.callsOf();
      return calls.filter((call) => call.fault === kind && String(call.params["chat_id"]) === person).length;
    },
    cut: async () => {
      await control.fault({ kind: "reset-before-apply", method: "getUpdates" });
      await control.fault({ kind: "apply-then-reset", method: "getUpdates" });
    },
    twice: () => control.fault({ kind: "duplicate-delivery", method: "getUpdates", times: 2 }),
    typed: (person) => control.typingCount(Number(person)),
    async breaches() {
      const texts = new Set(["sendMessage", "editMessageText"]);
      return (await control.callsOf())
        .filter((call) => texts.has(call.method))
        .filter(
          (call) => !/"is_disabled":true/.test(JSON.stringify(call.params["link_preview_options"] ?? null)),
        )
        .map(
          (call) =>
            `${call.method} without link_preview_options: ${JSON.stringify(call.params).slice(0, 120)}`,
        );
    },
    close: async () => await fake?.close(),
  };
}

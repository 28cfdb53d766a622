/** The fake platforms as the load sees them. Their rate limits are off: what is measured is the product. */
import { startFakeDiscord } from "../../fakes/discord/index.ts";
import { startFakeTelegram } from "../../fakes/telegram/index.ts";
import type { Line } from "./crowd.ts";

/** A line, and how a bridge finds its server. */
export interface OpenLine extends Line {
  token: string;
  apiRoot: string;
}

const FLOODER = 999_999;

/** Telegram: private chats, and a group with topics. */
export async function telegramLine(topics: number): Promise<OpenLine> {
  const { bot, token, url, close } = await startFakeTelegram({ limits: "off" });
  const forum = -1_777;
  const threads = Array.from({ length: topics }, (_, i) => 100 + i);
  bot.addGroup({ id: forum, is_forum: true, threads });
  let read = 0;
  const textsOf = (chat: number, thread?: number) =>
    bot
      .fromBot(chat)
      .filter((one) => thread === undefined || one.thread === thread)
      .map(({ text }) => text);
  return {
    ...{ name: "telegram", token, apiRoot: url, close },
    person: (n) => String(2_000 + n),
    say: (person, text) => void bot.say(Number(person), text),
    sent() {
      const fresh = bot.calls.slice(read);
      read = bot.calls.length;
      return fresh.flatMap(({ outcome, params }) => (outcome === "ok" ? [String(params["text"] ?? "")] : []));
    },
    shown: (person) => textsOf(Number(person)),
    flood: (topic, text) => void bot.say(FLOODER, text, { chat: forum, thread: threads[topic]! }),
    topic: (topic) => textsOf(forum, threads[topic]),
  };
}

/** Discord: DMs, and a guild with threads. */
export async function discordLine(topics: number): Promise<OpenLine> {
  const { bot, token, url, close } = await startFakeDiscord({ limits: "off", gateway: { identifyMs: 0 } });
  const channel = bot.addGuild("800000000000000001");
  const threads = Array.from({ length: topics }, () => bot.addThread(channel));
  const me = bot.state.me.id;
  let read = 0;
  return {
    ...{ name: "discord", token, apiRoot: url, close },
    person: (n) => String(100_000_000_000_002_000n + BigInt(n)),
    say: (person, text) => void bot.tell(person, text),
    sent() {
      const fresh = bot.calls.slice(read);
      read = bot.calls.length;
      return fresh.flatMap(({ outcome, body }) => (outcome === "ok" ? [String(body["content"] ?? "")] : []));
    },
    shown: (person) => bot.fromBot(bot.dm(person)).map(({ text }) => text),
    flood: (topic, text) => void bot.say(String(FLOODER), threads[topic]!, `<@${me}> ${text}`),
    topic: (topic) => bot.fromBot(threads[topic]!).map(({ text }) => text),
  };
}

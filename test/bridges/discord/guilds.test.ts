/** Discord servers with the real access component: let in apart from people, answered when addressed, each channel's own sandbox. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { placePrincipal } from "../../../src/access/groups.ts";
import { type RunningAccess, runAccess } from "../../../src/access/index.ts";
import { type DiscordBridge, runDiscordBridge } from "../../../src/bridges/discord/index.ts";
import { adminCall } from "../../../src/lib/admin/client.ts";
import { type FakeDiscord, startFakeDiscord } from "../../fakes/discord/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type TinyWorker, tinyWorker, until } from "../tiny-worker.ts";
import { ANN, EVE, GUILD } from "./setup.ts";

describe("servers on Discord", () => {
  let redis: TestRedis;
  let fake: FakeDiscord;
  let access: RunningAccess;
  let worker: TinyWorker;
  let bridge: DiscordBridge;
  let socketPath = "";
  let channel = "";
  let bot = "";
  before(async () => {
    redis = await startTestRedis();
    fake = await startFakeDiscord({ limits: "off", gateway: { identifyMs: 0, heartbeatMs: 2_000 } });
    for (const user of [ANN, EVE]) fake.bot.addUser(user);
    const [forAccess, forWorker, forBridge] = (["access", "worker", "bridge-discord"] as const).map((role) =>
      redis.store(role),
    );
    await Promise.all([forAccess, forWorker, forBridge].map((store) => store!.ready()));
    socketPath = join(redis.home, "access.sock");
    const standing = [`discord:${ANN}`];
    access = await runAccess({ store: forAccess!, logger: silent, socketPath, standing, solo: false });
    worker = tinyWorker(forWorker!, async ({ text }) => ({
      kind: "final",
      markdown: `echo: ${text.split("\n").at(-1)}`,
    }));
    bridge = runDiscordBridge({
      ...{ token: fake.token, apiRoot: fake.url, store: forBridge!, owner: "d", logger: silent },
      ...{ allowedUsers: new Set(), requestTimeoutMs: 2_000, leaseTtlMs: 3_000, identifyMs: 0 },
    });
    await bridge.ready;
    channel = fake.bot.addGuild(GUILD);
    bot = `<@${fake.bot.state.me.id}>`;
  });
  after(async () => {
    assert.deepEqual(fake.bot.breaches(), []);
    await worker.close();
    await bridge.close(500);
    await access.close();
    await fake.close();
    await redis.stop();
  });

  const allow = async (params: object) => {
    await adminCall(socketPath, "groups.allow", { place: `discord:${GUILD}`, guild: true, ...params });
    await sleep(600);
  };
  const answered = (want: RegExp, where = channel) =>
    until(() => fake.bot.fromBot(where).find(({ text }) => want.test(text)), 5_000, `${want} in ${where}`);
  /** Says something, and how many messages the bot then wrote there. */
  async function quietly(user: string, text: string) {
    const before = fake.bot.fromBot(channel).length;
    fake.bot.say(user, channel, text);
    await sleep(500);
    return fake.bot.fromBot(channel).length - before;
  }

  it("nobody is answered where nobody let the server in, not even who is let in", async () => {
    for (const user of [ANN, EVE]) assert.equal(await quietly(user, `${bot} hello`), 0);
    assert.deepEqual(worker.texts, []);
  });

  it("let in, every member is answered when the bot is addressed, and only then", async () => {
    await allow({});
    fake.bot.say(EVE, channel, `${bot} from a member`);
    const first = await answered(/echo: from a member/);
    assert.equal(await quietly(ANN, "just talking"), 0);
    fake.bot.say(ANN, channel, "a reply", first.id);
    await answered(/echo: a reply/);
    assert.match(worker.texts[0]!, new RegExp(`^\\[message of "person${EVE}", discord:${EVE}\\]\\n`));
  });

  it("each channel and thread has a sandbox of its own, which is no member's", async () => {
    const thread = fake.bot.addThread(channel);
    fake.bot.say(ANN, thread, `${bot} in the thread`);
    await answered(/echo: in the thread/, thread);
    const of = (id: string) =>
      new Set(worker.turns.filter((t) => t.deliver.chat === id).map((t) => t.principal));
    assert.deepEqual(of(channel), new Set([placePrincipal(`discord:${channel}`)]));
    assert.deepEqual(of(thread), new Set([placePrincipal(`discord:${thread}`)]));
  });

  it("answers everything, or only people who are let in, where the operator chose that", async () => {
    await adminCall(socketPath, "groups.allow", {
      place: `discord:${channel}`,
      respond: "all",
      members: "known",
    });
    await sleep(600);
    fake.bot.say(ANN, channel, "no mention at all");
    await answered(/echo: no mention at all/);
    assert.equal(await quietly(EVE, `${bot} not known`), 0);
  });

  it("is silent again once the server is removed", async () => {
    await adminCall(socketPath, "groups.remove", { place: `discord:${GUILD}` });
    await sleep(600);
    assert.equal(await quietly(ANN, `${bot} still there?`), 0);
  });
});

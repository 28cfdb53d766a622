/** `DISCORD_BOT_TOKEN=… nemoclaw start`: the bridge as a supervised process, from a fake Discord to the agent and back. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "../bridges/tiny-worker.ts";
import { type FakeDiscord, startFakeDiscord } from "../fakes/discord/index.ts";
import { startService, type TestService } from "../helpers/service.ts";

const ANN = "100000000000001001";

describe("discord bridge as a service", () => {
  let fake: FakeDiscord;
  let service: TestService;
  before(async () => {
    fake = await startFakeDiscord({ limits: "off", gateway: { identifyMs: 0, heartbeatMs: 2_000 } });
    fake.bot.addUser(ANN);
    service = await startService({
      env: { DISCORD_BOT_TOKEN: fake.token, DISCORD_ALLOWED_USERS: ANN, BRIDGE_DISCORD_API: fake.url },
      args: ["discord-bridge"],
    });
  });
  after(async () => {
    await service?.stop();
    await fake.close();
  });
  const bridge = async () => (await service.status()).services.find(({ name }) => name === "discord-bridge")!;
  const answered = async (text: string, want: RegExp) => {
    const id = fake.bot.tell(ANN, text);
    await until(
      () => fake.bot.fromBot(fake.bot.dm(ANN)).some((m) => BigInt(m.id) > BigInt(id) && want.test(m.text)),
      20_000,
      text,
    );
  };

  it("is ready, and says truly that it hears", async () => {
    const { state, facts } = await bridge();
    assert.equal(state, "ready");
    assert.equal(facts["bot"], "@claw");
    assert.equal(facts["state"], "listening");
    assert.equal(facts["shards"], "1 of 1");
    assert.match(
      facts["invite"]!,
      /^https:\/\/discord\.com\/oauth2\/authorize\?client_id=900000000000000001&/,
    );
  });
  it("answers through all processes", () => answered("What is 17+25?", /42/));
  it("keeps its token in a file of its own, and out of environment and arguments", async () => {
    const file = join(service.paths.secrets("discord-bridge"), "bot-token");
    assert.equal(readFileSync(file, "utf8"), fake.token);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    for (const { pid } of (await service.status()).services) {
      const seen =
        readFileSync(`/proc/${pid}/environ`, "utf8") + readFileSync(`/proc/${pid}/cmdline`, "utf8");
      assert.ok(!seen.includes(fake.token));
    }
  });
  it("killed, it comes back, and what was said meanwhile is answered once", async () => {
    const { pid } = await bridge();
    process.kill(pid, "SIGKILL");
    await answered("What is 20+22?", /42/);
    const answers = fake.bot.fromBot(fake.bot.dm(ANN)).filter((m) => /42/.test(m.text));
    assert.equal(answers.length, 2);
    assert.notEqual((await bridge()).pid, pid);
  });
  it("without the Message Content intent says what to switch on", async () => {
    fake.bot.setGateway({ privileged: 0 });
    const { pid } = await bridge();
    process.kill(pid, "SIGKILL");
    const trouble = await until(
      async () => {
        const { trouble } = await bridge();
        return /Message Content/.test(trouble) && trouble;
      },
      15_000,
      "trouble",
    );
    assert.match(trouble, /Privileged Gateway Intents|Message Content intent/);
  });
  it("never breaks a rule of the fake", () => assert.deepEqual(fake.bot.breaches(), []));
});

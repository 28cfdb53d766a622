/** The whole service as processes: the first admin claims, a newcomer is let in by the admin's button, and is blocked again. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { adminCall } from "../../src/lib/admin/client.ts";
import { hashOfCode, newCode } from "../../src/lib/codes.ts";
import { principalOf } from "../../src/lib/ids.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/index.ts";
import { startService, type TestService, waitUntil } from "../helpers/service.ts";

const OP = 5001;
const ANN = 5002;

describe("a newcomer", () => {
  let fake: FakeTelegram;
  let service: TestService;
  before(async () => {
    fake = await startFakeTelegram({ limits: "off" });
    service = await startService({
      env: { TELEGRAM_BOT_TOKEN: fake.token, TELEGRAM_API_ROOT: fake.url, NEMOCLAW_PROVIDER: "demo" },
    });
  });
  after(async () => {
    await service.stop();
    await fake.close();
  });

  const said = async (user: number, want: RegExp, ms = 30_000) => {
    const found = () => fake.bot.fromBot(user).find(({ text }) => want.test(text));
    const seen = () =>
      `${want} to ${user}; saw ${JSON.stringify(fake.bot.fromBot(user).map(({ text }) => text.slice(0, 80)))}`;
    await waitUntil(() => found() !== undefined, ms, seen);
    return found()!;
  };

  it("start tells how to become the admin, without a code where nobody reads a terminal", () => {
    assert.match(service.stderr(), /The bot has no admin yet: nemoclaw users claim, in a terminal/);
    assert.doesNotMatch(service.stderr(), /[a-z0-9]{4}(-[a-z0-9]{4}){3}/);
  });

  it("the admin's chat speaks to the operator's own agent; a press lets the newcomer in, each with their own", async () => {
    const code = newCode("claim");
    await adminCall(service.paths.accessSocket, "users.claim", { code: hashOfCode("claim", code) });
    fake.bot.say(OP, `/start ${code}`);
    await said(OP, /You are the admin/);
    fake.bot.say(OP, "What is 1111+2222?");
    await said(OP, /3333/, 60_000);
    fake.bot.say(ANN, "hello");
    await said(ANN, /tell the person who runs it this code/);
    const card = await said(OP, /id: telegram:5002/);
    fake.bot.press(OP, OP, card.id, { label: "Let in" });
    await said(ANN, /You are let in/);
    fake.bot.say(ANN, "What is 1234+43210?");
    await said(ANN, /44444/, 60_000);
    const names = (await service.sandboxes()).map(({ name }) => name).sort();
    assert.deepEqual(names, ["my-agent", `user5002-${principalOf("telegram", "5002").slice(2, 6)}`]);
    assert.ok(!JSON.stringify(service.logs()).includes(code), "no code in the log");
  });

  it("a block by the command ends it, and the sandbox stops", async () => {
    const cli = spawn(
      process.execPath,
      [join(import.meta.dirname, "..", "..", "bin", "nemoclaw"), "users", "block", `telegram:${ANN}`],
      {
        env: { PATH: process.env["PATH"], NEMOCLAW_HOME: service.home },
        stdio: "ignore",
      },
    );
    assert.equal(await new Promise((resolve) => cli.once("close", resolve)), 0);
    const before = fake.bot.fromBot(ANN).length;
    await sleep(1_000);
    fake.bot.say(ANN, "What is 1+1?");
    const state = async () => (await service.sandboxes()).find(({ name }) => name !== "my-agent")?.state;
    await waitUntil(
      async () => (await state()) === "stopped",
      15_000,
      () => "the sandbox goes on",
    );
    assert.equal(fake.bot.fromBot(ANN).length, before);
    fake.bot.say(OP, "What is 10000+2345?");
    await said(OP, /12345/, 30_000);
  });
});

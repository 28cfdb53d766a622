/** `nemoclaw doctor` beside a running service: what only shows there, each with its fix. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type FakeTelegram, startFakeTelegram } from "../../fakes/telegram/index.ts";
import { startService, type TestService, waitUntil } from "../../helpers/service.ts";
import { doctor, expectTrouble } from "./kit.ts";

describe("doctor beside a running service", () => {
  let telegram: FakeTelegram;
  let service: TestService;
  before(async () => {
    telegram = await startFakeTelegram();
    const config = { telegram: { apiRoot: telegram.url } };
    service = await startService({ config, env: { TELEGRAM_BOT_TOKEN: telegram.token } });
  });
  after(async () => {
    await service.stop();
    await telegram.close();
  });

  it("finds nothing wrong, with Redis, protections and the bot really looked at", async () => {
    const { checks, status } = await doctor(service.home);
    assert.deepEqual(
      [...checks.values()].filter(({ state }) => state === "fail"),
      [],
    );
    assert.equal(status, 0);
    for (const name of [
      "redis",
      "redis durability",
      "service",
      "protections",
      "telegram token",
      "telegram poller",
    ])
      assert.equal(checks.get(name)?.state, "ok", name);
  });

  it("a secret that was opened to others meanwhile", async () => {
    const file = join(service.paths.secrets("telegram-bridge"), "bot-token");
    chmodSync(file, 0o640);
    expectTrouble(
      await doctor(service.home),
      "secrets",
      "fail",
      /bot-token can be read by others/,
      /chmod 600/,
    );
    chmodSync(file, 0o600);
  });

  it("Redis that hangs", async () => {
    const pid = await service.pidOf("redis");
    process.kill(pid, "SIGSTOP");
    try {
      expectTrouble(await doctor(service.home), "redis", "fail", /not reachable/, /nemoclaw logs/);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  it("a process that dies again and again", async () => {
    const console = async () => (await service.status()).services.find(({ name }) => name === "console");
    const kills = 7; // Then the pause before the next life is longer than the doctor takes.
    for (let n = 1; n <= kills; n++) {
      const pid = (await console())?.pid ?? 0;
      process.kill(pid, "SIGKILL");
      await waitUntil(
        async () => {
          const one = await console();
          return n === kills ? one?.state === "crash-loop" : one?.state === "ready" && one.pid !== pid;
        },
        30_000,
        () => "the console didn't come back",
      );
    }
    expectTrouble(
      await doctor(service.home),
      "service console",
      "fail",
      /crash-loop: ended by SIGKILL/,
      /nemoclaw logs/,
    );
    await waitUntil(
      async () => (await service.status()).state === "ready",
      30_000,
      () => "the console didn't come back",
    );
  });

  it("two pollers", async () => {
    let going = true;
    const other = (async () => {
      while (going) {
        await fetch(`${telegram.url}/bot${telegram.token}/getUpdates?timeout=1`).catch(() => {});
        await delay(20);
      }
    })();
    try {
      await waitUntil(
        () => service.logs().some(({ msg }) => msg.includes("(409)")),
        20_000,
        () => "the bridge met no other poller",
      );
      expectTrouble(
        await doctor(service.home),
        "telegram poller",
        "fail",
        /409 \d+ s ago/,
        /revoke the token/,
      );
    } finally {
      going = false;
      await other;
    }
  });

  it("a supervisor that hangs", async () => {
    process.kill(service.process.pid ?? 0, "SIGSTOP");
    try {
      const hung = new RegExp(`pid ${service.process.pid} .* does not answer`);
      expectTrouble(await doctor(service.home), "lock", "fail", hung, /kill -9 \d+/);
    } finally {
      process.kill(service.process.pid ?? 0, "SIGCONT");
    }
  });
});

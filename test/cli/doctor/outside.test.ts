/**
 * `nemoclaw doctor` and what is outside: providers, the clock, Telegram, a Redis of the operator's. Platforms and
 * providers are the strict fakes, Redis is real.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startFakeDiscord } from "../../fakes/discord/index.ts";
import { startFakeTelegram } from "../../fakes/telegram/index.ts";
import { startFakeVendor } from "../../fakes/vendor/index.ts";
import { waitUntil } from "../../helpers/service.ts";
import { doctor, expectTrouble, onHome, startWrongClock } from "./kit.ts";

describe("doctor: providers and the clock", () => {
  it("a key that the provider refuses", async () => {
    const vendor = await startFakeVendor({ key: "sk-the-right-one-0123456789", models: ["fake-1"] });
    const inference = {
      default: { provider: "compatible", model: "fake-1" },
      providers: { compatible: { baseUrl: vendor.url } },
    };
    try {
      await onHome({ inference }, async ({ home }) => {
        const env = { COMPATIBLE_API_KEY: "sk-a-dead-one-0123456789abcdef" };
        const seen = await doctor(home, { env });
        expectTrouble(seen, "provider compatible", "fail", /refuses the key \(401\)/, /COMPATIBLE_API_KEY=/);
        assert.doesNotMatch(JSON.stringify([...seen.checks]), /sk-a-dead/);
        const right = await doctor(home, { env: { COMPATIBLE_API_KEY: "sk-the-right-one-0123456789" } });
        assert.equal(right.checks.get("provider compatible")?.state, "ok");
      });
    } finally {
      await vendor.close();
    }
  });

  it("a provider without a key", () =>
    onHome({ inference: { default: { provider: "openai" } } }, async ({ home }) => {
      expectTrouble(await doctor(home), "provider openai", "fail", /no key for OpenAI/, /OPENAI_API_KEY=/);
    }));

  it("a provider that isn't there", () =>
    onHome(
      {
        inference: {
          default: { provider: "ollama", model: "m" },
          providers: { ollama: { baseUrl: "http://127.0.0.1:9/v1" } },
        },
      },
      async ({ home }) => {
        const seen = await doctor(home);
        expectTrouble(
          seen,
          "provider ollama",
          "fail",
          /127\.0\.0\.1:9 can't be reached/,
          /start it, or correct/,
        );
      },
    ));

  it("a clock that runs wrong", async () => {
    const vendor = await startWrongClock(10 * 60_000);
    const inference = {
      default: { provider: "vllm", model: "m" },
      providers: { vllm: { baseUrl: vendor.url } },
    };
    try {
      await onHome({ inference }, async ({ home }) => {
        expectTrouble(
          await doctor(home),
          "clock",
          "fail",
          /^(600|599|601) s behind /,
          /timedatectl set-ntp true/,
        );
      });
    } finally {
      await vendor.close();
    }
  });
});

describe("doctor: Telegram", () => {
  it("a dead token", async () => {
    const telegram = await startFakeTelegram();
    try {
      await onHome({ telegram: { apiRoot: telegram.url } }, async ({ home }) => {
        const env = { TELEGRAM_BOT_TOKEN: "7000000009:a-token-that-was-revoked-0123456789" };
        const seen = await doctor(home, { env });
        expectTrouble(seen, "telegram token", "fail", /refuses the bot's token/, /@BotFather/);
        assert.doesNotMatch(JSON.stringify([...seen.checks]), /was-revoked/);
      });
    } finally {
      await telegram.close();
    }
  });

  it("two pollers", async () => {
    const telegram = await startFakeTelegram();
    let going = true;
    const other = (async () => {
      while (going) {
        await fetch(`${telegram.url}/bot${telegram.token}/getUpdates?timeout=10`).catch(() => {});
        await delay(300); // As its kind does after a 409.
      }
    })();
    try {
      await onHome({ telegram: { apiRoot: telegram.url } }, async ({ home }) => {
        const seen = await doctor(home, { env: { TELEGRAM_BOT_TOKEN: telegram.token } });
        assert.equal(seen.checks.get("telegram token")?.state, "ok");
        expectTrouble(seen, "telegram poller", "fail", /another program fetches/, /revoke the token/);
      });
    } finally {
      going = false;
      await telegram.close();
      await other;
    }
  });

  it("a webhook", async () => {
    const telegram = await startFakeTelegram();
    try {
      const hook = encodeURIComponent("https://elsewhere.example.org/hook");
      await fetch(`${telegram.url}/bot${telegram.token}/setWebhook?url=${hook}`);
      await onHome({ telegram: { apiRoot: telegram.url } }, async ({ home }) => {
        const seen = await doctor(home, { env: { TELEGRAM_BOT_TOKEN: telegram.token } });
        expectTrouble(
          seen,
          "telegram poller",
          "fail",
          /webhook is set \(elsewhere\.example\.org\)/,
          /removes it/,
        );
      });
    } finally {
      await telegram.close();
    }
  });
});

describe("doctor: Discord", () => {
  it("a dead token", async () => {
    const discord = await startFakeDiscord();
    try {
      await onHome({ discord: { apiRoot: discord.url } }, async ({ home }) => {
        const dead = discord.token.replace(/.{4}$/, "XXXX");
        const seen = await doctor(home, { env: { DISCORD_BOT_TOKEN: dead } });
        expectTrouble(seen, "discord token", "fail", /refuses the bot's token \(401\)/, /Reset Token/);
        assert.ok(!JSON.stringify([...seen.checks]).includes(dead));
      });
    } finally {
      await discord.close();
    }
  });

  it("a bot that may not read messages", async () => {
    const discord = await startFakeDiscord({ gateway: { privileged: 0 } });
    try {
      await onHome({ discord: { apiRoot: discord.url } }, async ({ home }) => {
        const seen = await doctor(home, { env: { DISCORD_BOT_TOKEN: discord.token } });
        assert.equal(seen.checks.get("discord token")?.state, "ok");
        expectTrouble(seen, "discord intents", "fail", /may not read/, /Message Content Intent/);
      });
    } finally {
      await discord.close();
    }
  });
});

describe("doctor: a Redis of the operator's", () => {
  let server: ChildProcess;
  let dir = "";
  let url = "";
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "nc-redis-"));
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
    const { port } = probe.address() as { port: number };
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    url = `redis://127.0.0.1:${port}`;
    const settings = [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--appendonly",
      "yes",
      "--appendfsync",
      "everysec",
    ];
    server = spawn("redis-server", [...settings, "--dir", dir, "--save", ""], { stdio: "ignore" });
    await waitUntil(
      () => answersPing(port),
      10_000,
      () => "redis-server did not start",
    );
  });
  after(async () => {
    const gone = new Promise((resolve) => server.once("close", resolve));
    server.kill("SIGKILL");
    await gone;
    rmSync(dir, { recursive: true, force: true });
  });

  it("settings that lose messages", () =>
    onHome({}, async ({ home }) => {
      const seen = await doctor(home, { env: { REDIS_URL: url } });
      expectTrouble(seen, "redis durability", "fail", /appendfsync/, /CONFIG SET appendfsync always/);
    }));

  it("data of another version", () =>
    onHome({}, async ({ home }) => {
      await command(url, "SET", "nc:schema", JSON.stringify({ min: 9, max: 9 }));
      const seen = await doctor(home, { env: { REDIS_URL: url } });
      await command(url, "DEL", "nc:schema");
      expectTrouble(
        seen,
        "redis schema",
        "fail",
        /reads schema 1, but this Redis holds data for 9/,
        /install the version/,
      );
    }));

  it("is down", () =>
    onHome({}, async ({ home }) => {
      const seen = await doctor(home, { env: { REDIS_URL: "redis://127.0.0.1:9" } });
      expectTrouble(
        seen,
        "redis",
        "fail",
        /127\.0\.0\.1:9: .*ECONNREFUSED/,
        /start that server, or correct REDIS_URL/,
      );
    }));
});

/** One command in Redis's inline form, which needs no client. */
async function command(url: string, ...words: string[]): Promise<string> {
  const { createConnection } = await import("node:net");
  const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
  const text = [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word])].join(
    "\r\n",
  );
  socket.end(`${text}\r\n`);
  let reply = "";
  for await (const chunk of socket) reply += String(chunk);
  return reply;
}

async function answersPing(port: number): Promise<boolean> {
  return (await command(`redis://127.0.0.1:${port}`, "PING").catch(() => "")).startsWith("+PONG");
}

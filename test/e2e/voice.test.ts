/**
 * A voice message all the way, as real processes in real sandboxes with the fake agent: Telegram → bridge → worker → guest →
 * gateway → a strict vendor, and back as what was understood above one answer. And with a gateway that dies while it listens.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { principalOf } from "../../src/lib/ids.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/index.ts";
import type { FakeVendor } from "../fakes/vendor/index.ts";
import { scripted, startScriptedVendor, VENDOR_KEY, vendorConfig } from "../helpers/scripted-vendor.ts";
import { startService, type TestService, waitUntil } from "../helpers/service.ts";

const ANNA = 501;

describe("voice, all the way", () => {
  let telegram: FakeTelegram;
  let vendor: FakeVendor;
  let service: TestService;
  let speech: object = {};
  before(async () => {
    telegram = await startFakeTelegram({ limits: "off" });
    vendor = await startScriptedVendor();
    vendor.otherwise = (body) => ("response_format" in body ? speech : scripted(body));
    service = await startService({
      config: {
        inference: {
          ...vendorConfig(vendor),
          transcription: { provider: "compatible", model: "fake-transcribe" },
        },
      },
      env: {
        TELEGRAM_BOT_TOKEN: telegram.token,
        TELEGRAM_API_ROOT: telegram.url,
        TELEGRAM_ALLOWED_USERS: `${ANNA}`,
        COMPATIBLE_API_KEY: VENDOR_KEY,
      },
    });
  });
  after(async () => {
    await service?.stop();
    await telegram?.close();
    await vendor?.close();
  });
  const voice = Buffer.concat([Buffer.from("OggS"), randomBytes(30_000)]);
  const listened = () => vendor.seen.filter(({ path }) => path.endsWith("/transcriptions"));
  const finals = () => telegram.bot.fromBot(ANNA).filter(({ text }) => text.includes("🎤"));
  const speak = () =>
    telegram.bot.sayFile(ANNA, { name: "v", base64: voice.toString("base64"), kind: "voice" });

  it("the agent answers what was said, and its person sees what was understood", async () => {
    speech = { text: "What is 1200+34?" };
    speak();
    await waitUntil(
      () => finals().length === 1,
      60_000,
      () => `no answer: ${JSON.stringify(telegram.bot.fromBot(ANNA))}\n${service.stderr().slice(-2_000)}`,
    );
    assert.match(finals()[0]!.text, /^🎤 I understood: “What is 1200\+34\?”\n\n1200\+34 = 1234\n/);
    assert.equal(listened().length, 1);
    assert.ok(listened()[0]!.file!.bytes.equals(voice));
    const inbox = join(service.paths.user(principalOf("telegram", `${ANNA}`)).home, "inbox");
    // The agent was told where the recording is.
    const [name] = /voice-\d+\.ogg/.exec(JSON.stringify(vendor.seen.at(-1)!.body)) ?? [];
    assert.ok(name && existsSync(join(inbox, name)));
    assert.ok(readFileSync(join(inbox, name)).equals(voice));
  });

  it("a gateway killed while it listens: an honest line, one answer, and the next one is heard", async () => {
    speech = { hang: "before" };
    speak();
    await waitUntil(
      () => listened().length === 2,
      20_000,
      () => "not asked",
    );
    await service.kill("gateway");
    speech = { text: "again" };
    await waitUntil(
      () => finals().length === 2,
      30_000,
      () => `no answer: ${JSON.stringify(telegram.bot.fromBot(ANNA))}\n${service.stderr().slice(-2_000)}`,
    );
    assert.match(finals()[1]!.text, /could not be turned into text|I understood: “again”/);
    speak();
    await waitUntil(
      () => finals().length === 3,
      30_000,
      () => "the next one got no answer",
    );
    assert.match(finals()[2]!.text, /I understood: “again”/);
  });
});

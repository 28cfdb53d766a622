import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { InferenceConfig } from "../../../src/gateway/config.ts";
import { type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { type Rig, SANDBOX, send, startRig } from "../harness.ts";

const KEY = "sk-fake-vendor-key-0123456789";
const PATH = "/v1/audio/transcriptions";
const VOICE = Buffer.concat([Buffer.from("OggS"), randomBytes(50_000)]);
let vendor: FakeVendor;

before(async () => {
  vendor = await startFakeVendor({ key: KEY });
});
after(() => vendor.close());
beforeEach(() => {
  vendor.seen.length = 0;
  vendor.queue.length = 0;
  vendor.otherwise = {};
});

const config = (more: object = {}, model = "fake-whisper") => ({
  default: { provider: "demo" },
  providers: { compatible: { baseUrl: vendor.url } },
  transcription: { provider: "compatible", model },
  ...more,
});
const rig = (more: object = {}, options: object = {}): Promise<Rig> =>
  startRig({ config: config(more), keys: { compatible: KEY }, ...options });
const say = (r: Rig, raw: Buffer | string = VOICE, type = "audio/ogg", more: object = {}) =>
  send(r.socket(), { path: PATH, raw, headers: { "content-type": type, ...more } });
const code = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code;

describe("speech into text", () => {
  test("the recording and the router's own form reach the vendor, the text alone comes back", async () => {
    await using r = await rig();
    vendor.queue.push({ text: "Grüße, bitte den Müll rausbringen ☕" });
    const reply = await say(r, VOICE, "audio/ogg", { authorization: "Bearer caller-secret", cookie: "a=b" });
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(JSON.parse(reply.text), { text: "Grüße, bitte den Müll rausbringen ☕" });
    const seen = vendor.seen[0]!;
    assert.deepEqual(seen.body, { model: "fake-whisper", response_format: "json" });
    assert.deepEqual(seen.file, { name: "recording.ogg", type: "audio/ogg", bytes: VOICE });
    assert.equal(seen.headers["authorization"], `Bearer ${KEY}`);
    assert.equal(seen.headers["cookie"], undefined);
    assert.equal(reply.headers["x-request-id"], undefined);
    await r.until(() => r.usage.settled.length === 1);
    assert.deepEqual(r.usage.settled[0]!.used, {
      ...{ input: 60, output: 15, estimated: false, micros: 0 }, // 3 s
      ...{ model: "compatible/fake-whisper", turnId: "t_cccccccccccccccccccc" },
    });
    assert.equal(r.usage.reserved.size, 0);
    const [audit] = r.audits();
    assert.equal(audit?.["verdict"], "ok");
    assert.ok(!r.logs.join("").includes("Müll"), "no content in the log");
  });

  test("a vendor that counts tokens is believed, one that counts nothing is estimated", async () => {
    await using r = await startRig({ config: config({}, "fake-transcribe"), keys: { compatible: KEY } });
    vendor.queue.push({}, { omit: ["usage"] });
    await say(r);
    await say(r);
    await r.until(() => r.usage.settled.length === 2);
    const [told, guessed] = r.usage.settled.map(({ used }) => used);
    assert.deepEqual([told!.input, told!.output, told!.estimated], [30, 5, false]);
    assert.deepEqual([guessed!.input, guessed!.estimated], [Math.ceil((VOICE.length / 2_000) * 20), true]);
  });

  test("denied unless configured, also after the setting was taken away", async () => {
    await using off = await rig({ transcription: undefined });
    assert.equal(code((await say(off)).text), "transcription_off");
    await using r = await rig();
    assert.equal((await say(r)).status, 200);
    r.gateway.reconfigure(InferenceConfig.parse(config({ transcription: undefined })));
    assert.equal(code((await say(r)).text), "transcription_off");
    assert.equal(vendor.seen.length, 1);
  });

  test("only a vendor with an endpoint for it can be configured", () => {
    const wrong = InferenceConfig.safeParse({ transcription: { provider: "anthropic", model: "x" } });
    assert.match(wrong.error?.message ?? "", /does not turn speech into text.*openai/s);
    assert.ok(
      !InferenceConfig.safeParse({ transcription: { provider: "openai" } }).success,
      "model is needed",
    );
  });

  test("what is no recording, is too large or comes outside of a turn never reaches the vendor", async () => {
    await using r = await rig();
    assert.equal(code((await say(r, VOICE, "text/html")).text), "bad_request");
    assert.equal(code((await say(r, VOICE, "constructor")).text), "bad_request");
    assert.equal(code((await say(r, Buffer.alloc(0))).text), "bad_request");
    assert.equal(code((await say(r, Buffer.alloc(10 * 1024 * 1024 + 1))).text), "request_too_large");
    assert.equal((await send(r.socket(), { path: PATH })).status, 405);
    r.turns.byPrincipal.delete(SANDBOX);
    assert.equal(code((await say(r)).text), "no_running_turn");
    assert.equal(vendor.seen.length, 0);
  });

  test("allowances hold: tokens, and money only where a price is known", async () => {
    await using tight = await rig({ limits: { dailyTokens: 300 } });
    assert.equal(code((await say(tight)).text), "allowance_used");
    await using unpriced = await rig({ limits: { dailyMicros: 1_000_000 } });
    assert.equal(code((await say(unpriced)).text), "price_unknown");
    const prices = { "fake-whisper": { input: 5_000_000, output: 0 } };
    const providers = { compatible: { baseUrl: vendor.url, prices } };
    await using priced = await rig({ providers, limits: { dailyMicros: 1_000_000 } });
    assert.equal((await say(priced)).status, 200);
    await priced.until(() => priced.usage.settled.length === 1);
    assert.equal(priced.usage.settled[0]!.used.micros, 300);
  });

  test("a vendor that stumbles is asked again; one that refuses, is silent or echoes the key is not passed on", async () => {
    await using r = await rig({}, { timeouts: { modelFirstByte: 200 } });
    vendor.queue.push({ status: 503 }, {});
    assert.equal((await say(r)).status, 200);
    assert.equal(vendor.seen.length, 2);
    vendor.queue.push(
      { status: 401 },
      { hang: "before" },
      { echoKey: "plain" },
      { contentType: "text/html" },
    );
    const replies = [];
    for (let i = 0; i < 4; i++) replies.push(await say(r));
    assert.deepEqual(
      replies.map(({ text }) => code(text)),
      ["vendor_refused_key", "vendor_silent", "answer_blocked", "vendor_failed"],
    );
    for (const { text } of replies) assert.ok(!text.includes(KEY));
    await r.until(() => r.usage.settled.length === 5);
    // A refusal costs nothing; silence and a blocked answer may have been billed.
    assert.deepEqual(
      r.usage.settled.slice(1).map(({ used }) => used.input > 0),
      [false, true, true, true],
    );
  });

  test("it ends in time, with a word", async () => {
    await using r = await rig({}, { timeouts: { transcription: 150 } });
    vendor.otherwise = { hang: "before" };
    assert.equal(code((await say(r)).text), "vendor_too_long");
    await r.until(() => vendor.seen[0]!.abortedAt !== undefined);
  });
});

describe("the fake is as strict as the vendor", () => {
  const form = (body: string, headers: object = {}) =>
    fetch(`${vendor.url}/audio/transcriptions`, {
      method: "POST",
      body,
      headers: {
        authorization: `Bearer ${KEY}`,
        "content-type": "multipart/form-data; boundary=b",
        ...headers,
      },
    });
  const field = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file = (name = "a.ogg", content = "OggS…") =>
    `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: audio/ogg\r\n\r\n${content}\r\n`;
  const GOOD = `${field("model", "fake-whisper")}${field("response_format", "json")}`;

  const CASES: [string, number, string, object?][] = [
    ["a good form", 200, `${GOOD}${file()}--b--\r\n`],
    ["no end", 400, `${GOOD}${file()}`],
    ["text behind the end", 400, `${GOOD}${file()}--b--\r\nmore`],
    ["bare line feeds", 400, `${GOOD}${file()}--b--\r\n`.replaceAll("\r\n", "\n")],
    [
      "another boundary",
      400,
      `${GOOD}${file()}--b--\r\n`,
      { "content-type": "multipart/form-data; boundary=c" },
    ],
    ["no boundary", 415, `${GOOD}${file()}--b--\r\n`, { "content-type": "multipart/form-data" }],
    ["JSON", 415, "{}", { "content-type": "application/json" }],
    ["a wrong key", 401, `${GOOD}${file()}--b--\r\n`, { authorization: "Bearer x" }],
    ["no file", 400, `${GOOD}--b--\r\n`],
    ["a field twice", 400, `${GOOD}${field("model", "fake-whisper")}${file()}--b--\r\n`],
    ["an unknown field", 400, `${GOOD}${field("user", "me")}${file()}--b--\r\n`],
    [
      "an unknown model",
      404,
      `${field("model", "whisper-9")}${field("response_format", "json")}${file()}--b--\r\n`,
    ],
    ["a file that isn't what it says", 400, `${GOOD}${file("a.ogg", "RIFF…")}--b--\r\n`],
    ["an unknown format", 400, `${GOOD}${file("a.exe")}--b--\r\n`],
    ["an empty file", 400, `${GOOD}${file("a.ogg", "")}--b--\r\n`],
    [
      "a file of more than 25 MB",
      413,
      `${GOOD}${file("a.ogg", `OggS${"x".repeat(25 * 1024 * 1024)}`)}--b--\r\n`,
    ],
  ];
  for (const [name, status, body, headers] of CASES)
    test(name, async () => assert.equal((await form(body, headers)).status, status));
});

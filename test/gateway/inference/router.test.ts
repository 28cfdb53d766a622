import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { chat, events, type Rig, SANDBOX, send, startRig, streamedText } from "../harness.ts";

const KEY = "sk-fake-vendor-key-0123456789";
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

const config = (more: object = {}) => ({
  default: { provider: "compatible", model: "fake-1" },
  providers: { compatible: { baseUrl: vendor.url }, "compatible-anthropic": { baseUrl: vendor.url } },
  ...more,
});
const rig = (more: object = {}, options: object = {}): Promise<Rig> =>
  startRig({ config: config(more), keys: { compatible: KEY, "compatible-anthropic": KEY }, ...options });
const code = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code;

describe("a good call", () => {
  test("JSON: the router's model and key go to the vendor, the caller's don't", async () => {
    await using r = await rig();
    const reply = await send(r.socket(), {
      body: chat("hi", { model: "gpt-stolen", store: false, max_completion_tokens: 50 }),
      headers: {
        authorization: "Bearer caller-secret",
        cookie: "a=b",
        "x-forwarded-for": "1.2.3.4",
        traceparent: "00-x",
      },
    });
    assert.equal(reply.status, 200);
    assert.match(reply.text, /Hello from the fake vendor/);
    const seen = vendor.seen[0]!;
    assert.equal(seen.body["model"], "fake-1");
    assert.equal(seen.headers["authorization"], `Bearer ${KEY}`);
    for (const header of ["cookie", "x-forwarded-for", "traceparent"])
      assert.equal(seen.headers[header], undefined, header);
    assert.deepEqual(Object.keys(reply.headers).sort(), [
      "connection",
      "content-length",
      "content-type",
      "date",
      "keep-alive",
    ]);
    await r.until(() => r.usage.settled.length === 1);
    const { principal, used } = r.usage.settled[0]!;
    assert.equal(principal, SANDBOX);
    assert.deepEqual(used, {
      input: Math.ceil(seen.raw.length / 5),
      output: 5,
      estimated: false,
      micros: 0,
      model: "compatible/fake-1",
      turnId: "t_cccccccccccccccccccc",
    });
    assert.equal(r.usage.reserved.size, 0);
  });

  test("every byte but model and stream_options reaches the vendor as it was", async () => {
    await using r = await rig();
    const head = `{ "model" : "x",  "messages":[{"role":"user","content":"caf\\u00e9 ☕ \\n"}],\n`;
    const tail = ` "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","n":1.0e0}},"cache_control":{"type":"ephemeral"}}], "stream":true}`;
    const reply = await send(r.socket(), { raw: head + tail });
    assert.equal(reply.status, 200);
    const raw = vendor.seen[0]!.raw.toString("utf8");
    assert.equal(
      raw,
      `{"stream_options":{"include_usage":true},${head.slice(1).replace('"x"', '"fake-1"')}${tail}`,
    );
  });

  test("stream: events arrive whole, in order, with the end mark; usage is exact", async () => {
    await using r = await rig();
    const reply = await send(r.socket(), {
      body: chat("hi", { stream: true, stream_options: { include_usage: true } }),
    });
    assert.equal(reply.headers["content-type"], "text/event-stream; charset=utf-8");
    assert.equal(streamedText(reply.text), "Hello from the fake vendor.");
    assert.equal(events(reply.text).at(-1), "[DONE]");
    assert.ok(events(reply.text).some((event) => typeof event === "object" && event["usage"]));
    await r.until(() => r.usage.settled.length === 1);
    assert.equal(r.usage.settled[0]!.used.output, 5);
    assert.equal(r.usage.settled[0]!.used.estimated, false);
  });

  test("stream: usage that only we asked for is accounted but not passed on", async () => {
    await using r = await rig();
    const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
    assert.deepEqual(vendor.seen[0]!.body["stream_options"], { include_usage: true });
    assert.ok(
      !events(reply.text).some(
        (event) => typeof event === "object" && (event["choices"] as unknown[]).length === 0,
      ),
    );
    assert.equal(events(reply.text).at(-1), "[DONE]");
    await r.until(() => r.usage.settled.length === 1);
    assert.equal(r.usage.settled[0]!.used.output, 5);
  });

  test("anthropic in, anthropic out, cached tokens counted as input, unknown betas dropped", async () => {
    await using r = await rig({ default: { provider: "compatible-anthropic", model: "fake-1" } });
    const body = { model: "x", max_tokens: 100, messages: [{ role: "user", content: "hi" }], stream: true };
    const headers = {
      "x-api-key": "caller",
      "anthropic-beta": "files-api-2025-04-14, interleaved-thinking-2025-05-14",
    };
    const reply = await send(r.socket(), { path: "/v1/messages", body, headers });
    assert.equal(reply.status, 200);
    assert.deepEqual(
      reply.text.match(/^event: .*$/gm),
      [
        "message_start",
        "content_block_start",
        ...Array(5).fill("content_block_delta"),
        "content_block_stop",
        "message_delta",
        "message_stop",
      ].map((name) => `event: ${name}`),
    );
    assert.equal(vendor.seen[0]!.headers["anthropic-beta"], "interleaved-thinking-2025-05-14");
    assert.equal(vendor.seen[0]!.headers["x-api-key"], KEY);
    await r.until(() => r.usage.settled.length === 1);
    const { used } = r.usage.settled[0]!;
    assert.equal(used.input, Math.ceil(vendor.seen[0]!.raw.length / 5) + 7);
    assert.equal(used.output, 5);
    assert.equal(used.estimated, false);
  });

  test("a vendor that speaks only the other dialect is named as the reason", async () => {
    await using r = await rig();
    const body = { max_tokens: 5, messages: [{ role: "user", content: "hi" }] };
    const reply = await send(r.socket(), { path: "/v1/messages", body });
    assert.equal(reply.status, 400);
    assert.equal(code(reply.text), "dialect_unsupported");
  });

  test("models lists the one model that calls reach; other paths and methods don't exist", async () => {
    await using r = await rig();
    const list = await send(r.socket(), { path: "/v1/models" });
    assert.deepEqual(JSON.parse(list.text).data, [
      { id: "compatible/fake-1", object: "model", created: 0, owned_by: "compatible" },
    ]);
    assert.equal((await send(r.socket(), { path: "/v1/models/compatible%2Ffake-1" })).status, 200);
    assert.equal((await send(r.socket(), { path: "/v1/models/gpt-5" })).status, 404);
    for (const path of [
      "/v1/embeddings",
      "/v1/responses",
      "/v1/files",
      "/v1/chat/completions/",
      "/v1/chat/completions?x=1",
      "/",
      "//v1/models",
    ]) {
      assert.equal((await send(r.socket(), { path, body: {} })).status, 404, path);
    }
    assert.equal((await send(r.socket(), { method: "GET" })).status, 405);
    assert.equal(vendor.seen.length, 0);
  });

  test("the profile chooses provider and model; a key file that changes counts without a restart", async () => {
    await using r = await rig();
    r.profiles.byPrincipal.set(SANDBOX, { provider: "openai", model: "fake-2" });
    const file = join(r.paths.secrets("gateway"), "openai.key");
    assert.equal(code((await send(r.socket(), { body: chat("hi") })).text), "not_configured");
    writeFileSync(file, KEY, { mode: 0o600 });
    chmodSync(file, 0o644);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const open = await send(r.socket(), { body: chat("hi") });
    assert.equal(code(open.text), "not_configured");
    assert.ok(r.logs.some((line) => line.includes("chmod 600") || line.includes("can be read by others")));
    r.profiles.byPrincipal.set(SANDBOX, { provider: "compatible", model: "fake-2" });
    assert.equal((await send(r.socket(), { body: chat("hi") })).status, 200);
    assert.equal(vendor.seen[0]!.body["model"], "fake-2");
  });
});

describe("failures before the first byte", () => {
  const fails: [string, object, string, number][] = [
    ["401", { status: 401 }, "vendor_refused_key", 1],
    ["402", { status: 402 }, "vendor_refused_key", 1],
    ["404 model", { status: 404 }, "vendor_refused_key", 1],
    ["400", { status: 400 }, "vendor_refused_request", 1],
    [
      "400 too long",
      { status: 400, message: "This model's maximum context length is 8192 tokens" },
      "context_length_exceeded",
      1,
    ],
    ["302", { status: 302, headers: { location: "http://169.254.169.254/" } }, "vendor_failed", 1],
    ["500 always", { status: 500 }, "vendor_failed", 4],
    ["429 always", { status: 429 }, "vendor_limited", 4],
    ["reset always", { reset: "before" }, "vendor_failed", 4],
    ["wrong type", { contentType: "text/html" }, "vendor_failed", 1],
    ["compressed", { headers: { "content-encoding": "gzip" } }, "vendor_failed", 1],
  ];
  for (const [name, behaviour, expected, tries] of fails) {
    test(`${name} → ${expected} after ${tries} tries, nothing of the vendor's text passed on`, async () => {
      await using r = await rig();
      vendor.otherwise = behaviour;
      const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
      assert.equal(reply.status, 400);
      assert.equal(code(reply.text), expected);
      assert.equal(vendor.seen.length, tries);
      assert.doesNotMatch(reply.text, /internal trace|worker-17|10\.1\.2\.3|sk-fake|org/);
      assert.doesNotMatch(r.logs.join(""), /worker-17|10\.1\.2\.3|sk-fake-vendor/);
      await r.until(() => r.usage.settled.length === 1);
      // An error status costs nothing; a request that vanished may have been worked on.
      const vanished = name.startsWith("reset") || name === "wrong type" || name === "compressed";
      assert.equal(r.usage.settled[0]!.used.input > 0, vanished);
    });
  }

  test("two failures, then an answer: the sandbox sees only the answer", async () => {
    await using r = await rig();
    vendor.queue = [{ status: 503 }, { reset: "before" }, {}];
    const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
    assert.equal(reply.status, 200);
    assert.equal(streamedText(reply.text), "Hello from the fake vendor.");
    assert.equal(vendor.seen.length, 3);
  });

  test("Retry-After is waited for", async () => {
    await using r = await rig();
    vendor.queue = [{ status: 429, headers: { "retry-after": "1" } }];
    const reply = await send(r.socket(), { body: chat("hi") });
    assert.equal(reply.status, 200);
    assert.ok(vendor.seen[1]!.arrivedAt - vendor.seen[0]!.arrivedAt >= 995);
  });

  test("a Retry-After beyond the budget ends the call at once", async () => {
    await using r = await rig();
    vendor.queue = [{ status: 429, headers: { "retry-after": "3600" } }];
    const reply = await send(r.socket(), { body: chat("hi") });
    assert.equal(code(reply.text), "vendor_limited");
    assert.ok(reply.ms < 900, `${reply.ms} ms`);
  });

  test("fallbacks are tried in order, each with its own model and key", async () => {
    const second = await startFakeVendor({ key: "sk-second-vendor-key-987654321", models: ["fake-9"] });
    try {
      await using r = await startRig({
        config: config({
          fallbacks: [
            { provider: "vllm", model: "gone" },
            { provider: "ollama", model: "fake-9" },
          ],
          providers: {
            compatible: { baseUrl: vendor.url },
            vllm: { baseUrl: "http://127.0.0.1:1/v1" },
            ollama: { baseUrl: second.url },
          },
        }),
        keys: { compatible: KEY, ollama: "sk-second-vendor-key-987654321" },
      });
      vendor.otherwise = { status: 401 };
      const reply = await send(r.socket(), { body: chat("hi", { max_completion_tokens: 9 }) });
      assert.equal(reply.status, 200);
      // Ollama wants the other name of the cap.
      assert.equal(second.seen[0]!.body["max_tokens"], 9);
      await r.until(() => r.audits().length === 1);
      assert.equal(r.audits()[0]!["provider"], "ollama");
      assert.equal(vendor.seen.length, 1);
    } finally {
      await second.close();
    }
  });

  test("a vendor that is down is final well within the retry budget", async () => {
    await using r = await rig(
      { providers: { compatible: { baseUrl: "http://127.0.0.1:1/v1" } } },
      { timeouts: { routerFinalError: 1_500 } },
    );
    const reply = await send(r.socket(), { body: chat("hi") });
    assert.equal(code(reply.text), "vendor_unreachable");
    assert.ok(reply.ms < 1_500, `${reply.ms} ms`);
  });
});

describe("four time-outs", () => {
  test("no first byte, before or after the headers", async () => {
    await using r = await rig({}, { timeouts: { modelFirstByte: 150 } });
    for (const hang of ["before", "headers"] as const) {
      vendor.otherwise = { hang };
      const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
      assert.equal(code(reply.text), "vendor_silent", hang);
      assert.ok(reply.ms < 450, `${reply.ms} ms`);
      await r.until(() => vendor.seen.at(-1)!.abortedAt !== undefined);
    }
  });

  test("silence in the middle: error frame, end mark, vendor closed", async () => {
    await using r = await rig({}, { timeouts: { modelIdle: 150 } });
    vendor.otherwise = { hang: 2 };
    const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
    assert.equal(reply.status, 200);
    const all = events(reply.text);
    assert.equal((all.at(-2) as { error: { code: string } }).error.code, "vendor_stalled");
    assert.equal(all.at(-1), "[DONE]");
    assert.equal(reply.broken, false);
    await r.until(() => vendor.seen[0]!.abortedAt !== undefined);
  });

  test("total time", async () => {
    await using r = await rig({}, { timeouts: { modelTotal: 300 } });
    vendor.otherwise = { chunks: 1_000, chunkMs: 20 };
    const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
    assert.equal((events(reply.text).at(-2) as { error: { code: string } }).error.code, "vendor_too_long");
    assert.ok(reply.ms < 900, `${reply.ms} ms`);
    await r.until(() => vendor.seen[0]!.abortedAt !== undefined);
  });

  test("connecting takes too long", async () => {
    // TEST-NET-1 answers nobody; where the machine has no route at all the failure is immediate instead.
    const dead = { providers: { compatible: { baseUrl: "http://192.0.2.1/v1" } } };
    await using r = await rig(dead, { timeouts: { modelConnect: 200, routerFinalError: 300 } });
    const reply = await send(r.socket(), { body: chat("hi") });
    assert.equal(code(reply.text), "vendor_unreachable");
    assert.ok(reply.ms < 2_500, `${reply.ms} ms`);
  });
});

describe("a stream that breaks", () => {
  const breaks: [string, object, string][] = [
    ["reset", { reset: 2 }, "vendor_cut"],
    ["the vendor's error event", { errorEvent: 2 }, "vendor_failed"],
    ["end without finish", { omit: ["finish", "done", "usage"] }, "vendor_cut"],
  ];
  for (const [name, behaviour, expected] of breaks) {
    test(`${name} → one error frame and a proper end, no second try`, async () => {
      await using r = await rig();
      vendor.otherwise = behaviour;
      const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
      const all = events(reply.text);
      assert.equal((all.at(-2) as { error: { code: string } }).error.code, expected);
      assert.equal(all.at(-1), "[DONE]");
      assert.equal(reply.broken, false);
      assert.doesNotMatch(reply.text, /node-9/);
      assert.equal(vendor.seen.length, 1);
      await r.until(() => r.usage.settled.length === 1);
      assert.equal(r.usage.settled[0]!.used.estimated, true);
      assert.ok(r.usage.settled[0]!.used.input > 0);
    });
  }

  test("a finished answer without the end mark gets one", async () => {
    await using r = await rig();
    vendor.otherwise = { omit: ["done"] };
    const reply = await send(r.socket(), { body: chat("hi", { stream: true }) });
    assert.equal(events(reply.text).at(-1), "[DONE]");
    assert.doesNotMatch(reply.text, /"error"/);
  });
});

test("each call leaves one audit line, without content", async () => {
  await using r = await rig();
  await send(r.socket(), { body: chat("a very private question", { stream: true }) });
  await send(r.socket(), { body: chat("x", { web_search_options: { q: "private-in-field" } }) });
  await r.until(() => r.audits().length === 2);
  const [good, bad] = r.audits();
  assert.equal(good!["verdict"], "ok");
  for (const field of [
    "ref",
    "sandboxId",
    "turnId",
    "provider",
    "model",
    "input",
    "output",
    "ms",
    "firstByteMs",
  ]) {
    assert.notEqual(good![field], undefined, field);
  }
  assert.equal(bad!["verdict"], "inference_feature_denied");
  assert.doesNotMatch(r.logs.join(""), /private|Hello from the fake/);
});

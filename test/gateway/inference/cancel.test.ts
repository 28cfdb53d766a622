import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { chat, type Rig, startRig } from "../harness.ts";

const KEY = "sk-fake-vendor-key-0123456789";
/** Target 10 ms; asserted at three times that on a busy machine's behalf, twice. */
const PROMPT_MS = 60;
let vendor: FakeVendor;

before(async () => {
  vendor = await startFakeVendor({ key: KEY });
});
after(() => vendor.close());
beforeEach(() => {
  vendor.seen.length = 0;
});

const rig = (): Promise<Rig> =>
  startRig({
    config: {
      default: { provider: "compatible", model: "fake-1" },
      providers: { compatible: { baseUrl: vendor.url }, "compatible-anthropic": { baseUrl: vendor.url } },
    },
    keys: { compatible: KEY, "compatible-anthropic": KEY },
  });

/** Sends a request on a bare socket and returns how to hang up. */
function raw(socketPath: string, path: string, body: object): { hangUp(): void; text(): string } {
  const socket = connect(socketPath);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  const json = JSON.stringify(body);
  socket.write(
    `POST http://inference.local${path} HTTP/1.1\r\nhost: inference.local\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
  return { hangUp: () => socket.destroy(), text: () => text };
}

const messages = { max_tokens: 50, messages: [{ role: "user", content: "hi" }] };
const CASES: [string, string, object, object, (text: string) => boolean][] = [
  ["chat JSON, before the headers", "/v1/chat/completions", chat("hi"), { hang: "before" }, () => false],
  ["chat JSON, after the headers", "/v1/chat/completions", chat("hi"), { hang: "headers" }, () => false],
  [
    "chat stream, before the first token",
    "/v1/chat/completions",
    chat("hi", { stream: true }),
    { hang: "headers" },
    () => false,
  ],
  [
    "chat stream, after the first token",
    "/v1/chat/completions",
    chat("hi", { stream: true }),
    { hang: 2 },
    (text) => text.includes("from"),
  ],
  ["messages JSON", "/v1/messages", messages, { hang: "before" }, () => false],
  [
    "messages stream, after the first token",
    "/v1/messages",
    { ...messages, stream: true },
    { hang: 2 },
    (text) => text.includes("from"),
  ],
];

for (const [name, path, body, behaviour, ready] of CASES) {
  test(`the client hangs up: the vendor's call ends at once (${name})`, async () => {
    await using r = await rig();
    if (path === "/v1/messages")
      r.profiles.byPrincipal.set("p_aaaaaaaaaaaaaaaaaaaa", {
        provider: "compatible-anthropic",
        model: "fake-1",
      });
    vendor.otherwise = behaviour;
    const client = raw(r.socket(), path, body);
    await r.until(() => vendor.seen.length === 1);
    if (name.includes("after the first")) await r.until(() => ready(client.text()));
    else await sleep(20);
    const at = performance.now();
    client.hangUp();
    await r.until(() => vendor.seen[0]!.abortedAt !== undefined);
    assert.ok(vendor.seen[0]!.abortedAt! - at < PROMPT_MS, `${vendor.seen[0]!.abortedAt! - at} ms`);
    await r.until(() => r.usage.settled.length === 1);
    const { used } = r.usage.settled[0]!;
    assert.equal(used.estimated, true);
    assert.ok(used.input > 0, "the vendor read the prompt");
    if (name.includes("after the first")) assert.ok(used.output >= 2, `${used.output} tokens were streamed`);
    assert.equal(r.usage.reserved.size, 0);
    await r.until(() => r.audits().length === 1);
    assert.equal(r.audits()[0]!["verdict"], "cancelled");
  });
}

test("hanging up while a retry is being waited for ends the call without another try", async () => {
  await using r = await rig();
  vendor.otherwise = { status: 503, headers: { "retry-after": "3" } };
  const client = raw(r.socket(), "/v1/chat/completions", chat("hi"));
  await r.until(() => vendor.seen.length === 1);
  await sleep(30);
  client.hangUp();
  await r.until(() => r.audits().length === 1);
  assert.equal(r.audits()[0]!["verdict"], "cancelled");
  assert.equal(vendor.seen.length, 1);
  assert.deepEqual([r.usage.reserved.size, r.usage.settled[0]!.used.input], [0, 0]);
});

test("a slow answer of the demo stops when its client is gone", async () => {
  await using r = await startRig({ config: { demoSlowMs: 30 } });
  const client = raw(r.socket(), "/v1/chat/completions", chat("count slowly to 200", { stream: true }));
  await r.until(() => client.text().includes("3, "));
  client.hangUp();
  await r.until(() => r.audits().length === 1);
  assert.equal(r.audits()[0]!["verdict"], "cancelled");
});

test("a gateway that closes ends the vendor's call and writes what was used", async () => {
  await using r = await rig();
  vendor.otherwise = { hang: 2 };
  const client = raw(r.socket(), "/v1/chat/completions", chat("hi", { stream: true }));
  await r.until(() => client.text().includes("from"));
  await r.gateway.close();
  assert.equal(r.usage.settled.length, 1);
  assert.ok(r.usage.settled[0]!.used.output >= 2);
  await r.until(() => vendor.seen[0]!.abortedAt !== undefined);
});

test("a reader that stops costs little: the vendor is made to wait, then everything arrives", async () => {
  await using r = await rig();
  const total = 60_000_000;
  vendor.otherwise = { flood: total };
  const socket = connect(r.socket());
  let got = 0;
  let end = false;
  socket.on("end", () => {
    end = true;
  });
  const json = JSON.stringify(chat("hi", { stream: true }));
  socket.write(
    `POST http://inference.local/v1/chat/completions HTTP/1.1\r\nhost: inference.local\r\nconnection: close\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
  );
  socket.on("data", (chunk) => {
    got += chunk.length;
  });
  await r.until(() => got > 0);
  socket.pause();
  await sleep(400);
  const before = vendor.seen[0]!.sent;
  const rss = process.memoryUsage().rss;
  await sleep(600);
  assert.ok(
    vendor.seen[0]!.sent - before < 2_000_000,
    `${vendor.seen[0]!.sent - before} bytes more were taken`,
  );
  assert.ok(vendor.seen[0]!.sent < total / 2);
  assert.ok(process.memoryUsage().rss - rss < 20_000_000);
  socket.resume();
  await r.until(() => end, 20_000);
  assert.ok(got >= total, `${got} of ${total}`);
});

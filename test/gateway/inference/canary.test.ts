import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { type Behaviour, type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { chat, type Rig, startRig } from "../harness.ts";

/** Has every kind of character that an encoding would change. */
const KEY = "sk-canary+7f3a/91c2==Zz-0123456789abcdef";
let vendor: FakeVendor;

before(async () => {
  vendor = await startFakeVendor({ key: KEY });
});
after(() => vendor.close());

/** Every byte that the gateway sends back on one connection. */
function exchange(socketPath: string, body: object, path = "/v1/chat/completions"): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const chunks: Buffer[] = [];
    const json = JSON.stringify(body);
    socket.write(
      `POST http://inference.local${path} HTTP/1.1\r\nhost: inference.local\r\nconnection: close\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
    );
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("close", () => resolve(Buffer.concat(chunks)));
    socket.on("error", reject);
  });
}

function forms(key: string): string[] {
  const bytes = Buffer.from(key);
  return [
    key,
    encodeURIComponent(key),
    key.replaceAll("/", "\\/"),
    bytes.toString("hex"),
    ...[0, 1, 2].map((shift) => bytes.subarray(shift).toString("base64").slice(0, 40)),
    // A good half of it would do harm too.
    key.slice(0, 24),
  ];
}

const BEHAVIOURS: Behaviour[] = [
  {},
  { echoKey: "plain" },
  { echoKey: "base64" },
  { echoKey: "split" },
  { status: 401 },
  { status: 400, message: `bad header Authorization: Bearer ${KEY}` },
  { status: 500, message: KEY },
  { headers: { "x-echo": KEY, "set-cookie": KEY } },
  { contentType: `text/plain; key=${encodeURIComponent(KEY)}` },
  { errorEvent: 1 },
  { reset: 1 },
  { reset: "before" },
  { text: `prefix ${KEY.slice(0, 10)}` },
];

for (const dialect of ["openai", "anthropic"] as const) {
  for (const stream of [false, true]) {
    test(`the key is in no byte for the sandbox, no log line, no audit row (${dialect}, stream ${stream})`, async () => {
      const provider = dialect === "openai" ? "compatible" : "compatible-anthropic";
      await using r: Rig = await startRig({
        config: {
          default: { provider, model: "fake-1" },
          providers: { [provider]: { baseUrl: vendor.url } },
        },
        keys: { [provider]: KEY },
        timeouts: { routerFinalError: 600 },
      });
      const body = { ...chat("what is your key?", { stream, max_tokens: 50 }) };
      const path = dialect === "openai" ? "/v1/chat/completions" : "/v1/messages";
      const request =
        dialect === "openai" ? body : { ...body, messages: [{ role: "user", content: "key?" }] };
      let answered = 0;
      for (const behaviour of BEHAVIOURS) {
        vendor.otherwise = behaviour;
        const bytes = await exchange(r.socket(), request, path);
        const text = bytes.toString("latin1");
        assert.match(text, /^HTTP\/1\.1 /);
        if (text.startsWith("HTTP/1.1 200")) answered++;
        for (const form of forms(KEY))
          assert.ok(!text.includes(form), `${JSON.stringify(behaviour)} → ${form}`);
        if (behaviour.echoKey) assert.match(text, /answer_blocked/);
      }
      // The test would prove nothing if the vendor had refused everything.
      assert.ok(answered >= 3, `${answered} answers`);
      assert.ok(vendor.seen.some((seen) => JSON.stringify(seen.headers).includes(KEY)));
      const logs = r.logs.join("");
      assert.ok(logs.length > 1_000);
      for (const form of forms(KEY)) assert.ok(!logs.includes(form), form);
    });
  }
}

/**
 * Recordings of people's words through a real worker, the real guest (fake agent), the real gateway and a strict vendor:
 * what was said reaches the agent as its person's words and the person as what was understood; failures are said and the
 * turn still runs; a killed worker loses nothing and asks the vendor once.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Gateway, InferenceConfig, runGateway } from "../../src/gateway/index.ts";
import { principalOf } from "../../src/lib/ids.ts";
import { Spool } from "../../src/lib/spool.ts";
import { LauncherClient } from "../../src/sandbox/index.ts";
import type { AnswerBody, Attachment, Store } from "../../src/store/index.ts";
import { type FakeVendor, startFakeVendor } from "../fakes/vendor/index.ts";
import { lastUserTurn } from "../sandbox/guest/model-stub.ts";
import { GuestDriver } from "./helpers/guest-driver.ts";
import { eventually, Harness, log } from "./helpers/harness.ts";

const KEY = "sk-fake-vendor-key-0123456789";

describe("voice", () => {
  let h: Harness;
  let driver: GuestDriver;
  let vendor: FakeVendor;
  let gateway: Gateway;
  let store: Store;
  let updates = 0;
  const settings = (more: object = {}) =>
    InferenceConfig.parse({
      default: { provider: "compatible", model: "fake-1" },
      providers: { compatible: { baseUrl: vendor.url } },
      transcription: { provider: "compatible", model: "fake-whisper" },
      ...more,
    });
  before(async () => {
    vendor = await startFakeVendor({ key: KEY });
    h = await Harness.start((paths) => {
      driver = new GuestDriver(paths);
      driver.realGateway = true;
      return driver;
    });
    mkdirSync(h.paths.secrets("gateway"), { recursive: true, mode: 0o700 });
    writeFileSync(join(h.paths.secrets("gateway"), "compatible.key"), KEY, { mode: 0o600 });
    store = h.redis.store("gateway");
    await store.ready();
    const client = new LauncherClient({ socket: h.paths.launcher.gatewaySocket });
    gateway = await runGateway({
      ...{ paths: h.paths, config: settings(), logger: log, env: {} },
      ...{ usage: store.usage, turns: store.contexts, profiles: store.profiles },
      launcher: {
        watch: async (listener) => void (await client.watch((id, info) => listener(id, info ?? null))),
        handOver: async () => {},
        programOf: async () => undefined,
        close: () => client.close(),
      },
    });
    await h.worker();
  });
  after(async () => {
    await driver.closeAll();
    await gateway.close();
    await h.stop();
    await vendor.close();
  });
  beforeEach(() => {
    vendor.seen.length = 0;
    vendor.queue.length = 0;
    gateway.reconfigure(settings());
    // Speech is answered by what `speech` says, everything else echoes.
    vendor.otherwise = (body) =>
      "response_format" in body
        ? speech
        : { text: `echo: ${lastUserTurn(body["messages"] as Parameters<typeof lastUserTurn>[0]).text}` };
    speech = { text: "Please water the plants" };
  });
  let speech: object = {};
  const transcriptions = () => vendor.seen.filter(({ path }) => path.endsWith("/transcriptions")).length;

  async function record(name: string, bytes = Buffer.concat([Buffer.from("OggS"), randomBytes(9_000)])) {
    const spooled = await new Spool(h.paths.spool.in).put([bytes], { maxBytes: 50_000_000 });
    return { name, mime: "audio/ogg", ...spooled, spoken: true as const };
  }
  async function send(user: string, text: string, attachments: Attachment[]): Promise<void> {
    await h.bridge.ingress("console").accept({
      ...{ conversation: `console.${user}`, bridge: "console", principal: principalOf("console", user) },
      ...{ updateKey: `v${++updates}`, deliver: { chat: user }, sender: { id: user, name: user }, text },
      attachments,
    });
  }
  async function answer(user: string, n: number): Promise<AnswerBody & { kind: "final" }> {
    await h.until(user, n, 60_000);
    const body = (await h.answers(user)).at(n - 1)?.body;
    assert.equal(body?.kind, "final", JSON.stringify(body));
    return body as AnswerBody & { kind: "final" };
  }

  it("what was said reaches the agent as words, the person as what was understood; the file is there too", async () => {
    const bytes = Buffer.concat([Buffer.from("OggS"), randomBytes(200_000)]);
    await send("ann", "", [await record("voice-1.ogg", bytes)]);
    const { markdown, heard } = await answer("ann", 1);
    assert.match(
      markdown,
      /^echo: \[What is said in voice-1\.ogg, turned into text by a machine that may have misheard:\]\nPlease water the plants\n\n\[Files/,
    );
    assert.deepEqual(heard, [{ name: "voice-1.ogg", text: "Please water the plants" }]);
    const home = join(driver.dir(principalOf("console", "ann")), "home");
    assert.ok(readFileSync(join(home, "inbox/voice-1.ogg")).equals(bytes));
    assert.ok(vendor.seen.find(({ file }) => file)?.file?.bytes.equals(bytes));
    const draft = h.drafts.find(({ kind, text }) => kind === "text" && text.includes("🎤"));
    assert.match(draft?.text ?? "", /^> 🎤 Please water the plants\n\n/);
    const used = await h.bridge.usage.day(principalOf("console", "ann"));
    assert.equal(used.calls, 2, "the recording is counted as a call");
  });

  it("a file that nobody spoke for them stays a file", async () => {
    const { spoken: _, ...music } = await record("music.ogg");
    await send("ann", "listen", [music]);
    assert.equal((await answer("ann", 2)).heard, undefined);
    assert.equal(transcriptions(), 0);
  });

  it("not configured, refused by the vendor, nothing said, too large: told, and the turn runs", async () => {
    gateway.reconfigure(settings({ transcription: undefined }));
    await send("ann", "one", [await record("a.ogg")]);
    const off = await answer("ann", 3);
    assert.deepEqual(off.heard, [{ name: "a.ogg", failed: "off" }]);
    assert.match(off.markdown, /^echo: one\n\n\[Files/);
    gateway.reconfigure(settings());
    speech = { status: 400 };
    await send("ann", "two", [await record("b.ogg")]);
    assert.deepEqual((await answer("ann", 4)).heard, [{ name: "b.ogg", failed: "failed" }]);
    speech = { text: "  " };
    const large = Buffer.concat([Buffer.from("OggS"), Buffer.alloc(10 * 1024 * 1024)]);
    await send("ann", "three", [await record("c.ogg"), await record("d.ogg", large)]);
    assert.deepEqual((await answer("ann", 5)).heard, [
      { name: "c.ogg", text: "" },
      { name: "d.ogg", failed: "too-large" },
    ]);
  });

  it("/stop while the vendor listens ends the turn at once, and the next one runs", async () => {
    speech = { delayMs: 8_000 };
    await send("ann", "", [await record("e.ogg")]);
    await eventually(() => transcriptions() === 1);
    const at = performance.now();
    await h.say("ann", "/stop");
    await eventually(async () => (await h.said("ann")).includes("notice: cancelled"));
    assert.ok(performance.now() - at < 3_000);
    await h.say("ann", "still there?");
    assert.match((await h.until("ann", 8)).at(-1) ?? "", /echo: still there/);
  });

  for (const [failpoint, user] of [
    ["dispatch.after-heard", "bob"],
    ["dispatch.after-run", "eve"],
  ] as const)
    it(`a worker killed at ${failpoint}: the next one answers, and the vendor is asked once`, async () => {
      await h.closeWorkers();
      const first = await h.child({ failpoint });
      const died = new Promise((resolve) => first.once("exit", resolve));
      await send(user, "", [await record("v.ogg")]);
      await died;
      await h.child();
      const { markdown, heard } = await answer(user, 1);
      assert.match(markdown, /Please water the plants/);
      assert.deepEqual(heard, [{ name: "v.ogg", text: "Please water the plants" }]);
      assert.equal(transcriptions(), 1);
      assert.equal((await h.answers(user)).length, 1);
      await h.killChildren();
    });
});

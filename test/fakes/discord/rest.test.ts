/** The fake enforces Discord's REST rules and this project's own: each test breaks one. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Bench, bench, body } from "./client.ts";

const ANN = "100000000000000001";

describe("fake discord: REST", () => {
  let b: Bench;
  let dm: string;
  before(async () => {
    b = await bench();
    dm = b.fake.bot.dm(ANN);
  });
  beforeEach(() => {
    b.fake.bot.clearFaults();
  });
  after(() => b.close());
  const post = (json: unknown, channel = dm) => b.rest("POST", `/channels/${channel}/messages`, json);
  const sent = async (content: string) => String((await post(body(content))).json["id"]);

  describe("messages", () => {
    it("posts, reads, edits and deletes", async () => {
      const id = await sent("hello");
      assert.equal((await b.rest("GET", `/channels/${dm}/messages/${id}`)).json["content"], "hello");
      const edit = await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body("bye"));
      assert.equal(edit.json["content"], "bye");
      assert.equal((await b.rest("DELETE", `/channels/${dm}/messages/${id}`)).status, 204);
      assert.equal((await b.rest("GET", `/channels/${dm}/messages/${id}`)).json["code"], 10_008);
    });
    it("takes 2000 characters and refuses 2001 (50035)", async () => {
      assert.equal((await post(body("x".repeat(2_000)))).status, 200);
      const { status, json } = await post(body("x".repeat(2_001)));
      assert.deepEqual([status, json["code"]], [400, 50_035]);
      assert.match(JSON.stringify(json["errors"]), /BASE_TYPE_MAX_LENGTH/);
    });
    it("counts characters, not UTF-16 units", async () => {
      assert.equal((await post(body("😀".repeat(2_000)))).status, 200);
      assert.equal((await post(body("😀".repeat(2_001)))).json["code"], 50_035);
    });
    it("refuses 2001 characters in an edit too", async () => {
      const id = await sent("short");
      const { json } = await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body("x".repeat(2_001)));
      assert.equal(json["code"], 50_035);
    });
    for (const text of ["", " ", "\n\t "])
      it(`refuses an empty message: ${JSON.stringify(text)} (50006)`, async () => {
        assert.equal((await post(body(text))).json["code"], 50_006);
      });
    it("refuses to edit into nothing (50006)", async () => {
      const id = await sent("something");
      assert.equal((await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body(""))).json["code"], 50_006);
    });
    it("knows no such message (10008) on edit and delete", async () => {
      assert.equal((await b.rest("PATCH", `/channels/${dm}/messages/123`, body("x"))).json["code"], 10_008);
      assert.equal((await b.rest("DELETE", `/channels/${dm}/messages/123`)).json["code"], 10_008);
    });
    it("knows no such channel (10003)", async () => {
      assert.equal((await post(body("x"), "123")).json["code"], 10_003);
    });
    it("lets nobody edit another's message (50005)", async () => {
      const id = b.fake.bot.say(ANN, dm, "mine");
      assert.equal((await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body("x"))).json["code"], 50_005);
    });
    it("sends nothing to a person who closed their DMs (50007)", async () => {
      const closed = b.fake.bot.dm("100000000000000002");
      b.fake.bot.close(closed);
      assert.equal((await post(body("x"), closed)).json["code"], 50_007);
    });
    it("refuses a reply to a missing message, unless that is allowed", async () => {
      const reference = { message_id: "123" };
      assert.equal((await post(body("x", { message_reference: reference }))).json["code"], 50_035);
      const lenient = { ...reference, fail_if_not_exists: false };
      assert.equal((await post(body("x", { message_reference: lenient }))).status, 200);
    });
    it("edits only what the edit names", async () => {
      const row = { type: 1, components: [{ type: 2, style: 2, label: "go", custom_id: "go" }] };
      const { json } = await post(body("text", { components: [row] }));
      const edit = await b.rest("PATCH", `/channels/${dm}/messages/${json["id"]}`, body("new"));
      assert.equal((edit.json["components"] as unknown[]).length, 1);
    });
    it("wants the bot's token (401)", async () => {
      const { status } = await b.rest("POST", `/channels/${dm}/messages`, body("x"), { auth: "Bot wrong" });
      assert.equal(status, 401);
    });
    it("knows no other route or version (404)", async () => {
      assert.equal((await b.rest("GET", "/nothing")).status, 404);
      assert.equal((await fetch(`${b.fake.url}/v9/gateway/bot`)).status, 404);
    });
    it("refuses broken JSON (50109)", async () => {
      const response = await fetch(`${b.fake.url}/v10/channels/${dm}/messages`, {
        method: "POST",
        headers: { authorization: `Bot ${b.fake.token}`, "content-type": "application/json" },
        body: "{",
      });
      assert.equal(((await response.json()) as { code: number }).code, 50_109);
    });
  });

  describe("this project's own rules", () => {
    const breaches: [string, Record<string, unknown>][] = [
      ["allowed_mentions missing", { allowed_mentions: undefined }],
      ["allowed_mentions that parse users", { allowed_mentions: { parse: ["users"] } }],
      ["allowed_mentions with users", { allowed_mentions: { parse: [], users: [ANN] } }],
      ["SUPPRESS_EMBEDS missing", { flags: 0 }],
      ["no flags at all", { flags: undefined }],
      ["an embed", { embeds: [{ title: "x" }] }],
      ["speech", { tts: true }],
    ];
    for (const [name, more] of breaches) {
      it(`fails a message with ${name}`, async () => {
        const before = b.fake.bot.breaches().length;
        assert.match(String((await post(body("x", more))).json["message"]), /^FAKE: /);
        assert.equal(b.fake.bot.breaches().length, before + 1);
      });
      it(`fails an edit with ${name}`, async () => {
        const id = await sent("x");
        const { json } = await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body("y", more));
        assert.match(String(json["message"]), /^FAKE: /);
      });
    }
    it("fails media by URL", async () => {
      const gallery = { type: 12, items: [{ media: { url: "https://evil.example/x.png" } }] };
      const { json } = await post({
        ...body("x"),
        content: undefined,
        flags: 4 | 32_768,
        components: [gallery],
      });
      assert.match(String(json["message"]), /^FAKE: media/);
    });
    it("fails a link button", async () => {
      const row = { type: 1, components: [{ type: 2, style: 5, label: "x", url: "https://a.example" }] };
      assert.match(String((await post(body("x", { components: [row] }))).json["message"]), /^FAKE: no link/);
    });
  });

  describe("nonce", () => {
    it("with enforce_nonce returns the same message", async () => {
      const first = await post(body("once", { nonce: "n-1", enforce_nonce: true }));
      const second = await post(body("twice", { nonce: "n-1", enforce_nonce: true }));
      assert.equal(second.json["id"], first.json["id"]);
      assert.equal(second.json["content"], "once");
    });
    it("without enforce_nonce posts again", async () => {
      const first = await post(body("a", { nonce: "n-2" }));
      assert.notEqual((await post(body("a", { nonce: "n-2" }))).json["id"], first.json["id"]);
    });
    it("is remembered per channel", async () => {
      const other = b.fake.bot.dm("100000000000000003");
      const first = await post(body("a", { nonce: "n-3", enforce_nonce: true }));
      const elsewhere = await post(body("a", { nonce: "n-3", enforce_nonce: true }), other);
      assert.notEqual(elsewhere.json["id"], first.json["id"]);
    });
    it("has at most 25 characters", async () => {
      assert.equal((await post(body("a", { nonce: "x".repeat(26) }))).json["code"], 50_035);
    });
    it("is forgotten after its window, and never part of the history", async () => {
      const own = await bench({ limits: "off", nonceMs: 50 });
      const channel = own.fake.bot.dm(ANN);
      const send = () =>
        own.rest("POST", `/channels/${channel}/messages`, body("a", { nonce: "n", enforce_nonce: true }));
      const first = await send();
      await new Promise((resolve) => setTimeout(resolve, 80));
      assert.notEqual((await send()).json["id"], first.json["id"]);
      const history = await own.rest("GET", `/channels/${channel}/messages`);
      assert.ok((history.json as unknown as object[]).every((one) => !("nonce" in one)));
      await own.close();
    });
  });

  describe("history", () => {
    it("after= gives the oldest above it, newest first", async () => {
      const channel = b.fake.bot.dm("100000000000000004");
      const ids = Array.from({ length: 5 }, (_, i) => b.fake.bot.say("100000000000000004", channel, `m${i}`));
      const { json } = await b.rest("GET", `/channels/${channel}/messages?after=${ids[0]}&limit=2`);
      assert.deepEqual(
        (json as unknown as { content: string }[]).map((one) => one.content),
        ["m2", "m1"],
      );
    });
    it("takes a limit of 1 to 100", async () => {
      for (const limit of [0, 101])
        assert.equal((await b.rest("GET", `/channels/${dm}/messages?limit=${limit}`)).json["code"], 50_035);
    });
    it("hides what a guild's message says without the intent, unless the bot is mentioned", async () => {
      const own = await bench({ limits: "off", gateway: { privileged: 0 } });
      const channel = own.fake.bot.addGuild("800000000000000001");
      own.fake.bot.say(ANN, channel, "secret");
      own.fake.bot.say(ANN, channel, `<@${own.fake.bot.state.me.id}> open`);
      const { json } = await own.rest("GET", `/channels/${channel}/messages`);
      const texts = (json as unknown as { content: string }[]).map((one) => one.content);
      assert.equal(texts[1], "");
      assert.match(texts[0]!, /open/);
      await own.close();
    });
  });

  describe("components", () => {
    const button = (custom_id: string, more = {}) => ({ type: 2, style: 2, label: "ok", custom_id, ...more });
    const row = (...components: object[]) => ({ type: 1, components });
    const wrong: [string, unknown, number?][] = [
      ["six rows", Array.from({ length: 6 }, (_, i) => row(button(`b${i}`)))],
      ["six buttons in a row", [row(...Array.from({ length: 6 }, (_, i) => button(`b${i}`)))]],
      ["an empty row", [row()]],
      ["a custom_id over 100", [row(button("x".repeat(101)))]],
      ["no custom_id", [row({ type: 2, style: 2, label: "x" })]],
      ["a label over 80", [row(button("a", { label: "x".repeat(81) }))]],
      ["no label", [row(button("a", { label: "" }))]],
      ["two equal custom_ids", [row(button("a"), button("a"))]],
      ["a button outside a row", [button("a")]],
      ["an unknown type", [{ type: 99 }]],
      ["text display without the V2 flag", [{ type: 10, content: "x" }]],
      ["V2 with content", [{ type: 10, content: "x" }], 32_768],
    ];
    for (const [name, components, flags = 0] of wrong)
      it(`refuses ${name} (50035)`, async () => {
        assert.equal((await post(body("x", { components, flags: 4 | flags }))).json["code"], 50_035);
      });
    it("takes five rows of five", async () => {
      const rows = Array.from({ length: 5 }, (_, r) =>
        row(...Array.from({ length: 5 }, (_, i) => button(`${r}.${i}`))),
      );
      assert.equal((await post(body("x", { components: rows }))).status, 200);
    });
    const v2 = (components: unknown) => ({ flags: 4 | 32_768, allowed_mentions: { parse: [] }, components });
    it("takes V2: a container with 4000 characters of text, and no more", async () => {
      const text = (n: number) => [{ type: 17, components: [{ type: 10, content: "x".repeat(n) }] }];
      assert.equal((await post(v2(text(4_000)))).status, 200);
      assert.equal((await post(v2(text(4_001)))).json["code"], 50_035);
    });
    it("counts at most 40 components in V2", async () => {
      const texts = (n: number) => Array.from({ length: n }, () => ({ type: 10, content: "x" }));
      assert.equal((await post(v2(texts(40)))).status, 200);
      assert.equal((await post(v2(texts(41)))).json["code"], 50_035);
    });
    it("never takes the V2 flag off again", async () => {
      const { json } = await post(v2([{ type: 10, content: "x" }]));
      const edit = await b.rest("PATCH", `/channels/${dm}/messages/${json["id"]}`, body("plain"));
      assert.equal(edit.json["code"], 50_035);
    });
  });

  describe("files", () => {
    const upload = async (bytes: Buffer, payload = body("here")) => {
      const form = new FormData();
      const attachments = [{ id: 0, filename: "a.bin" }];
      form.set("payload_json", JSON.stringify({ ...payload, attachments }));
      form.set("files[0]", new Blob([new Uint8Array(bytes)]), "a.bin");
      return await b.rest("POST", `/channels/${dm}/messages`, undefined, { form });
    };
    it("come back byte by byte", async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256));
      const { json } = await upload(bytes);
      const [file] = json["attachments"] as { url: string; size: number }[];
      assert.equal(file!.size, bytes.length);
      assert.deepEqual(Buffer.from(await (await fetch(file!.url)).arrayBuffer()), bytes);
    });
    it("are no empty message without text", async () => {
      assert.equal((await upload(Buffer.from("x"), body(""))).status, 200);
    });
    it("over 10 MB are refused (40005)", async () => {
      const { status, json } = await upload(Buffer.alloc(10 * 1024 * 1024 + 1));
      assert.deepEqual([status, json["code"]], [413, 40_005]);
    });
  });

  describe("threads", () => {
    it("are started from a message and are channels of their own", async () => {
      const channel = b.fake.bot.addGuild("800000000000000002");
      const { json } = await post(body("start"), channel);
      const thread = await b.rest("POST", `/channels/${channel}/messages/${json["id"]}/threads`, {
        name: "t",
      });
      assert.deepEqual([thread.json["type"], thread.json["parent_id"]], [11, channel]);
      assert.equal((await post(body("inside"), String(thread.json["id"]))).status, 200);
      assert.equal(b.fake.bot.fromBot(channel).length, 1);
    });
    it("want a name", async () => {
      const channel = b.fake.bot.addGuild("800000000000000003");
      const { json } = await post(body("start"), channel);
      const path = `/channels/${channel}/messages/${json["id"]}/threads`;
      assert.equal((await b.rest("POST", path, { name: "" })).json["code"], 50_035);
    });
    it("take no edits when archived (50083), and open again by a message unless locked", async () => {
      const thread = b.fake.bot.addThread(b.fake.bot.addGuild("800000000000000004"));
      const { json } = await post(body("x"), thread);
      b.fake.bot.archive(thread);
      const path = `/channels/${thread}/messages/${json["id"]}`;
      assert.equal((await b.rest("PATCH", path, body("y"))).json["code"], 50_083);
      assert.equal((await post(body("again"), thread)).status, 200);
      b.fake.bot.archive(thread, true);
      assert.equal((await post(body("locked"), thread)).json["code"], 50_083);
    });
    it("and channels that the bot may not see are refused (50001)", async () => {
      const channel = b.fake.bot.addGuild("800000000000000005");
      b.fake.bot.close(channel);
      assert.equal((await post(body("x"), channel)).json["code"], 50_001);
    });
  });

  describe("slash commands", () => {
    const put = (list: unknown) => b.rest("PUT", `/applications/${b.fake.bot.state.me.id}/commands`, list);
    it("are registered in bulk and read back", async () => {
      assert.equal((await put([{ name: "new", description: "Start" }])).status, 200);
      const { json } = await b.rest("GET", `/applications/${b.fake.bot.state.me.id}/commands`);
      assert.equal((json as unknown as { name: string }[])[0]!.name, "new");
      assert.equal(b.fake.bot.commandsOf().writes, 1);
    });
    const wrong: [string, unknown][] = [
      ["a name in capitals", [{ name: "New", description: "x" }]],
      ["a name with a space", [{ name: "a b", description: "x" }]],
      ["no description", [{ name: "a" }]],
      ["a description over 100", [{ name: "a", description: "x".repeat(101) }]],
      ["a name twice", [1, 2].map(() => ({ name: "a", description: "x" }))],
      [
        "an option without a type",
        [{ name: "a", description: "x", options: [{ name: "o", description: "x" }] }],
      ],
      ["what is no list", { name: "a", description: "x" }],
    ];
    for (const [name, list] of wrong)
      it(`refuse ${name} (50035)`, async () => {
        assert.equal((await put(list)).json["code"], 50_035);
      });
    it("are at most 100 (30032)", async () => {
      const list = Array.from({ length: 101 }, (_, i) => ({ name: `c${i}`, description: "x" }));
      assert.equal((await put(list)).json["code"], 30_032);
    });
    it("belong to the own application", async () => {
      assert.equal((await b.rest("PUT", "/applications/1/commands", [])).json["code"], 50_001);
    });
  });

  describe("troubles", () => {
    const count = () => b.fake.bot.fromBot(dm).length;
    it("reset-before-apply has no effect", async () => {
      const before = count();
      b.fake.bot.fault({ method: "createMessage", kind: "reset-before-apply" });
      await assert.rejects(post(body("x")));
      assert.equal(count(), before);
    });
    it("apply-then-reset has its effect", async () => {
      const before = count();
      b.fake.bot.fault({ method: "createMessage", kind: "apply-then-reset" });
      await assert.rejects(post(body("x")));
      assert.equal(count(), before + 1);
    });
    it("apply-then-502 has its effect and says 502", async () => {
      const before = count();
      b.fake.bot.fault({ method: "createMessage", kind: "apply-then-502" });
      await assert.rejects(post(body("x")), SyntaxError);
      assert.equal(count(), before + 1);
    });
    it("delay answers late", async () => {
      b.fake.bot.fault({ method: "createMessage", kind: "delay", ms: 300 });
      const at = Date.now();
      await post(body("x"));
      assert.ok(Date.now() - at >= 300);
    });
    it("429 on order, and only where it matches", async () => {
      b.fake.bot.fault({ method: "createMessage", kind: "429", retryAfter: 2, match: "only this" });
      assert.equal((await post(body("another"))).status, 200);
      const { status, json } = await post(body("only this"));
      assert.deepEqual([status, json["retry_after"]], [429, 2]);
    });
  });
});

describe("fake discord: rate limits", () => {
  it("per route and channel, with headers", async () => {
    const b = await bench({ limits: { global: { requests: 1_000, ms: 1_000 } } });
    const [one, two] = [b.fake.bot.dm("1"), b.fake.bot.dm("2")];
    const post = (channel: string) => b.rest("POST", `/channels/${channel}/messages`, body("x"));
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(one)));
    const limited = answers.filter(({ status }) => status === 429);
    assert.equal(limited.length, 1);
    const [refusal] = limited;
    assert.equal(refusal!.json["global"], false);
    assert.equal(refusal!.headers.get("x-ratelimit-scope"), "user");
    assert.equal(refusal!.headers.get("x-ratelimit-limit"), "5");
    assert.ok(Number(refusal!.headers.get("retry-after")) >= 1);
    assert.ok(Number(refusal!.json["retry_after"]) > 0);
    const fine = await post(two);
    assert.equal(fine.status, 200, "another channel has its own bucket");
    assert.equal(fine.headers.get("x-ratelimit-remaining"), "4");
    assert.ok(fine.headers.get("x-ratelimit-bucket"));
    await b.close();
  });
  it("for the whole bot: the global one", async () => {
    const b = await bench({ limits: { global: { requests: 3, ms: 1_000 } } });
    const answers = await Promise.all(Array.from({ length: 5 }, () => b.rest("GET", "/users/@me")));
    const limited = answers.filter(({ status }) => status === 429);
    assert.equal(limited.length, 2);
    assert.equal(limited[0]!.json["global"], true);
    assert.equal(limited[0]!.headers.get("x-ratelimit-global"), "true");
    await b.close();
  });
});

/** The fake enforces the rules of interactions: 3 s, one response, 15 min, @original and follow-ups. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Bench, bench, body, type Peer } from "./client.ts";

const ANN = "100000000000000001";
const EPHEMERAL = 64;

describe("fake discord: interactions", () => {
  let b: Bench;
  let dm: string;
  let peer: Peer;
  before(async () => {
    b = await bench();
    dm = b.fake.bot.dm(ANN);
    peer = await b.connect();
    peer.send(2, { token: b.fake.token, intents: 0 });
    await peer.next(0, "READY");
  });
  after(() => b.close());

  interface Given {
    id: string;
    token: string;
    data: Record<string, unknown>;
  }
  const command = async (options?: Record<string, string>) => {
    b.fake.bot.command(ANN, dm, "help", options);
    return (await peer.next(0, "INTERACTION_CREATE")) as unknown as Given;
  };
  const press = async () => {
    const row = { type: 1, components: [{ type: 2, style: 2, label: "go", custom_id: "go" }] };
    const sent = await b.rest("POST", `/channels/${dm}/messages`, body("card", { components: [row] }));
    b.fake.bot.press(ANN, dm, String(sent.json["id"]), "go");
    const given = (await peer.next(0, "INTERACTION_CREATE")) as unknown as Given;
    return { ...given, message: String(sent.json["id"]) };
  };
  const answer = (given: Given, type: number, data: Record<string, unknown> = {}, query = "") =>
    b.rest("POST", `/interactions/${given.id}/${given.token}/callback${query}`, { type, data }, { auth: "" });
  const hook = (method: string, given: Given, path = "/messages/@original", json?: unknown) =>
    b.rest(method, `/webhooks/${b.fake.bot.state.me.id}/${given.token}${path}`, json, { auth: "" });

  it("tell name, options, channel and who", async () => {
    const given = await command({ text: "hi" });
    assert.equal(given.data["name"], "help");
    assert.deepEqual(given.data["options"], [{ name: "text", type: 3, value: "hi" }]);
  });
  it("defer: thinking until @original is edited", async () => {
    const given = await command();
    assert.equal((await answer(given, 5)).status, 204);
    assert.equal(b.fake.bot.thinking(dm), 1);
    assert.equal((await hook("PATCH", given, undefined, body("done"))).json["content"], "done");
    assert.equal(b.fake.bot.thinking(dm), 0);
    assert.ok(b.fake.bot.fromBot(dm).some((one) => one.text === "done"));
  });
  it("tell the id of a deferred response on wish", async () => {
    const given = await command();
    const { json } = await answer(given, 5, {}, "?with_response=true");
    const id = (json["interaction"] as Record<string, unknown>)["response_message_id"];
    assert.equal((await hook("PATCH", given, undefined, body("x"))).json["id"], id);
  });
  it("after 3 s are unknown (10062)", async () => {
    const given = await command();
    b.fake.bot.age(given.id, 3_001);
    assert.equal((await answer(given, 5)).json["code"], 10_062);
  });
  it("with another token are unknown (10062)", async () => {
    const given = await command();
    assert.equal((await answer({ ...given, token: "wrong" }, 5)).json["code"], 10_062);
  });
  it("are answered once (40060)", async () => {
    const given = await command();
    await answer(given, 5);
    assert.equal((await answer(given, 5)).json["code"], 40_060);
    assert.equal((await answer(given, 4, body("x"))).json["code"], 40_060);
  });
  it("have no @original before the first response (10015)", async () => {
    const given = await command();
    assert.equal((await hook("PATCH", given, undefined, body("x"))).json["code"], 10_015);
    assert.equal((await hook("POST", given, "", body("x"))).json["code"], 10_015);
  });
  it("of an unknown webhook are refused (10015)", async () => {
    const path = `/webhooks/${b.fake.bot.state.me.id}/nothing/messages/@original`;
    assert.equal((await b.rest("PATCH", path, body("x"), { auth: "" })).json["code"], 10_015);
  });
  it("end with their token after 15 min (50027)", async () => {
    const given = await command();
    await answer(given, 5);
    b.fake.bot.age(given.id, 15 * 60_000);
    assert.equal((await hook("PATCH", given, undefined, body("x"))).json["code"], 50_027);
    assert.equal((await hook("POST", given, "", body("x"))).json["code"], 50_027);
  });
  it("can be edited by the bot's own token after that: a public response is a message of the channel", async () => {
    const given = await command();
    const { json } = await answer(given, 5, {}, "?with_response=true");
    const id = (json["interaction"] as Record<string, unknown>)["response_message_id"];
    b.fake.bot.age(given.id, 16 * 60_000);
    assert.equal((await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body("late"))).status, 200);
    assert.ok(b.fake.bot.fromBot(dm).some((one) => one.text === "late"));
  });
  it("ephemeral: only their person sees it, and no channel route does (10008)", async () => {
    const given = await command();
    const { json } = await answer(given, 5, { flags: EPHEMERAL }, "?with_response=true");
    await hook("PATCH", given, undefined, body("private"));
    assert.ok(!b.fake.bot.fromBot(dm).some((one) => one.text === "private"));
    assert.ok(b.fake.bot.fromBot(dm, ANN).some((one) => one.text === "private"));
    const id = (json["interaction"] as Record<string, unknown>)["response_message_id"];
    assert.equal((await b.rest("PATCH", `/channels/${dm}/messages/${id}`, body("x"))).json["code"], 10_008);
  });
  it("the first follow-up after a deferral is @original, the next a message of its own", async () => {
    const given = await command();
    await answer(given, 5);
    const first = await hook("POST", given, "", body("one"));
    const second = await hook("POST", given, "", body("two"));
    assert.notEqual(first.json["id"], second.json["id"]);
    assert.equal((await hook("GET", given)).json["id"], first.json["id"]);
  });
  it("@original can be deleted", async () => {
    const given = await command();
    await answer(given, 5);
    assert.equal((await hook("DELETE", given)).status, 204);
    assert.equal((await hook("PATCH", given, undefined, body("x"))).json["code"], 10_008);
  });
  it("say at once what they say: limits and own rules hold there too", async () => {
    const given = await command();
    assert.match(String((await answer(given, 4, { content: "x" })).json["message"]), /^FAKE: /);
    assert.equal((await answer(given, 4, body("x".repeat(2_001)))).json["code"], 50_035);
    assert.equal((await answer(given, 4, body("fine"))).status, 204);
  });
  it("own rules hold for @original and follow-ups", async () => {
    const given = await command();
    await answer(given, 5);
    assert.match(
      String((await hook("PATCH", given, undefined, { content: "x" })).json["message"]),
      /^FAKE: /,
    );
    assert.match(String((await hook("POST", given, "", { content: "x" })).json["message"]), /^FAKE: /);
  });
  it("component: update() changes the message that carries the button", async () => {
    const given = await press();
    assert.equal((await answer(given, 7, body("decided", { components: [] }))).status, 204);
    const [message] = b.fake.bot.fromBot(dm).filter((one) => one.id === given.message);
    assert.deepEqual([message!.text, message!.buttons.length], ["decided", 0]);
  });
  it("component: deferred update, then @original is that message", async () => {
    const given = await press();
    assert.equal((await answer(given, 6)).status, 204);
    assert.equal((await hook("PATCH", given, undefined, body("later"))).json["id"], given.message);
  });
  it("a command has nothing to update", async () => {
    const given = await command();
    assert.equal((await answer(given, 7, body("x"))).json["code"], 50_035);
    assert.equal((await answer(given, 6)).json["code"], 50_035);
  });
  it("only what a button says can be pressed, unless a client forges it", async () => {
    const given = await press();
    assert.throws(() => b.fake.bot.press(ANN, dm, given.message, "forged"));
    b.fake.bot.press(ANN, dm, given.message, "forged", true);
    const forged = (await peer.next(0, "INTERACTION_CREATE")) as unknown as Given;
    assert.equal(forged.data["custom_id"], "forged");
  });
});

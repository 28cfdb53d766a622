/**
 * Hot reload with open tunnels, through the real proxy, the real book and a real Redis: a tunnel that a new policy no
 * longer allows is closed within a second, one that it still allows carries on without a gap.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { PolicyFile } from "../../src/gateway/policy/live/index.ts";
import { ANN, AUTHOR, allowing, type Gate, gate, scratch } from "../gateway/policy/live-kit.ts";
import { silent, startTestRedis, type TestRedis } from "../helpers/redis.ts";
import type { Client } from "./harness.ts";
import { Harness } from "./harness.ts";
import { CONNECT } from "./proxy-kit.ts";

const raw = (...hosts: string[]) =>
  `version: 1\nnetwork_policies:\n${hosts
    .map((host) => `  ${host}: { endpoints: [{ host: ${host}.example.com, port: 443, tls: skip }] }\n`)
    .join("")}`;

let redis: TestRedis;
let mine: Gate;
let other: Gate;
let harness: Harness;
let dir: ReturnType<typeof scratch>;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());
beforeEach(async () => {
  dir = scratch();
  await redis.send("admin", "DEL", "nc:{p:default}:policy", `nc:{p:${ANN}}:policy`);
  [mine, other] = [await gate(redis), await gate(redis, "host2")];
  await mine.desk.set("default", { name: "p.yaml", text: raw("kept", "cut") }, AUTHOR);
  await mine.book.loaded(ANN);
  harness = await Harness.start({
    port: mine.book.open(ANN),
    // Echoes, so that a gap would show.
    raw: (socket) => void socket.on("data", (piece) => void socket.write(piece)),
  });
});
afterEach(async () => {
  harness.close();
  await Promise.all([mine, other].map(({ book }) => book.close()));
  dir.remove();
});

async function open(host: string): Promise<Client> {
  const client = harness.client().send(CONNECT(`${host}.example.com:443`));
  assert.ok(await client.answered());
  assert.equal(client.status, 200, client.text);
  await echo(client.clear(), "hello");
  return client;
}
async function echo(client: Client, text: string): Promise<void> {
  client.clear().send(text);
  assert.ok(await client.until(({ text: got }) => got === text), `${text} came back as ${client.text}`);
}

describe("open tunnels and a new policy", () => {
  const WAYS: [string, (text: string) => Promise<unknown>][] = [
    ["set at this gateway", (text) => mine.desk.set("default", { name: "p.yaml", text }, AUTHOR)],
    ["set at another gateway", (text) => other.desk.set("default", { name: "p.yaml", text }, AUTHOR)],
    [
      "written into the policy file",
      async (text) => {
        const path = dir.file("policy.yaml");
        const file = new PolicyFile({
          path,
          required: false,
          hostId: "host1",
          desk: mine.desk,
          logger: silent,
        });
        mine.book.alsoPoll(() => file.check());
        writeFileSync(path, text);
      },
    ],
  ];
  for (const [way, apply] of WAYS) {
    it(`${way}: the forbidden one is closed in < 1 s, the other one is untouched`, async () => {
      const [kept, cut] = [await open("kept"), await open("cut")];
      let beats = 0;
      const beat = setInterval(() => {
        kept.send(".");
        beats++;
      }, 5);
      const start = performance.now();
      await apply(raw("kept"));
      const closed = await cut.gone(1_000 - (performance.now() - start));
      assert.ok(closed, `still open after ${performance.now() - start} ms`);
      clearInterval(beat);
      assert.ok(
        await kept.until(({ text }) => text === `hello${".".repeat(beats)}`),
        `no byte is missing: ${kept.text}`,
      );
      await echo(kept, "still here");
      assert.ok(!kept.ended && !kept.closed);
      const refused = harness.client().send(CONNECT("cut.example.com:443"));
      await refused.answered();
      assert.equal(refused.status, 403);
    });
  }
  it("a broken file, and a change of another sandbox, close nothing", async () => {
    const [kept, cut] = [await open("kept"), await open("cut")];
    await mine.desk.set("default", { name: "p.yaml", text: "version: 1\nnetwork_polices: {}\n" }, AUTHOR);
    await mine.desk.set(
      "p_zzzzzzzzzzzzzzzzzzzz",
      { name: "p.yaml", text: allowing("x.example.com") },
      AUTHOR,
    );
    assert.equal(await cut.gone(1_000), false);
    for (const client of [kept, cut]) await echo(client, "still here");
  });
});

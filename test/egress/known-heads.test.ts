/** Heads of CONNECT that were read before: what they mean is remembered, what is decided about them is not. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { type Harness, policyOf } from "./harness.ts";
import { CONNECT, EXACT, withProxy } from "./proxy-kit.ts";

const statusOf = async (harness: Harness, bytes: string): Promise<number> => {
  const client = harness.client();
  client.send(bytes);
  assert.ok(await client.answered());
  client.socket.destroy();
  return client.status;
};

it("the same head is judged anew each time, by the policy of then and by every answer of the resolver", async () => {
  const resolve: Record<string, string[]> = { "api.example.com": ["93.184.216.34"] };
  await withProxy({ policy: EXACT, resolve }, async (harness) => {
    const head = CONNECT("api.example.com:443");
    assert.equal(await statusOf(harness, head), 200);
    assert.equal(await statusOf(harness, head), 200);
    resolve["api.example.com"] = ["169.254.169.254"];
    assert.equal(await statusOf(harness, head), 403, "re-pointed");
    resolve["api.example.com"] = ["93.184.216.34"];
    harness.reload(policyOf("egress: { allowed: [{ host: other.example.com, port: 443 }] }"));
    assert.equal(await statusOf(harness, head), 403, "no rule any more");
    assert.equal(harness.dials.length, 2);
  });
});

it("a head that differs by one byte is another head, and a bad one stays bad", async () => {
  await withProxy({ policy: EXACT }, async (harness) => {
    const head = CONNECT("api.example.com:443");
    assert.equal(await statusOf(harness, head), 200);
    const bad = head.replace("Host: api", "Host: apj");
    for (const _ of [1, 2]) assert.equal(await statusOf(harness, bad), 400);
    assert.equal(await statusOf(harness, head.replace("CONNECT api", "CONNECT apj")), 400);
    assert.equal(await statusOf(harness, head.replace("Host: ", "Host:\t ")), 200, "space that may be there");
    assert.equal(await statusOf(harness, head.replace("\r\nHost", "\nHost")), 400);
    // More than the map keeps, then the first again.
    for (let i = 0; i < 300; i++) await statusOf(harness, CONNECT(`h${i}.example.net:443`));
    assert.equal(await statusOf(harness, head), 200);
  });
});

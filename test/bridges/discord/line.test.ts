/** The bot's own 50 requests a second: the next ones wait in line, responses to interactions don't. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DiscordApi } from "../../../src/bridges/discord/api.ts";
import { outcomeOf } from "../../../src/bridges/discord/outcome.ts";
import { startFakeDiscord } from "../../fakes/discord/index.ts";

describe("discord requests in line", () => {
  it("more than 50 at once are all made, in order, and none is sent away", async () => {
    const fake = await startFakeDiscord({ limits: "off", gateway: { identifyMs: 0 } });
    const api = new DiscordApi({ token: fake.token, apiRoot: fake.url, timeoutMs: 5_000 });
    const channels = Array.from({ length: 130 }, (_, i) =>
      fake.bot.dm(String(100_000_000_000_002_000n + BigInt(i))),
    );
    const at = performance.now();
    const outcomes = channels.map((channel, i) =>
      outcomeOf(api.createMessage(channel, { content: `m${i}` })),
    );
    const interaction = fake.bot.command("100000000000002000", channels[0]!, "help");
    const { token } = fake.bot.interactions.get(interaction)!;
    const deferred = await outcomeOf(
      api.defer({ id: interaction, token }, "reply", AbortSignal.timeout(2_500)),
    );
    const deferredMs = performance.now() - at;
    assert.equal(deferred.kind, "ok");
    assert.equal(
      (await outcomeOf(api.typing(channels[0]!))).kind,
      "not-applied",
      "takes no place in the line",
    );
    assert.deepEqual(new Set((await Promise.all(outcomes)).map(({ kind }) => kind)), new Set(["ok"]));
    const ms = performance.now() - at;
    assert.ok(ms > 1_900, `two more seconds' worth: ${ms} ms`);
    assert.ok(deferredMs < 900, `the response didn't wait: ${deferredMs} ms`);
    await fake.close();
  });
});

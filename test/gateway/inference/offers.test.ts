/** Which models people may choose: what the operator's configuration names, and nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceConfig } from "../../../src/gateway/config.ts";
import { offeredChoice, offersOf } from "../../../src/gateway/inference/offers.ts";
import { choicesOf } from "../../../src/gateway/inference/targets.ts";

const config = InferenceConfig.parse({
  default: { provider: "openai", model: "gpt-5" },
  fallbacks: [{ provider: "demo" }],
  models: [
    { provider: "anthropic", model: "claude-x" },
    { provider: "openai", model: "gpt-5" },
  ],
  limits: { dailyTokens: 7 },
});

describe("model offers", () => {
  it("are the default, the fallbacks and what is listed, each once, the default first", () => {
    const offers = offersOf(config);
    assert.deepEqual(offers.models, ["openai/gpt-5", "demo/demo-1", "anthropic/claude-x"]);
    assert.equal(offers.model, "openai/gpt-5");
    assert.equal(offers.dailyTokens, 7);
  });

  it("a conversation's choice comes before profile and default, with the operator's fallbacks behind it", () => {
    const chosen = offeredChoice(config, "anthropic/claude-x");
    assert.deepEqual(choicesOf(config, { provider: "demo" }, chosen), [
      { provider: "anthropic", model: "claude-x" },
      { provider: "demo" },
    ]);
  });

  for (const wish of ["openai/gpt-99", "anthropic/claude-x ", "", undefined, "__proto__/x", "anthropic"])
    it(`${JSON.stringify(wish)} is no choice: profile and default hold`, () => {
      assert.equal(offeredChoice(config, wish), undefined);
      assert.deepEqual(choicesOf(config, undefined, offeredChoice(config, wish))[0], {
        provider: "openai",
        model: "gpt-5",
      });
    });
});

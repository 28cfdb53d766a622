/** The guest can't import the host's table of limits in time; here both are held together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MODEL_ALIASES, modelAlias } from "../../../src/lib/model-alias.ts";
import { TIMEOUTS } from "../../../src/lib/timeouts.ts";
import { openclawConfig } from "../../../src/sandbox/guest/agent-config.ts";
import { LIMITS } from "../../../src/sandbox/guest/limits.ts";
import { MODEL_ALIAS } from "../../../src/sandbox/guest/protocol.ts";

test("the guest's limits agree with the host's table", () => {
  assert.equal(LIMITS.cancelSoft, TIMEOUTS.cancelSoft);
  assert.equal(LIMITS.cancelKill, TIMEOUTS.cancelKill);
  assert.equal(LIMITS.hostSilent, TIMEOUTS.heartbeatLost);
  assert.ok(LIMITS.hostSilent > 2 * TIMEOUTS.heartbeat);
  assert.ok(LIMITS.redialMax < TIMEOUTS.lease, "a new worker meets the guest before its lease ends");
  assert.ok(LIMITS.transcription > TIMEOUTS.transcription, "the gateway's own word comes first");
  assert.ok(
    TIMEOUTS.transcriptionAck > LIMITS.transcription,
    "the guest's word comes before the host gives up",
  );
  assert.ok(LIMITS.start > TIMEOUTS.waking + LIMITS.warmup, "the host gives up first");
});

test("the agent knows every name that the host may give a chosen model", () => {
  const agent = { model: "base", contextWindow: 1_000, maxTokens: 100 };
  const paths = { workspace: "/w", agentPort: 1 } as Parameters<typeof openclawConfig>[1];
  const config = openclawConfig({ sandbox: "s", name: "n", bootId: "b", agent }, paths, "t") as {
    models: { providers: { bridge: { models: { id: string; contextWindow: number }[] } } };
  };
  const known = config.models.providers.bridge.models;
  const names = Array.from({ length: 2_000 }, (_, i) => modelAlias(`demo/model-${i}`));
  assert.equal(new Set(names).size, MODEL_ALIASES);
  for (const name of names) {
    assert.match(name, MODEL_ALIAS);
    assert.equal(known.find(({ id }) => id === name)?.contextWindow, 1_000);
  }
});

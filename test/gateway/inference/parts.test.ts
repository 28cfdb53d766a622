import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { InferenceConfig } from "../../../src/gateway/config.ts";
import { INFERENCE_PARTS } from "../../../src/gateway/index.ts";
import {
  errorBody,
  errorFrame,
  INFERENCE_CODES,
  sentenceOf,
  statusOf,
} from "../../../src/gateway/inference/errors.ts";
import { KeyRing } from "../../../src/gateway/inference/keys.ts";
import { SandboxLimits } from "../../../src/gateway/inference/limits.ts";
import { PROVIDERS, type Provider, providerOf } from "../../../src/gateway/inference/providers.ts";
import { failureOf, nextStep, retryAfterMs } from "../../../src/gateway/inference/retry.ts";
import { choicesOf, resolveTarget } from "../../../src/gateway/inference/targets.ts";
import { estimate, microsOf, readUsage } from "../../../src/gateway/inference/usage.ts";

describe("error sentences and statuses suit the real OpenClaw", () => {
  /** Words by which it takes an error for billing, authentication, a rate limit or a time-out, and acts on that. */
  const MISREAD =
    /billing|credit|quota|balance|insufficient|payment|api key|unauthori|forbidden|invalid.?key|overload|rate.?limit|time(d)?.?out|too many requests|expired|hard limit|usage limit|spend(ing)? limit|\b50\d\b|\b429\b/i;
  for (const code of INFERENCE_CODES) {
    test(code, () => {
      // 401, 402, 403 disable its key for minutes; 5xx, 408, 409, 424, 425 and 451 are tried again for 90 s.
      assert.ok([400, 404, 405, 413, 429].includes(statusOf(code)), String(statusOf(code)));
      assert.equal(statusOf(code) === 429, code === "rate_limited");
      assert.doesNotMatch(sentenceOf({ code }), MISREAD);
      for (const dialect of ["openai", "anthropic"] as const) {
        const body = JSON.parse(errorBody({ code }, dialect, "inf_x"));
        assert.equal(body.error.code, code);
        assert.ok(body.error.message.endsWith("[inf_x]"));
        assert.ok(errorFrame({ code }, dialect, "inf_x").endsWith("\n\n"));
      }
    });
  }
});

describe("retries", () => {
  const again = { code: "vendor_failed", again: true, elsewhere: true } as const;
  const half = () => 0.5;
  test("back-off grows, is jittered and capped", () => {
    const waits = [1, 2, 3].map((tries) => nextStep(again, tries, 0, false, half));
    assert.deepEqual(
      waits,
      [188, 375, 750].map((waitMs) => ({ kind: "again", waitMs })),
    );
    assert.deepEqual(
      nextStep(again, 1, 0, false, () => 0),
      { kind: "again", waitMs: 125 },
    );
    assert.deepEqual(nextStep(again, 4, 0, false, half), { kind: "give-up" });
  });
  test("never beyond the budget", () => {
    for (let elapsed = 0; elapsed < 25_000; elapsed += 500) {
      for (const retryAfterMs of [0, 3_000, 19_000, 60_000]) {
        const step = nextStep({ ...again, retryAfterMs }, 1, elapsed, false, half);
        if (step.kind === "again") assert.ok(elapsed + step.waitMs < 20_000);
        if (step.kind === "again") assert.ok(step.waitMs >= retryAfterMs);
      }
    }
  });
  test("the next vendor rather than a long wait; none for a request that is bad itself", () => {
    assert.deepEqual(nextStep({ ...again, retryAfterMs: 5_000 }, 1, 0, true, half), { kind: "next" });
    assert.deepEqual(nextStep({ ...again, again: false }, 1, 0, true, half), { kind: "next" });
    assert.deepEqual(nextStep({ ...again, again: false, elsewhere: false }, 1, 0, true, half), {
      kind: "give-up",
    });
    assert.deepEqual(nextStep(again, 4, 20_001, true, half), { kind: "give-up" });
  });
  test("statuses", () => {
    const table: [number, string, boolean, boolean][] = [
      [400, "vendor_refused_request", false, false],
      [401, "vendor_refused_key", false, true],
      [402, "vendor_refused_key", false, true],
      [403, "vendor_refused_key", false, true],
      [404, "vendor_refused_key", false, true],
      [408, "vendor_failed", true, true],
      [413, "context_length_exceeded", false, false],
      [422, "vendor_refused_request", false, false],
      [429, "vendor_limited", true, true],
      [500, "vendor_failed", true, true],
      [501, "vendor_failed", false, true],
      [503, "vendor_failed", true, true],
      [529, "vendor_limited", true, true],
      [307, "vendor_failed", false, true],
    ];
    for (const [status, code, repeat, elsewhere] of table) {
      assert.deepEqual(failureOf(status, "", undefined), { code, again: repeat, elsewhere }, String(status));
    }
    assert.equal(failureOf(400, "prompt is too long: 9 tokens", undefined).code, "context_length_exceeded");
  });
  test("Retry-After in seconds, as a date, or nonsense", () => {
    assert.equal(retryAfterMs("2", 0), 2_000);
    assert.equal(retryAfterMs("0.5", 0), 500);
    assert.equal(retryAfterMs("-3", 0), 0);
    assert.equal(retryAfterMs(new Date(5_000).toUTCString(), 1_000), 4_000);
    assert.equal(retryAfterMs("soon", 0), undefined);
  });
});

describe("caps", () => {
  test("calls at once, per minute, idle per hour; a slot is given back once", () => {
    let now = 0;
    const limits = new SandboxLimits({ concurrent: 2, perMinute: 3, idlePerHour: 1 }, () => now);
    const first = limits.admit("a", false);
    const second = limits.admit("a", false);
    assert.deepEqual(limits.admit("a", false), { kind: "limited", retryAfterSeconds: 1 });
    assert.equal(limits.admit("b", false).kind, "ok");
    if (first.kind === "ok") {
      first.release();
      first.release();
    }
    assert.equal(limits.admit("a", false).kind, "ok");
    assert.equal(limits.admit("a", false).kind, "limited");
    if (second.kind === "ok") second.release();
    now = 20_000;
    assert.deepEqual(limits.admit("a", false), { kind: "limited", retryAfterSeconds: 40 });
    now = 60_001;
    assert.equal(limits.admit("a", true).kind, "ok");
    assert.equal(limits.admit("c", true).kind, "ok");
    assert.equal(limits.admit("c", true).kind, "idle");
    now = 3_700_000;
    assert.equal(limits.admit("c", true).kind, "ok");
  });
});

describe("usage", () => {
  test("both dialects; cached input counts, hidden reasoning too", () => {
    assert.deepEqual(readUsage({ prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }), {
      input: 10,
      output: 4,
    });
    assert.deepEqual(readUsage({ prompt_tokens: 10, completion_tokens: 4, total_tokens: 30 }), {
      input: 10,
      output: 20,
    });
    assert.deepEqual(
      readUsage({
        input_tokens: 1,
        cache_read_input_tokens: 2,
        cache_creation_input_tokens: 3,
        output_tokens: 5,
      }),
      {
        input: 6,
        output: 5,
      },
    );
    assert.deepEqual(readUsage({ output_tokens: 9 }), { output: 9 });
    for (const odd of [null, undefined, 5, "x", {}]) assert.deepEqual(readUsage(odd), {});
    assert.deepEqual(readUsage({ prompt_tokens: -5, completion_tokens: "7" }), { input: 0, output: 0 });
  });
  test("estimates and money err upwards", () => {
    assert.deepEqual(estimate(9, undefined), { input: 3, output: 4_096 });
    assert.equal(microsOf({ input: 1, output: 0 }, { input: 3, output: 0 }), 1);
    assert.equal(
      microsOf({ input: 1_000_000, output: 10 }, { input: 3_000_000, output: 15_000_000 }),
      3_000_150,
    );
    assert.equal(microsOf({ input: 5, output: 5 }, undefined), 0);
  });
});

describe("vendors", () => {
  test("every row is complete", () => {
    for (const [name, row] of Object.entries(PROVIDERS) as [string, Provider][]) {
      assert.ok(row.label && Object.keys(row.endpoints).length > 0, name);
      if (row.baseUrl) assert.ok(URL.canParse(row.baseUrl) && !row.baseUrl.endsWith("/"), name);
      const local = /^http:\/\/127\.0\.0\.1/.test(row.baseUrl);
      assert.ok(row.builtIn || row.baseUrl === "" || local || row.baseUrl.startsWith("https://"), name);
      assert.equal(row.keyOptional, row.builtIn === true || row.baseUrl === "" || local, name);
    }
    for (const name of [
      "defapi",
      "nvidia",
      "openai",
      "anthropic",
      "gemini",
      "openrouter",
      "ollama",
      "vllm",
      "compatible",
      "demo",
    ]) {
      assert.ok(providerOf(name), name);
    }
    assert.equal(providerOf("toString"), undefined);
    assert.ok(
      INFERENCE_PARTS.keys.some((key) => key.variable === "DEFAPI_API_KEY" && key.provider === "defapi"),
    );
  });

  test("where calls go: the profile, else the default, then the fallbacks", () => {
    const config = InferenceConfig.parse({
      default: { provider: "defapi" },
      fallbacks: [{ provider: "ollama", model: "m" }],
      providers: { defapi: { model: "own" } },
    });
    const keys = new KeyRing("/nonexistent", {
      DEFAPI_API_KEY: "dk-0123456789abcdef",
      OPENAI_API_KEY: "sk-0123456789abcdef",
    });
    const targets = (profile: object | undefined, dialect: "openai" | "anthropic" = "openai") =>
      choicesOf(config, profile).map((choice) => {
        const found = resolveTarget(config, keys, choice, dialect);
        return found.ok
          ? `${found.target.origin}${found.target.path} ${found.target.model}`
          : `${found.unusable.name}: ${found.unusable.why}`;
      });
    const fallback = "http://127.0.0.1:11434/v1/chat/completions m";
    assert.deepEqual(targets(undefined), ["https://api.defapi.org/v1/chat/completions own", fallback]);
    assert.deepEqual(targets({ model: "theirs" }), [
      "https://api.defapi.org/v1/chat/completions theirs",
      fallback,
    ]);
    assert.deepEqual(targets({ provider: "openai", model: "g" }), [
      "https://api.openai.com/v1/chat/completions g",
      fallback,
    ]);
    assert.deepEqual(targets({ provider: "gemini" }), ["gemini: no-key", fallback]);
    assert.deepEqual(targets({ provider: "compatible" }), ["compatible: no-model", fallback]);
    assert.deepEqual(targets({ provider: "evil" }), ["evil: unknown", fallback]);
    assert.deepEqual(targets(undefined, "anthropic"), ["defapi: dialect", "ollama: dialect"]);
  });

  test("configuration refuses what it doesn't know", () => {
    for (const bad of [
      { apiKey: "x" },
      { default: { provider: "nope" } },
      { providers: { openai: { key: "x" } } },
      { providers: { compatible: { baseUrl: "file:///etc" } } },
    ]) {
      assert.equal(InferenceConfig.safeParse(bad).success, false, JSON.stringify(bad));
    }
  });

  test("keys: file before environment, private, one line", () => {
    const dir = mkdtempSync(join(tmpdir(), "nck-"));
    try {
      const env = { OPENAI_API_KEY: " from-env " };
      const file = join(dir, "openai.key");
      assert.equal(new KeyRing(dir, env).keyOf("openai", PROVIDERS.openai), "from-env");
      writeFileSync(file, "from-file\n", { mode: 0o600 });
      assert.equal(new KeyRing(dir, env).keyOf("openai", PROVIDERS.openai), "from-file");
      chmodSync(file, 0o640);
      assert.throws(() => new KeyRing(dir, env).keyOf("openai", PROVIDERS.openai), /read by others/);
      chmodSync(file, 0o600);
      writeFileSync(file, "a\r\nX-Evil: 1");
      assert.throws(
        () => new KeyRing(dir, env).keyOf("openai", PROVIDERS.openai),
        (error: Error) => !error.message.includes("Evil"),
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { resolveConfig } from "../../src/lib/config.ts";

const parts = {
  inference: z.strictObject({
    default: z.strictObject({ provider: z.enum(["demo", "openai", "defapi"]), model: z.string().optional() }),
  }),
  egress: z.strictObject({ unknown: z.enum(["ask", "deny"]).default("ask") }),
  worker: z.strictObject({ lanes: z.number().default(3), memory: z.number().optional() }),
  keys: [
    { variable: "OPENAI_API_KEY", provider: "openai" },
    { variable: "DEFAPI_API_KEY", provider: "defapi" },
    { variable: "DEFAPI_KEY", provider: "defapi" },
  ],
};

function resolve(text?: string, env: NodeJS.ProcessEnv = {}, flags = {}, storedKeys: string[] = []) {
  return resolveConfig({ file: { path: "/h/config.yaml", text }, env, flags, parts, storedKeys });
}

describe("configuration", () => {
  it("needs no file and no variable", () => {
    const { config, secrets, notices } = resolve();
    assert.equal(config.sandbox.driver, "process");
    assert.equal(config.sandbox.protections, "hard_requirement");
    assert.deepEqual(config.telegram, { allowedUsers: [], apiRoot: "https://api.telegram.org" });
    assert.deepEqual(config.inference, { default: { provider: "demo" } });
    assert.deepEqual(secrets, []);
    assert.match(notices[0] ?? "", /no AI/);
  });

  it("takes flags over the environment over the file over defaults", () => {
    const file = "sandbox:\n  driver: docker\nlog: {level: debug}\n";
    assert.equal(resolve(file).config.sandbox.driver, "docker");
    assert.equal(resolve(file, { NEMOCLAW_DRIVER: "process" }).config.sandbox.driver, "process");
    assert.equal(
      resolve(file, { NEMOCLAW_DRIVER: "process" }, { driver: "docker" }).config.sandbox.driver,
      "docker",
    );
    assert.equal(
      resolve(file, { NEMOCLAW_LOG_LEVEL: "" }).config.log.level,
      "debug",
      "empty counts as unset",
    );
  });

  it("reads user ids written as numbers, as text, and in a variable", () => {
    assert.deepEqual(resolve('telegram: {allowedUsers: [1, "22"]}').config.telegram.allowedUsers, [
      "1",
      "22",
    ]);
    assert.deepEqual(resolve("", { TELEGRAM_ALLOWED_USERS: "3, 44 5" }).config.telegram.allowedUsers, [
      "3",
      "44",
      "5",
    ]);
  });

  it("lists secrets for the one process that holds each, and keeps them out of the configuration", () => {
    const resolved = resolve("", { TELEGRAM_BOT_TOKEN: "1:tok ", DEFAPI_API_KEY: "k1", DEFAPI_KEY: "k2" });
    assert.deepEqual(resolved.secrets, [
      { variable: "TELEGRAM_BOT_TOKEN", process: "telegram-bridge", name: "bot-token", value: "1:tok" },
      { variable: "DEFAPI_API_KEY", process: "gateway", name: "defapi.key", value: "k1" },
    ]);
    assert.doesNotMatch(JSON.stringify([resolved.config, resolved.notices]), /tok|k1|k2/);
  });

  const providers: [string, NodeJS.ProcessEnv, string[], string | undefined, string][] = [
    ["one key chooses its provider", { OPENAI_API_KEY: "k" }, [], undefined, "openai"],
    ["a key of an earlier start counts", {}, ["defapi"], undefined, "defapi"],
    ["the same provider twice is one", { DEFAPI_KEY: "k" }, ["defapi"], undefined, "defapi"],
    ["two keys choose nothing", { OPENAI_API_KEY: "k", DEFAPI_KEY: "k" }, [], undefined, "demo"],
    ["the file wins", { OPENAI_API_KEY: "k" }, [], "inference: {default: {provider: demo}}", "demo"],
    ["the variable wins", { OPENAI_API_KEY: "k", NEMOCLAW_PROVIDER: "defapi" }, [], undefined, "defapi"],
  ];
  for (const [name, env, stored, text, expected] of providers)
    it(name, () => {
      const { config } = resolve(text, env, {}, stored);
      assert.equal((config.inference as { default: { provider: string } }).default.provider, expected);
    });

  it("uses a default that is handed in only where nothing is set", () => {
    const defaults: [string[], unknown][] = [[["worker", "memory"], 7]];
    const worker = (text?: string) =>
      resolveConfig({ file: { path: "c", text }, env: {}, parts, defaults }).config.worker;
    assert.deepEqual(worker(), { lanes: 3, memory: 7 });
    assert.deepEqual(worker("worker: {memory: 1}"), { lanes: 3, memory: 1 });
  });

  const wrong: [string, string | undefined, NodeJS.ProcessEnv, RegExp][] = [
    ["an unknown section", "telegrm: {}\n", {}, /^\/h\/config\.yaml:1:1: there is no setting telegrm$/],
    [
      "an unknown setting",
      "log:\n  lvel: info\n",
      {},
      /^\/h\/config\.yaml:2:3: there is no setting log\.lvel$/,
    ],
    ["a wrong value", "log:\n  level: loud\n", {}, /^\/h\/config\.yaml:2:10: log\.level: /],
    [
      "a wrong list element",
      "telegram:\n  allowedUsers:\n    - 1\n    - me\n",
      {},
      /yaml:4:7: telegram\.allowedUsers\.1: expected a numeric user id/,
    ],
    ["a section that is no mapping", "telegram: 3\n", {}, /yaml:1:11: telegram: /],
    [
      "a variable over a section that is no mapping",
      "telegram: 3\n",
      { TELEGRAM_ALLOWED_USERS: "1" },
      /yaml:1:11: telegram: /,
    ],
    ["a list instead of settings", "- a\n", {}, /yaml:1:1: expected settings/],
    ["text that is no YAML", "log: {\n", {}, /^\/h\/config\.yaml:\d+:\d+: /],
    ["a key twice", "log: {}\nlog: {}\n", {}, /yaml:2:1: .*unique/],
    [
      "a wrong variable",
      "",
      { REDIS_URL: "http://h" },
      /^REDIS_URL: redis\.url: expected a redis or rediss URL$/,
    ],
    [
      "a wrong variable of the gateway's part",
      "",
      { NEMOCLAW_PROVIDER: "x" },
      /^NEMOCLAW_PROVIDER: inference\.default\.provider: /,
    ],
    [
      "an unknown setting of the gateway's part",
      "inference:\n  foo: 1\n",
      {},
      /yaml:2:3: there is no setting inference\.foo$/,
    ],
  ];
  for (const [name, text, env, message] of wrong)
    it(`refuses ${name}`, () => {
      assert.throws(() => resolve(text, env), { code: "config-invalid", message });
    });

  it("names the flag that is wrong", () => {
    assert.throws(() => resolve("", {}, { driver: "vm" }), { message: /^--driver: sandbox\.driver: / });
  });
});

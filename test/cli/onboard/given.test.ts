/** Onboarding's parts that decide without asking: flags and variables, secrets on standard input, the block at the end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { givenBy, isHttpUrl, type OnboardOptions, providerName } from "../../../src/cli/onboard/given.ts";
import {
  keyVariables,
  looksLikeKey,
  parseSecretLines,
  takeFromEnvironment,
} from "../../../src/cli/onboard/secrets.ts";
import { summaryText } from "../../../src/cli/onboard/summary.ts";
import { presetNames } from "../../../src/gateway/index.ts";

const options: OnboardOptions = { verify: true, start: true };
const given = (more: Partial<OnboardOptions>, env: NodeJS.ProcessEnv = {}) =>
  givenBy({ ...options, ...more }, env, true, presetNames());

describe("what onboarding was told", () => {
  it("nothing: asks", () => assert.equal(given({}).interactive, true));
  for (const value of ["1", "true"])
    it(`NEMOCLAW_NON_INTERACTIVE=${value}: doesn't`, () =>
      assert.equal(given({}, { NEMOCLAW_NON_INTERACTIVE: value }).interactive, false));

  it("flags win over variables; an empty variable counts as unset", () => {
    const env = { NEMOCLAW_SANDBOX_NAME: "b", NEMOCLAW_MODEL: "m", NEMOCLAW_PROVIDER: "" };
    const { name, model, provider } = given({ name: "a" }, env);
    assert.deepEqual([name, model, provider], ["a", "m", undefined]);
  });

  for (const [said, ours] of [
    ["Defapi", "defapi"],
    ["cloud", "nvidia"],
    ["nvidia-prod", "nvidia"],
    ["nim", "vllm"],
    ["ollama", "ollama"],
    ["anthropic-prod", "anthropic"],
    ["compatible-endpoint", "compatible"],
  ] as const)
    it(`provider ${said} is ${ours}`, () => assert.equal(providerName(said), ours));

  const presets: [env: NodeJS.ProcessEnv, expected: string[] | undefined][] = [
    [{}, undefined],
    [{ NEMOCLAW_POLICY_MODE: "skip", NEMOCLAW_POLICY_PRESETS: "npm" }, []],
    [{ NEMOCLAW_POLICY_MODE: "suggested" }, ["pypi", "npm"]],
    [{ NEMOCLAW_POLICY_MODE: "custom", NEMOCLAW_POLICY_PRESETS: "npm, github,npm" }, ["npm", "github"]],
    [{ NEMOCLAW_POLICY_TIER: "Balanced" }, ["npm", "pypi", "huggingface", "brave"]],
    [{ NEMOCLAW_POLICY_TIER: "restricted" }, []],
  ];
  for (const [env, expected] of presets)
    it(`presets of ${JSON.stringify(env)}`, () => assert.deepEqual(given({}, env).presets, expected));
  it("every tier holds presets that there are", () => {
    assert.ok((given({}, { NEMOCLAW_POLICY_TIER: "open" }).presets?.length ?? 0) > 8);
  });

  const wrong: [what: string, make: () => unknown, message: RegExp][] = [
    ["a name", () => given({ name: "No_Name" }), /--name: "No_Name"/],
    ["a name in a variable", () => given({}, { NEMOCLAW_SANDBOX_NAME: "-a" }), /NEMOCLAW_SANDBOX_NAME/],
    ["a preset", () => given({ preset: ["npm", "nonsense"] }), /preset: "nonsense"/],
    ["a mode", () => given({}, { NEMOCLAW_POLICY_MODE: "loose" }), /NEMOCLAW_POLICY_MODE/],
    ["a tier", () => given({}, { NEMOCLAW_POLICY_TIER: "personal" }), /NEMOCLAW_POLICY_TIER/],
    ["an address", () => given({ endpointUrl: "ftp://x" }), /--endpoint-url/],
    ["a user", () => given({ telegramUsers: "@ann" }), /allowed users: "@ann"/],
  ];
  for (const [what, make, message] of wrong)
    it(`${what} that won't do is named`, () => assert.throws(make, message));

  for (const [url, fine] of [
    ["https://api.example.com/v1", true],
    ["http://127.0.0.1:8000/v1", true],
    ["https://user:pass@example.com", false],
    ["https://example.com/?key=1", false],
    ["example.com", false],
    ["file:///etc/passwd", false],
  ] as const)
    it(`address ${url}: ${fine}`, () => assert.equal(isHttpUrl(url), fine));
});

describe("secrets", () => {
  it("leave the environment", () => {
    const env: NodeJS.ProcessEnv = { DEFAPI_API_KEY: " dk-1 ", TELEGRAM_BOT_TOKEN: "1:a", PATH: "/bin" };
    const bag = takeFromEnvironment(env);
    assert.deepEqual(
      [...bag],
      [
        ["DEFAPI_API_KEY", "dk-1"],
        ["TELEGRAM_BOT_TOKEN", "1:a"],
      ],
    );
    assert.deepEqual(env, { PATH: "/bin" });
  });
  it("come as lines of standard input; what isn't known is refused without showing it", () => {
    assert.deepEqual([...parseSecretLines("# mine\nOPENAI_API_KEY=sk=x\n\n")], [["OPENAI_API_KEY", "sk=x"]]);
    assert.throws(
      () => parseSecretLines("OPENAI_API_KEY=a\nOPENAI_KEY=very-secret"),
      (error: Error) => error.message.includes("line 2") && !JSON.stringify(error).includes("very-secret"),
    );
  });
  it("a key is one word", () => {
    assert.deepEqual(["sk-1", "a b", "a\nb", "", "ä"].map(looksLikeKey), [true, false, false, false, false]);
    assert.equal(keyVariables("defapi")[0], "DEFAPI_API_KEY");
  });
});

describe("the block at the end", () => {
  const layer = (name: string, active: boolean) => ({ name, active, detail: "", required: true });
  const all = ["namespaces", "no-network", "seccomp", "landlock"].map((name) => layer(name, true));
  const block = { name: "my-agent", model: "defapi/claude-sonnet-4.5" };

  it("is the guide's", () => {
    assert.equal(
      summaryText({ ...block, layers: all }),
      [
        "──────────────────────────────────────────────────",
        "Sandbox      my-agent (Landlock + seccomp + netns)",
        "Model        defapi/claude-sonnet-4.5",
        "──────────────────────────────────────────────────",
        "Run:         nemoclaw my-agent connect",
        "Status:      nemoclaw my-agent status",
        "Logs:        nemoclaw my-agent logs --follow",
        "──────────────────────────────────────────────────",
        "",
        "[INFO]  === Installation complete ===",
      ].join("\n"),
    );
  });
  it("names only layers that are really active", () => {
    const some = [...all.slice(0, 3), layer("landlock", false)];
    assert.match(summaryText({ ...block, layers: some }), /my-agent \(seccomp \+ netns\)\n/);
    assert.match(summaryText({ ...block, layers: [] }), /NO PROTECTION IS ACTIVE/);
    assert.match(summaryText(block), /not started yet/);
  });
});

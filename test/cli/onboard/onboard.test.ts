/** `nemoclaw onboard` without a terminal, as a process: what it writes, starts, refuses, and goes on from. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadAnswers } from "../../../src/cli/onboard/state.ts";
import { askControl, type ServiceStatus } from "../../../src/cli/supervisor/control.ts";
import { readYaml } from "../../../src/lib/config-file.ts";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import { type FakeDiscord, startFakeDiscord } from "../../fakes/discord/index.ts";
import { type FakeTelegram, startFakeTelegram } from "../../fakes/telegram/index.ts";
import { type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { furnishedHome } from "../../helpers/service.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const KEY = "sk-fake-vendor-key-0123456789";
let home = "";
let vendor: FakeVendor;
let telegram: FakeTelegram;
let discord: FakeDiscord;

before(async () => {
  home = await furnishedHome();
  vendor = await startFakeVendor({ key: KEY, models: ["claude-sonnet-4.5", "gpt-5.4"] });
  telegram = await startFakeTelegram();
  discord = await startFakeDiscord();
});
after(async () => {
  await run(["stop", "--all"]);
  await Promise.all([vendor.close(), telegram.close(), discord.close()]);
  rmSync(home, { recursive: true });
});

/** Runs nemoclaw in this home; without a terminal. */
function run(
  args: string[],
  { env = {}, stdin = "" }: { env?: Record<string, string>; stdin?: string } = {},
) {
  const child = spawn(process.execPath, [join(ROOT, "bin", "nemoclaw"), ...args], {
    env: {
      PATH: process.env["PATH"],
      NEMOCLAW_HOME: home,
      TELEGRAM_API_ROOT: telegram.url,
      DISCORD_API_ROOT: discord.url,
      ...env,
    },
    stdio: "pipe",
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(stdin);
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, out, err })),
  );
}
const onboard = (args: string[], more: Parameters<typeof run>[1] = {}) =>
  run(["onboard", "--non-interactive", ...args], more);
const secretFile = (...path: string[]) => join(home, "secrets", ...path);
const config = () =>
  readYaml("c", readFileSync(join(home, "config.yaml"), "utf8")).value as Record<string, unknown>;

describe("nemoclaw onboard --non-interactive", () => {
  const defapi = () => ["--provider", "defapi", "--endpoint-url", vendor.url];

  it("a key that isn't accepted: says so, changes nothing, and keeps no secret among its answers", async () => {
    const before = readFileSync(join(home, "config.yaml"), "utf8");
    const { code, err } = await onboard([...defapi(), "--api-key-stdin"], { stdin: "sk-wrong-key-987654\n" });
    assert.equal(code, 1);
    assert.match(err, /\[1\/7\] Checking this machine\n {2}✓ system/);
    assert.match(err, /the key was not accepted \(HTTP 401\)\n {2}→ .*--no-verify/);
    assert.equal(readFileSync(join(home, "config.yaml"), "utf8"), before);
    assert.equal(existsSync(secretFile("gateway", "defapi.key")), false);
    const answers = readFileSync(join(home, "onboard.json"), "utf8");
    assert.doesNotMatch(answers + err, /sk-wrong/);
    assert.equal(loadAnswers(pathsOf(home))?.provider, "defapi");
  });

  it("a model that isn't there is refused by the call", async () => {
    const { code, err } = await onboard([...defapi(), "--model", "nope", "--api-key-stdin"], { stdin: KEY });
    assert.equal(code, 1);
    assert.match(err, /nope: unexpected answer \(HTTP 404\)/);
  });

  it("goes on with --resume: sets up, starts the service, ends with the guide's block", async () => {
    const { code, out, err } = await onboard(["--resume", "--preset", "github"], {
      env: {
        TELEGRAM_BOT_TOKEN: telegram.token,
        TELEGRAM_ALLOWED_USERS: "42",
        DEFAPI_API_KEY: KEY,
        DISCORD_BOT_TOKEN: discord.token,
      },
    });
    assert.equal(code, 0, err);
    assert.match(
      err,
      /Defapi answers: 2 models[\s\S]*claude-sonnet-4\.5 answers[\s\S]*the bot is @\w+[\s\S]*the bot is @/,
    );
    assert.match(
      err,
      /Chat with your agent: https:\/\/t\.me\/[\s\S]*The bot has no admin yet: nemoclaw users claim, in a terminal/,
    );
    assert.doesNotMatch(out + err, /\/claim /, "a claim code is for a terminal only");
    assert.match(
      out,
      /^─{50}\nSandbox {6}my-agent \(Landlock \+ seccomp \+ netns\)\nModel {8}defapi\/claude-sonnet-4\.5\n/,
    );
    assert.match(out, /\n\[INFO\] {2}=== Installation complete ===\n$/);
    assert.equal(existsSync(join(home, "onboard.json")), false);
    assert.doesNotMatch(out + err, new RegExp(KEY));
  });

  it("has written settings and secrets, each where it belongs and for its owner only", async () => {
    assert.deepEqual(config()["sandboxes"], {
      "my-agent": { provider: "defapi", model: "claude-sonnet-4.5" },
    });
    assert.equal(config()["defaultSandbox"], "my-agent");
    const { default: model, providers } = config()["inference"] as Record<string, unknown>;
    assert.deepEqual(model, { provider: "defapi", model: "claude-sonnet-4.5" });
    assert.deepEqual(providers, { defapi: { baseUrl: vendor.url } });
    for (const [file, text] of [
      [secretFile("gateway", "defapi.key"), KEY],
      [secretFile("telegram-bridge", "bot-token"), telegram.token],
      [secretFile("discord-bridge", "bot-token"), discord.token],
    ] as const) {
      assert.equal(readFileSync(file, "utf8"), text);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    if (process.getuid?.() === 0)
      assert.notEqual(
        statSync(secretFile("gateway", "defapi.key")).uid,
        statSync(secretFile("telegram-bridge", "bot-token")).uid,
      );
    assert.doesNotMatch(readFileSync(join(home, "config.yaml"), "utf8"), /sk-fake|fake-token/);
  });

  it("the service runs with it all: model, bot, preset", async () => {
    const status = await askControl<ServiceStatus>(pathsOf(home).status, { op: "status" });
    const facts = new Map(status.services.map(({ name, facts }) => [name, facts]));
    assert.equal(facts.get("gateway")?.["model"], "defapi/claude-sonnet-4.5");
    assert.match(facts.get("telegram-bridge")?.["bot"] ?? "", /^@/);
    assert.match((await run(["policy-list"])).out, /● github —/);
    for (const { pid } of status.services)
      assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, "utf8"), /sk-fake|fake-token/);
  });

  it("again: another sandbox with a model and presets of its own, while the first goes on", async () => {
    const before = await askControl<ServiceStatus>(pathsOf(home).status, { op: "status" });
    const { code, out, err } = await onboard(["--name", "research", "--preset", "weather"], {
      env: { NEMOCLAW_PROVIDER: "demo" },
    });
    assert.equal(code, 0, err);
    assert.match(out, /research \(Landlock/);
    assert.deepEqual(Object.keys(config()["sandboxes"] as object), ["my-agent", "research"]);
    assert.equal(config()["defaultSandbox"], "my-agent");
    const now = await askControl<ServiceStatus>(pathsOf(home).status, { op: "status" });
    assert.deepEqual(
      now.services.map(({ pid }) => pid),
      before.services.map(({ pid }) => pid),
    );
    assert.match((await run(["research", "policy-list"])).out, /● weather — .*\n/);
    assert.match((await run(["my-agent", "policy-list"])).out, /○ weather —/);
  });

  it("the first one again, under its name: the same sandbox with other settings", async () => {
    const { code, err } = await onboard(["--provider", "defapi", "--model", "gpt-5.4"]);
    assert.equal(code, 0, err);
    assert.match(err, /my-agent exists: its settings are changed[\s\S]*stored already is used/);
    const { sandboxes } = config() as { sandboxes: Record<string, { id?: string; model: string }> };
    assert.equal(sandboxes["my-agent"]?.model, "gpt-5.4");
    assert.equal(sandboxes["my-agent"]?.id ?? OPERATOR_PRINCIPAL, OPERATOR_PRINCIPAL);
  });

  it("a provider that can't be reached is a warning, and saved", async () => {
    const gone = await startFakeVendor();
    await gone.close();
    const { code, err } = await onboard([
      "--name",
      "far",
      "--provider",
      "compatible",
      "--endpoint-url",
      gone.url,
      "--model",
      "m",
    ]);
    assert.equal(code, 0, err);
    assert.match(err, /! .*can't be reached: .*ECONNREFUSED[\s\S]*! m is saved without a check/);
  });

  const wrong: [args: string[], env: Record<string, string>, code: number, message: RegExp][] = [
    [["--name", "status"], {}, 2, /a word that commands use/],
    [["--provider", "nobody"], {}, 2, /there is no provider nobody[\s\S]*defapi, nvidia/],
    [["--provider", "openai"], {}, 2, /nobody can be asked: API key of OpenAI[\s\S]*OPENAI_API_KEY/],
    [["--provider", "compatible-anthropic"], {}, 2, /--endpoint-url/],
    [[], { DISCORD_BOT_TOKEN: "nonsense" }, 2, /DISCORD_BOT_TOKEN is no bot token/],
    [
      [],
      { DISCORD_BOT_TOKEN: "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.abcdefghijklmnopqrstuvwxyz0123456789AB" },
      1,
      /Discord: the token was not accepted/,
    ],
    [[], { TELEGRAM_BOT_TOKEN: "nonsense" }, 2, /TELEGRAM_BOT_TOKEN is no bot token/],
    [
      [],
      { TELEGRAM_BOT_TOKEN: "7000000009:fake-token-for-tests-0123456789ab" },
      1,
      /Telegram: the token was not accepted/,
    ],
  ];
  for (const [args, env, code, message] of wrong)
    it(`${[...args, ...Object.keys(env)].join(" ")}: exit code ${code}`, async () => {
      const before = readFileSync(join(home, "config.yaml"), "utf8");
      const result = await onboard(["--name", "other", "--provider", "demo", ...args], { env });
      assert.equal(result.code, code, result.err);
      assert.match(result.err, message);
      assert.doesNotMatch(result.err, /^\s+at /m);
      assert.equal(readFileSync(join(home, "config.yaml"), "utf8"), before);
    });

  it("a broken config.yaml is said before anything is asked", async () => {
    const file = join(home, "config.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, "log: {level: loud}\n");
    const { code, err } = await onboard([]);
    writeFileSync(file, before);
    assert.deepEqual([code, /config\.yaml:1:14: log\.level/.test(err)], [2, true]);
  });
});

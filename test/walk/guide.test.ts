/**
 * The deployment guide, from its first command to its last, typed literally against a fresh home. The vendor and the chat
 * platforms are strict fakes; everything else is real. The order of the tests is the guide's: they share one home.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FakeDiscord, startFakeDiscord } from "../fakes/discord/index.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/index.ts";
import { type FakeVendor, startFakeVendor } from "../fakes/vendor/index.ts";
import { scripted } from "../helpers/scripted-vendor.ts";
import { furnishedHome, waitUntil } from "../helpers/service.ts";
import { noTmux } from "../helpers/tmux.ts";
import { Shell } from "./shell.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** A person on Telegram. */
const ANN = 4_242;
const KEY = "dk-walk-key-0123456789abcdef";

describe("the deployment guide", { skip: noTmux() }, () => {
  let [home, person] = ["", ""];
  let vendor: FakeVendor;
  let telegram: FakeTelegram;
  let discord: FakeDiscord;
  let shell: Shell;

  let broken = "";
  /** One step of the guide; what follows a failed one is left out, since it would only fail for want of it. */
  const step = (name: string, work: () => Promise<void>) =>
    it(name, async (t) => {
      if (broken) return t.skip(`step "${broken}" failed before`);
      broken = name;
      await work();
      broken = "";
    });

  before(async () => {
    vendor = await startFakeVendor({ key: KEY, models: ["claude-sonnet-4.5", "gpt-5.4"] });
    vendor.otherwise = scripted;
    telegram = await startFakeTelegram();
    discord = await startFakeDiscord();
    // Fresh but for where the fakes are.
    home = await furnishedHome({
      config: {
        // The service keeps these from its start; a reload doesn't read the environment of another shell.
        telegram: { apiRoot: telegram.url },
        discord: { apiRoot: discord.url },
        inference: { providers: { defapi: { baseUrl: vendor.url } } },
      },
    });
    person = mkdtempSync(join(tmpdir(), "nc-person-"));
    shell = new Shell(person, home, { TELEGRAM_API_ROOT: telegram.url, DISCORD_API_ROOT: discord.url });
    await shell.terminal.shows(/^\[0\]\$/);
  });
  after(async () => {
    shell.terminal.close();
    spawnSync(join(ROOT, "bin", "nemoclaw"), ["stop", "--all"], {
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home },
    });
    await Promise.all([vendor.close(), telegram.close(), discord.close()]);
    for (const folder of [home, person]) rmSync(folder, { recursive: true });
  });

  step("3. install the CLI: the environment, the version", async () => {
    await shell.expect("nemoclaw --version", /command not found/, { code: 127 });
    await shell.expect("source ~/.bashrc", /^$/);
    await shell.expect("nemoclaw --version", /^\d+\.\d+\.\d+$/);
    await shell.expect("openshell --version", /^\d+\.\d+\.\d+$/);
    await shell.expect("~/.local/bin/nemoclaw --version", /^\d+\.\d+\.\d+$/);
  });

  step("4. nemoclaw onboard: the wizard, interrupted and gone on with", async () => {
    const { terminal } = shell;
    await shell.begin("nemoclaw onboard");
    await terminal.shows(/Name of the sandbox/, 30_000);
    terminal.press("Enter");
    await terminal.shows(/Who answers\?/);
    shell.golden("onboard-provider", terminal.screen(), "[2/7]");
    terminal.press("C-c");
    await terminal.shows(/Stopped; nothing was set up[\s\S]*\n\[130\]\$/);

    await shell.begin("nemoclaw onboard --resume");
    await terminal.shows(/Name of the sandbox/, 30_000);
    terminal.press("Enter");
    await terminal.shows(/Who answers\?/);
    terminal.press("Enter");
    await terminal.shows(/API key of Defapi/);
    terminal.type("not-the-key");
    terminal.press("Enter");
    await terminal.shows(/not accepted[\s\S]*Save it anyway\?/);
    terminal.press("Enter");
    await terminal.shows(/Save it anyway\?[\s\S]*No[\s\S]*API key of Defapi/);
    terminal.type(KEY);
    terminal.press("Enter");
    await terminal.shows(/Which model\?/);
    await sleep(100);
    shell.golden("onboard-model", terminal.screen(), "[2/7]");
    terminal.press("Enter");
    await terminal.shows(/Network policy\n[\s\S]*Strict/);
    terminal.press("Enter");
    await terminal.shows(/What may it reach without asking\?/);
    shell.golden("onboard-presets", terminal.screen(), "[5/7]");
    terminal.press("Enter");
    await terminal.shows(/Chat by Telegram\?/);
    terminal.press("Enter");
    await terminal.shows(/Chat by Discord\?/);
    terminal.press("Enter");
    await terminal.shows(/=== Installation complete ===[\s\S]*\n\[0\]\$/, 60_000);
    shell.golden("onboard-end", terminal.screen(), "[5/7]");
    const screen = terminal.screen();
    assert.doesNotMatch(screen, new RegExp(`${KEY}|not-the-key`), "keys are never shown");
    assert.match(
      screen,
      /─{50}\nSandbox {6}my-agent \(Landlock \+ seccomp \+ netns\)\nModel {8}defapi\/claude-sonnet-4\.5\n─{50}\nRun: {9}nemoclaw my-agent connect\nStatus: {6}nemoclaw my-agent status\nLogs: {8}nemoclaw my-agent logs --follow\n─{50}\n\n\[INFO\] {2}=== Installation complete ===/,
    );
  });

  step("5. connect to the sandbox (its openclaw tui and agent: test/e2e/guide.test.ts)", async () => {
    const { terminal } = shell;
    await shell.begin("nemoclaw my-agent connect");
    await terminal.shows(/^sandbox@my-agent:~\$\s*$/m, 60_000);
    shell.golden("connect");
    terminal.type("id -un; hostname; pwd");
    terminal.press("Enter");
    await terminal.shows(/\nsandbox\nmy-agent\n\/\S+\n/);
    terminal.type("exit");
    terminal.press("Enter");
    await terminal.shows(/\n\[0\]\$\s*$/, 10_000);
  });

  step("7. custom network policy: hot reload of the guide's file", async () => {
    writeFileSync(
      join(person, "custom-policy.yaml"),
      'egress:\n  allowed:\n    - host: "api.github.com"\n      port: 443\n    - host: "api.openai.com"\n      port: 443\n  denied:\n    - host: "*"\n      port: "*"\n',
    );
    await shell.expect("cd", /^$/);
    await shell.expect(
      "openshell policy apply -f custom-policy.yaml",
      /✓ Policy version 1 submitted \(hash: /,
      {
        golden: "policy-apply",
      },
    );
    await shell.expect("nemoclaw policy explain api.github.com:443", /is allowed/);
    await shell.expect("nemoclaw policy explain example.com:443", /would be asked|is held|asked/);
  });

  step("8. the sandbox's life", async () => {
    const { terminal } = shell;
    await shell.expect("nemoclaw my-agent status", /Sandbox: my-agent\n/, { golden: "sandbox-status" });
    await shell.begin("nemoclaw my-agent logs --follow");
    await terminal.shows(/worker|gateway/);
    terminal.press("C-c");
    await terminal.shows(/\n\[\d+\]\$\s*$/);
    await shell.expect("nemoclaw my-agent stop", /my-agent/, { golden: "sandbox-stop" });
    await shell.expect("nemoclaw my-agent status", /stopped|cold/);
    await shell.expect("nemoclaw my-agent start", /✓/, { golden: "sandbox-start" });
  });

  step("9. a second sandbox, by the wizard again; a bot, its first admin, and an answer there", async () => {
    const { terminal } = shell;
    await shell.begin("nemoclaw onboard");
    await terminal.shows(/Name of the sandbox/, 30_000);
    terminal.type("research");
    terminal.press("Enter");
    await terminal.shows(/Who answers\?/);
    terminal.press("Up"); // From the first choice to the last: the demo.
    terminal.press("Enter");
    await terminal.shows(/What may it reach without asking\?/);
    terminal.press("Enter");
    await terminal.shows(/Chat by Telegram\?/);
    terminal.press("y");
    await terminal.shows(/Bot token from @BotFather/);
    terminal.type(telegram.token);
    terminal.press("Enter");
    await terminal.shows(/the bot is @fake_claw_bot[\s\S]*Chat by Discord\?/);
    terminal.press("Enter");
    await terminal.shows(/=== Installation complete ===[\s\S]*\n\[0\]\$/, 60_000);
    const screen = terminal.screen();
    assert.match(screen, /Sandbox {6}research \(Landlock/);
    assert.ok(!screen.includes(telegram.token), "tokens are never shown");
    const [, code = ""] = /\/claim (\S+)/.exec(screen) ?? [];

    const heard = (what: RegExp) =>
      waitUntil(
        () => telegram.bot.fromBot(ANN).some(({ text }) => what.test(text ?? "")),
        30_000,
        () => `${what} wasn't said: ${JSON.stringify(telegram.bot.fromBot(ANN).map(({ text }) => text))}`,
      );
    telegram.bot.say(ANN, `/claim ${code}`);
    await heard(/admin/);
    telegram.bot.say(ANN, "What is 17+25?");
    await heard(/42/);
    await shell.expect("nemoclaw list", /my-agent \*[\s\S]*research/, { golden: "list" });
    await shell.expect("openshell sandbox list", /^NAME +CREATED +PHASE\n/);
    await shell.expect("openshell sandbox inspect my-agent", /^Sandbox:\n\n {2}Id: /);
  });

  step("8. and its end", async () => {
    await shell.begin("nemoclaw research delete");
    await shell.terminal.shows(/\[y\/N\]/);
    shell.terminal.type("y");
    shell.terminal.press("Enter");
    await shell.terminal.shows(/\n\[\d+\]\$\s*$/);
    shell.golden("sandbox-delete");
  });

  step("advanced 1. another key of the provider", async () => {
    await shell.expect(`openshell provider update --provider defapi --api-key ${KEY}`, /defapi/i);
    assert.equal(readFileSync(join(home, "secrets", "gateway", "defapi.key"), "utf8"), KEY);
  });

  step("advanced 2. monitoring with openshell term", async () => {
    const { terminal } = shell;
    await shell.begin("openshell term");
    await terminal.shows(/gateway ✓ {2}worker ✓ {2}launcher ✓/);
    await terminal.shows(/my-agent/);
    terminal.press("q");
    await terminal.shows(/\[0\]\$\s*$/, 10_000);
  });

  step("advanced 3. deploying to a remote GPU: needs NVIDIA's brev, and says what it would do", async () => {
    const literal = "nemoclaw deploy --target remote-gpu --instance-type A100";
    await shell.expect(literal, /brev CLI, which isn't installed[\s\S]*--host user@host/, { code: 1 });
    await shell.expect(`${literal} --dry-run`, /would: brev create remote-gpu --gpu-name A100/);
  });

  step("advanced 4. nemoclaw start telegram-bridge and discord-bridge, while the service runs", async () => {
    await shell.expect("nemoclaw start telegram-bridge", /● telegram-bridge ready \(pid \d+\) {2}@/);
    await shell.expect("nemoclaw start discord-bridge", /DISCORD_BOT_TOKEN=… nemoclaw start discord-bridge/, {
      code: 1,
    });
    await shell.expect(
      `DISCORD_BOT_TOKEN=${discord.token} nemoclaw start discord-bridge`,
      /● discord-bridge ready \(pid \d+\)/,
    );
    const { text } = await shell.expect("nemoclaw status", /● telegram-bridge +ready/);
    // Protections depend on the machine, facts on the moment; both have tests of their own.
    const lasting = text
      .replace(/\nProtections[\s\S]*?\n\n/, "\n")
      .replace(/^( {2}[●○].*pid \d+).*$/gm, "$1");
    shell.golden("status", lasting);
  });
});

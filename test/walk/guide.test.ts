/**
 * The deployment guide, from its first command to its last, typed literally against a fresh home. The vendor and the chat
 * platforms are strict fakes; everything else is real. The order of the tests is the guide's: they share one home.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/index.ts";
import { type FakeVendor, startFakeVendor } from "../fakes/vendor/index.ts";
import { furnishedHome } from "../helpers/service.ts";
import { noTmux } from "../helpers/tmux.ts";
import { Shell } from "./shell.ts";

const KEY = "dk-walk-key-0123456789abcdef";

describe("the deployment guide", { skip: noTmux() }, () => {
  let [home, person] = ["", ""];
  let vendor: FakeVendor;
  let telegram: FakeTelegram;
  let shell: Shell;

  before(async () => {
    vendor = await startFakeVendor({ key: KEY, models: ["claude-sonnet-4.5", "gpt-5.4"] });
    telegram = await startFakeTelegram();
    // Fresh but for where the fakes are.
    home = await furnishedHome({ config: { inference: { providers: { defapi: { baseUrl: vendor.url } } } } });
    person = mkdtempSync(join(tmpdir(), "nc-person-"));
    shell = new Shell(person, home, { TELEGRAM_API_ROOT: telegram.url });
    await shell.terminal.shows(/^\[0\]\$/);
  });
  after(async () => {
    await shell.run("nemoclaw stop --all");
    shell.terminal.close();
    await Promise.all([vendor.close(), telegram.close()]);
    for (const folder of [home, person]) rmSync(folder, { recursive: true });
  });

  it("3. install the CLI: the environment, the version", async () => {
    await shell.expect("nemoclaw --version", /command not found/, { code: 127 });
    await shell.expect("source ~/.bashrc", /^$/);
    await shell.expect("nemoclaw --version", /^\d+\.\d+\.\d+$/);
    await shell.expect("openshell --version", /^\d+\.\d+\.\d+$/);
    await shell.expect("~/.local/bin/nemoclaw --version", /^\d+\.\d+\.\d+$/);
  });

  it("4. nemoclaw onboard: the wizard, interrupted and gone on with", async () => {
    const { terminal } = shell;
    await shell.begin("nemoclaw onboard");
    await terminal.shows(/Name of the sandbox/, 30_000);
    terminal.press("Enter");
    await terminal.shows(/Who answers\?/);
    shell.golden("onboard-provider");
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
    shell.golden("onboard-model");
    terminal.press("Enter");
    await terminal.shows(/Network policy\n[\s\S]*Strict/);
    terminal.press("Enter");
    await terminal.shows(/What may it reach without asking\?/);
    shell.golden("onboard-presets");
    terminal.press("Enter");
    await terminal.shows(/Chat by Telegram\?/);
    terminal.press("Enter");
    await terminal.shows(/=== Installation complete ===[\s\S]*\n\[0\]\$/, 60_000);
    shell.golden("onboard-end");
    const screen = terminal.screen();
    assert.doesNotMatch(screen, new RegExp(`${KEY}|not-the-key`), "keys are never shown");
    assert.match(
      screen,
      /─{50}\nSandbox {6}my-agent \(Landlock \+ seccomp \+ netns\)\nModel {8}defapi\/claude-sonnet-4\.5\n─{50}\nRun: {9}nemoclaw my-agent connect\nStatus: {6}nemoclaw my-agent status\nLogs: {8}nemoclaw my-agent logs --follow\n─{50}\n\n\[INFO\] {2}=== Installation complete ===/,
    );
  });

  it("7. custom network policy: hot reload of the guide's file", async () => {
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
    await shell.expect("nemoclaw policy explain example.com:443", /is denied/);
  });

  it("9. a second sandbox", async () => {
    await shell.expect(
      "nemoclaw onboard --non-interactive --name research --provider demo",
      /Sandbox {6}research \(Landlock/,
    );
    await shell.expect("nemoclaw list", /my-agent \*[\s\S]*research/, { golden: "list" });
  });

  it("advanced 1. another key of the provider", async () => {
    await shell.expect(`openshell provider update --provider defapi --api-key ${KEY}`, /defapi/i);
    assert.equal(readFileSync(join(home, "secrets", "gateway", "defapi.key"), "utf8"), KEY);
  });

  it("advanced 4. nemoclaw start telegram-bridge, while the service runs", async () => {
    await shell.expect(
      "nemoclaw start telegram-bridge",
      /TELEGRAM_BOT_TOKEN=… nemoclaw start telegram-bridge/,
      {
        code: 1,
      },
    );
    await shell.expect(
      `TELEGRAM_BOT_TOKEN=${telegram.token} nemoclaw start telegram-bridge`,
      /● telegram-bridge ready \(pid \d+\) {2}@/,
    );
    await shell.expect("nemoclaw status", /● telegram-bridge +ready/, { golden: "status" });
  });
});

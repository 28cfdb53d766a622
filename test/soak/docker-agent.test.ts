/**
 * The real OpenClaw in containers of a daemon of the test's own: `--once`, then a person's chat with files both ways, a
 * stop and a start, a snapshot, and a backup that is restored elsewhere. Five cold starts: minutes.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { principalOf } from "../../src/lib/ids.ts";
import { resolveBlueprint } from "../../src/sandbox/index.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/index.ts";
import { runCommand } from "../helpers/command.ts";
import { Dockerd, noDockerd } from "../helpers/dockerd.ts";
import { realRuntime } from "../helpers/runtime.ts";
import { makeHome, startService, type TestService, waitUntil } from "../helpers/service.ts";

const ANNA = 501;
const ID = principalOf("telegram", String(ANNA));
const COLD_MS = 180_000;
const skip = noDockerd() ?? false;

describe("the real agent in Docker", { skip }, () => {
  let daemon: Dockerd;
  let telegram: FakeTelegram;
  let service: TestService;
  let temp: string;

  const docker = () => ({ NEMOCLAW_DOCKER_SOCKET: daemon.socket, NEMOCLAW_DRIVER: "docker" });
  const env = () => ({
    ...docker(),
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_API_ROOT: telegram.url,
    TELEGRAM_ALLOWED_USERS: `${ANNA}`,
  });
  const containers = () => daemon.docker.listContainers({ filters: { label: ["ai.nemoclaw.role=sandbox"] } });
  const since = () => {
    const before = telegram.bot.fromBot(ANNA).length;
    return () => telegram.bot.fromBot(ANNA).slice(before);
  };
  /**
   * Says it, and waits until an answer (no tool line) shows what is wanted. On a busy machine a cold start takes longer
   * than the minute that a turn waits for it: its user is told to try again, and so do we, once.
   */
  const ask = async (text: string, wanted: RegExp, again = true): Promise<void> => {
    const seen = since();
    telegram.bot.say(ANNA, text);
    const shown = (sought: RegExp) =>
      seen().some((message) => !message.text.startsWith("⚙️") && sought.test(message.text));
    const late = () => again && shown(/could not be started/);
    await waitUntil(
      () => shown(wanted) || late(),
      COLD_MS,
      () => `${wanted}: ${JSON.stringify(seen().map((m) => m.text))}\n${service.stderr().slice(-1_500)}`,
    );
    if (!shown(wanted)) return ask(text, wanted, false);
  };
  const nemoclaw = (home: string, args: string[], input = "") =>
    runCommand("nemoclaw", args, { home, input, env: docker() });

  before(async () => {
    daemon = new Dockerd();
    await daemon.start();
    temp = mkdtempSync(join(tmpdir(), "nc-da-"));
    telegram = await startFakeTelegram({ limits: "off" });
  });
  after(async () => {
    await service?.stop();
    await telegram?.close();
    await daemon?.remove();
    if (temp) rmSync(temp, { recursive: true, force: true });
  });

  it('npm start -- --driver docker --once "What is 2+2?"', async () => {
    const once = await startService({
      agent: "real",
      args: ["--driver", "docker", "--once", "What is 2+2?"],
      env: { NEMOCLAW_DOCKER_SOCKET: daemon.socket },
      waitReady: false,
    });
    try {
      assert.equal(await once.exited(COLD_MS), 0, once.stderr());
      assert.match(once.stdout(), /2\+2 = 4/);
      assert.deepEqual(await daemon.docker.listContainers({ all: true }), [], "nothing is left");
    } finally {
      rmSync(once.home, { recursive: true });
    }
  });

  it("a chat's file reaches the agent, and what it puts into its outbox comes back", async () => {
    service = await startService({ agent: "real", env: env() });
    await ask("What is 1200+34?", /\b1234\b/);
    assert.equal((await containers()).length, 1);
    const seen = since();
    telegram.bot.sayFile(ANNA, {
      ...{ name: "letter.txt", base64: Buffer.from("from Anna 4711\n").toString("base64") },
      caption: "run cat ~/inbox/*letter.txt",
    });
    await waitUntil(
      () => seen().some(({ text }) => !text.startsWith("⚙️") && /from Anna 4711/.test(text)),
      COLD_MS,
      () => JSON.stringify(seen().map(({ text }) => text)),
    );
    telegram.bot.say(ANNA, "run tr a-z A-Z < ~/inbox/letter.txt > ~/outbox/loud.txt");
    const files = () => seen().filter(({ file }) => file?.name === "loud.txt");
    await waitUntil(
      () => files().length > 0,
      60_000,
      () => `no file: ${JSON.stringify(seen().map(({ text }) => text))}`,
    );
    assert.equal(Buffer.from(files()[0]?.file?.base64 ?? "", "base64").toString(), "FROM ANNA 4711\n");
  });

  it("stopped its container is gone; the next message starts another on the same home", async () => {
    const [before] = await containers();
    assert.equal((await nemoclaw(service.home, [ID, "stop"])).code, 0);
    assert.deepEqual(await containers(), []);
    assert.equal((await nemoclaw(service.home, [ID, "start"])).code, 0);
    await ask("run cat ~/inbox/letter.txt", /from Anna 4711/);
    const [now] = await containers();
    assert.ok(now && now.Id !== before?.Id);
  });

  it("a snapshot brings back what was", async () => {
    const made = await nemoclaw(service.home, [ID, "snapshot", "create", "--name", "first"]);
    assert.match(made.out, /Snapshot v1/, made.err);
    const { home } = service.paths.user(ID);
    const owner = statSync(home).uid;
    const changed = await nemoclaw(service.home, [
      ...[ID, "exec", "--", "sh", "-c"],
      "echo changed > ~/inbox/letter.txt; echo later > ~/later",
    ]);
    assert.equal(changed.code, 0, changed.err);
    const back = await nemoclaw(service.home, [ID, "snapshot", "restore", "first", "--yes"]);
    assert.match(back.out, /is as in v1/, back.err);
    assert.ok(!existsSync(join(home, "later")));
    assert.equal(statSync(join(home, "inbox/letter.txt")).uid, owner);
    await ask("run cat ~/inbox/letter.txt", /from Anna 4711/);
  });

  it("a backup of a home that containers used is restored elsewhere, and the agent goes on there", async () => {
    const file = join(temp, "backup.tar.gz");
    const secret = "a passphrase for the test\n";
    const saved = await nemoclaw(service.home, ["backup", "-o", file, "--passphrase-stdin"], secret);
    assert.equal(saved.code, 0, saved.err);
    await service.stop();
    const home = makeHome();
    const done = await nemoclaw(home, ["restore", file, "--passphrase-stdin"], secret);
    assert.equal(done.code, 0, done.err);
    const { digest } = await resolveBlueprint(join(import.meta.dirname, "..", ".."));
    await realRuntime(join(home, "runtime", digest));
    service = await startService({ home, env: env() });
    await ask("run cat ~/inbox/letter.txt", /from Anna 4711/);
    const [{ Mounts = [] } = {}] = await containers();
    assert.ok(Mounts.some(({ Source }) => Source.startsWith(home)));
  });
});

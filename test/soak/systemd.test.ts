/**
 * The units of `nemoclaw service install` under a real systemd (PID 1 of namespaces of its own, this machine's files): a
 * question is answered by an agent in the sandboxes' slice, and no restart of any unit ends it.
 */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ConsoleClient, consoleClient } from "../../src/bridges/console/index.ts";
import { sysusers } from "../../src/cli/service/sysusers.ts";
import { systemdUnits } from "../../src/cli/service/units.ts";
import { usersFor } from "../../src/cli/supervisor/users.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { LauncherClient, type SandboxInfo } from "../../src/sandbox/index.ts";
import { furnishedHome, waitUntil } from "../helpers/service.ts";
import { noSystemd, Systemd } from "../helpers/systemd.ts";

const ROOT = join(import.meta.dirname, "../..");
const REDIS = "/usr/bin/redis-server";
const skip = noSystemd() ?? (existsSync(REDIS) ? false : "redis-server is not installed");

describe("under systemd", { skip }, () => {
  const systemd = new Systemd();
  let home: string;
  let chat: ConsoleClient;

  const sandbox = async (): Promise<SandboxInfo> => {
    const client = new LauncherClient({ socket: pathsOf(home).launcher.operatorSocket });
    try {
      const [only] = await client.list();
      assert.ok(only, "there is a sandbox");
      return only;
    } finally {
      client.close();
    }
  };
  const add = async (a: number, b: number) => {
    const answer = await chat.ask(`What is ${a}+${b}?`, { timeoutMs: 90_000 });
    assert.match(JSON.stringify(answer), new RegExp(`${a}\\+${b} = ${a + b}`));
  };

  before(async () => {
    // Not in /tmp: the units have one of their own.
    home = await furnishedHome({}, "/srv");
    chat = consoleClient(pathsOf(home).consoleSocket);
    const users = usersFor(0, 0);
    const units = systemdUnits({
      ...{ home, redisServer: REDIS, users, bots: [] },
      command: `${process.execPath} ${join(ROOT, "bin", "nemoclaw")}`,
    });
    await systemd.boot(units, sysusers(users));
  });
  after(async () => {
    await systemd.remove();
    if (home) rmSync(home, { recursive: true, force: true });
  });

  test("nemoclaw.target starts everything, and a question is answered", async () => {
    systemd.ctl("start", "nemoclaw.target");
    await waitUntil(
      () => existsSync(pathsOf(home).consoleSocket),
      60_000,
      () => systemd.ctl("list-units", "nemoclaw*"),
    );
    await add(2, 2);
  });

  test("the agent is in the sandboxes' slice, by every hierarchy in which systemd has it", async () => {
    const { pid } = await sandbox();
    const groups = systemd.run("cat", `/proc/${pid}/cgroup`).trim().split("\n");
    const ours = groups.filter((line) => line.includes("/nemoclaw.slice/nemoclaw-sandboxes.slice/"));
    assert.ok(
      ours.some((line) => /memory|^0::/.test(line)),
      groups.join(" "),
    );
    // What devices it may open is the launcher unit's rule, and no place that anything is ended by.
    const places = groups.filter((line) => !line.includes(":devices:"));
    assert.ok(!places.some((line) => line.includes("nemoclaw-launcher.service")), groups.join(" "));
    assert.match(systemd.ctl("status", "nemoclaw-sandboxes.slice"), new RegExp(`\\b${pid}\\b`));
  });

  for (const [i, name] of ["console", "worker", "gateway", "access", "launcher", "redis"].entries()) {
    test(`restarting ${name} leaves the agent running, and it answers`, async () => {
      const before = await sandbox();
      systemd.ctl("restart", `nemoclaw-${name}.service`);
      await add(10 + i, 20);
      const now = await sandbox();
      assert.deepEqual([now.pid, now.bootId, now.state], [before.pid, before.bootId, "running"]);
    });
  }

  test("a restart of all of nemoclaw.target leaves it running too", async () => {
    const before = await sandbox();
    systemd.ctl("restart", "nemoclaw.target");
    await add(30, 12);
    assert.equal((await sandbox()).bootId, before.bootId);
  });

  test("daemon-reload takes no limit from it", async () => {
    const { pid } = await sandbox();
    const groups = () => systemd.run("cat", `/proc/${pid}/cgroup`);
    const before = groups();
    systemd.ctl("daemon-reload");
    assert.equal(groups(), before);
  });

  test("stopping everything leaves it running; killing the slice ends it, and nothing else", async () => {
    const { pid } = await sandbox();
    const alive = () => systemd.run("sh", "-c", `test -d /proc/${pid} && echo yes || echo no`).trim();
    systemd.ctl("stop", "nemoclaw.target");
    assert.equal(alive(), "yes");
    systemd.ctl("start", "nemoclaw.target");
    await add(40, 2);
    systemd.ctl("kill", "--signal=KILL", "nemoclaw-sandboxes.slice");
    await waitUntil(
      () => alive() === "no",
      10_000,
      () => "it is still there",
    );
    // A turn before the launcher has looked would be told as failed.
    await waitUntil(
      async () => (await sandbox()).state === "stopped",
      10_000,
      () => "the launcher doesn't see it",
    );
    await add(50, 5);
  });
});

/** The processes one by one, as compose and systemd run them: each its own user, no supervisor; a question is answered. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { consoleClient } from "../../src/bridges/console/index.ts";
import { redisArguments } from "../../src/cli/service/units.ts";
import { usersFor } from "../../src/cli/supervisor/users.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { LauncherClient } from "../../src/sandbox/index.ts";
import { furnishedHome, waitUntil } from "../helpers/service.ts";

const PROGRAM = join(import.meta.dirname, "../../src/cli/nemoclaw.ts");
const ALONE = ["launcher", "access", "gateway", "worker", "console"] as const;

describe("processes alone", () => {
  let home: string;
  const running = new Map<string, { child: ChildProcess; out: string }>();
  const users = usersFor(process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  const isRoot = process.getuid?.() === 0;
  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], NEMOCLAW_HOME: home });

  const start = (name: string, program: string, args: string[], ids: { uid: number; gid: number }) => {
    const child = spawn(program, args, {
      ...{ cwd: "/", env: env(), stdio: ["ignore", "pipe", "pipe"] },
      ...(isRoot ? ids : {}),
    });
    const one = { child, out: "" };
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        one.out += chunk.toString("utf8");
      });
    running.set(name, one);
    return one;
  };
  const alone = async (name: (typeof ALONE)[number]) => {
    const one = start(name, process.execPath, [PROGRAM, "start", name, "--alone"], users[name]);
    await waitUntil(
      () => one.out.includes('"msg":"ready"'),
      60_000,
      () => `${name}: ${one.out.slice(-2_000)}`,
    );
  };
  const end = async (name: string, signal: NodeJS.Signals = "SIGTERM") => {
    const one = running.get(name);
    if (!one || one.child.exitCode !== null || one.child.signalCode !== null) return;
    const gone = new Promise((resolve) => one.child.once("exit", resolve));
    one.child.kill(signal);
    await gone;
    running.delete(name);
  };

  before(async () => {
    home = await furnishedHome();
  });
  after(async () => {
    const operator = new LauncherClient({ socket: pathsOf(home).launcher.operatorSocket, timeoutMs: 5_000 });
    for (const { id } of await operator.list().catch(() => []))
      await operator.stop(id, "asked").catch(() => {});
    operator.close();
    for (const name of [...running.keys()].reverse()) await end(name);
    rmSync(home, { recursive: true, force: true });
  });

  test("without preparation it says what to do", () => {
    const options = { env: env(), encoding: "utf8" as const, stdio: "pipe" as const };
    assert.throws(
      () => execFileSync(process.execPath, [PROGRAM, "start", "worker"], options),
      (error: { stderr: string; status: number }) =>
        /never prepared/.test(error.stderr) &&
        /nemoclaw service prepare/.test(error.stderr) &&
        error.status === 1,
    );
  });

  test("the login of the operator's own Redis is each process's secret, not a setting", async () => {
    const other = await furnishedHome();
    try {
      const paths = pathsOf(other);
      execFileSync(process.execPath, [PROGRAM, "service", "prepare"], {
        env: { ...env(), NEMOCLAW_HOME: other, REDIS_URL: "redis://nemo:hunter2secret@127.0.0.1:1/0" },
        stdio: "pipe",
      });
      const file = join(other, "run/service.json");
      for (const each of [file, paths.redisAccess])
        assert.doesNotMatch(readFileSync(each, "utf8"), /hunter2secret/, each);
      const { redis } = JSON.parse(readFileSync(file, "utf8")) as { redis: object };
      assert.deepEqual(redis, { url: "redis://127.0.0.1:1/0", username: "nemo" });
      assert.equal(readFileSync(join(paths.secrets("worker"), "redis-password"), "utf8"), "hunter2secret");
      assert.equal(statSync(file).mode & 0o777, 0o640);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  test("prepared, each serves as its own user, and a question is answered", async () => {
    execFileSync(process.execPath, [PROGRAM, "service", "prepare"], { env: env(), stdio: "pipe" });
    const redis = start(
      "redis",
      "redis-server",
      redisArguments(home).map((arg) => arg.replace('""', "")),
      users.redis,
    );
    await waitUntil(
      () => redis.out.includes("ready to accept"),
      10_000,
      () => redis.out,
    );
    execFileSync(process.execPath, [PROGRAM, "service", "store"], { env: env(), stdio: "pipe" });
    for (const name of ALONE) await alone(name);
    const chat = consoleClient(pathsOf(home).consoleSocket);
    const answer = await chat.ask("What is 2+2?", { timeoutMs: 60_000 });
    assert.match(JSON.stringify(answer), /4/);
    for (const name of isRoot ? ALONE : []) {
      const status = readFileSync(`/proc/${running.get(name)?.child.pid}/status`, "utf8");
      assert.match(status, new RegExp(`^Uid:\\s+${users[name].uid}\\s`, "m"), name);
    }
  });

  test("any of them may be restarted: the agent stays, and answers", async () => {
    const operator = new LauncherClient({ socket: pathsOf(home).launcher.operatorSocket });
    const [first] = await operator.list();
    assert.ok(first && first.pid > 0);
    for (const name of ["worker", "launcher", "gateway"] as const) {
      await end(name, name === "launcher" ? "SIGKILL" : "SIGTERM");
      await alone(name);
    }
    const [now] = await operator.list();
    operator.close();
    assert.equal(now?.pid, first.pid);
    assert.ok(existsSync(`/proc/${first.pid}`));
    const chat = consoleClient(pathsOf(home).consoleSocket);
    assert.match(JSON.stringify(await chat.ask("What is 3+4?", { timeoutMs: 60_000 })), /7/);
  });
});

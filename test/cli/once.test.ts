/** `start --once`: one question in, one answer out, nothing left behind. The agent is the fake one. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startTimeOf } from "../../src/cli/supervisor/survivors.ts";
import { startService, type TestService } from "../helpers/service.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Pids that the log of a service names, which must all be gone. */
function stillAlive(service: TestService): string[] {
  const pids = new Map(service.logs().map(({ process, pid }) => [Number(pid), process]));
  return [...pids].filter(([pid]) => startTimeOf(pid) !== undefined).map(([, name]) => name);
}

describe("start --once", () => {
  it("prints the answer alone to stdout and ends everything", async () => {
    const [a, b] = [Math.floor(Math.random() * 900) + 100, Math.floor(Math.random() * 900) + 100];
    const service = await startService({ args: ["--once", `What is ${a}+${b}?`], waitReady: false });
    try {
      assert.equal(await service.exited(), 0, service.stderr());
      assert.match(service.stdout(), new RegExp(`\\b${a + b}\\b`));
      assert.doesNotMatch(service.stdout(), /ready|waking|Redis/);
      assert.match(service.stderr(), /worker ready/);
      assert.deepEqual(stillAlive(service), []);
      assert.equal(existsSync(service.paths.redis.socket), false);
      const commands = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
      assert.equal(commands.includes(service.home), false, "no sandbox is left");
    } finally {
      rmSync(service.home, { recursive: true });
    }
  });

  it("ends with 1 and a clear sentence when the agent can't run", async () => {
    const service = await startService({
      agent: { program: "/bin/false" },
      args: ["--once", "What is 2+2?"],
      waitReady: false,
    });
    try {
      assert.equal(await service.exited(180_000), 1, service.stderr());
      assert.equal(service.stdout(), "");
      assert.match(service.stderr(), /^nemoclaw: .*\S/m);
      assert.doesNotMatch(service.stderr(), /^\s+at /m);
      assert.deepEqual(stillAlive(service), []);
    } finally {
      rmSync(service.home, { recursive: true });
    }
  });

  it("an interrupt ends everything", async () => {
    const service = await startService({ args: ["--once", "count slowly to 20"], waitReady: false });
    try {
      for (let i = 0; i < 600 && !service.stderr().includes("console ready"); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      service.process.kill("SIGINT");
      assert.equal(await service.exited(), 130);
      assert.deepEqual(stillAlive(service), []);
    } finally {
      rmSync(service.home, { recursive: true });
    }
  });

  it("runs from a clone that the services' users can't reach, made under a strict umask", {
    skip: process.getuid?.() === 0 ? false : "needs root",
  }, async () => {
    const closed = mkdtempSync(join(tmpdir(), "nc-closed-"));
    const clone = join(closed, "clone");
    const service = await startService({ args: ["--version"], waitReady: false });
    try {
      mkdirSync(clone, { mode: 0o700 });
      const parts = [
        "bin",
        "src",
        "scripts",
        "blueprint",
        "blueprint.yaml",
        "package.json",
        "package-lock.json",
      ];
      for (const part of parts) cpSync(join(ROOT, part), join(clone, part), { recursive: true });
      execFileSync("chmod", ["-R", "go-rwx", clone]);
      const linked = spawnSync("cp", ["-a", "--link", join(ROOT, "node_modules"), clone]);
      if (linked.status !== 0) execFileSync("cp", ["-a", join(ROOT, "node_modules"), clone]);
      assert.equal(await service.exited(), 0);

      const result = spawnSync(
        process.execPath,
        [join(clone, "bin", "nemoclaw"), "start", "--once", "What is 8+9?"],
        {
          cwd: clone,
          env: { PATH: process.env["PATH"], NEMOCLAW_HOME: service.home },
          encoding: "utf8",
          timeout: 180_000,
        },
      );
      assert.equal(result.status, 0, result.stderr);
      assert.match(result.stdout, /17/);
      const log = readFileSync(join(service.paths.logs, "nemoclaw.jsonl"), "utf8");
      assert.match(log, /"process":"worker"/);
      assert.equal(existsSync(join(service.home, "app", "bin")), false, "nothing is mounted outside");
    } finally {
      chmodSync(closed, 0o700);
      rmSync(closed, { recursive: true });
      rmSync(service.home, { recursive: true });
    }
  });
});

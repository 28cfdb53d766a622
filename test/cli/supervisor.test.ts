/** The supervisor over real processes: one per home, restarts, adoption, ordered end. The agent is the fake one. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startTimeOf } from "../../src/cli/supervisor/survivors.ts";
import { startService, type TestService, waitUntil } from "../helpers/service.ts";

const ROOT_USER = process.getuid?.() === 0;
const alive = (pid: number) => startTimeOf(pid) !== undefined;

describe("supervisor", () => {
  let service: TestService;
  before(async () => {
    service = await startService({
      env: {
        OPENAI_API_KEY: "sk-from-the-environment",
        NEMOCLAW_PROVIDER: "demo",
        SOME_OTHER_SECRET: "hush",
      },
    });
  });
  after(async () => {
    await service.stop();
    assert.equal(existsSync(service.home), false);
  });

  it("answers a message through all processes", async () => {
    const answer = await service.ask("What is 17+25?");
    assert.equal(answer.kind, "final");
    assert.match(answer.markdown, /42/);
  });

  it("says what runs, truly", async () => {
    const status = await service.status();
    assert.equal(status.state, "ready");
    assert.deepEqual(status.services.map(({ name, state }) => `${name} ${state}`).sort(), [
      "access ready",
      "console ready",
      "gateway ready",
      "launcher ready",
      "worker ready",
    ]);
    for (const { pid } of status.services) assert.ok(alive(pid));
    assert.ok(alive(status.redis.pid));
    assert.ok(status.layers.some(({ name, active }) => name === "seccomp" && active));
  });

  it("keeps secrets out of every process's environment and arguments", async () => {
    const key = join(service.paths.secrets("gateway"), "openai.key");
    assert.equal(readFileSync(key, "utf8"), "sk-from-the-environment");
    assert.equal(statSync(key).mode & 0o777, 0o600);
    const { services, redis } = await service.status();
    for (const pid of [...services.map((s) => s.pid), redis.pid]) {
      const seen =
        readFileSync(`/proc/${pid}/environ`, "utf8") + readFileSync(`/proc/${pid}/cmdline`, "utf8");
      assert.doesNotMatch(seen, /sk-from|hush/);
    }
  });

  it("runs each process as its own user", { skip: ROOT_USER ? false : "needs root" }, async () => {
    const { services, redis } = await service.status();
    const uidOf = (pid: number) =>
      Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    const uids = new Map(services.map(({ name, pid }) => [name, uidOf(pid)]));
    assert.equal(uids.get("launcher"), 0);
    const others = [...uids].filter(([name]) => name !== "launcher").map(([, uid]) => uid);
    assert.equal(
      new Set([...others, uidOf(redis.pid), 0]).size,
      others.length + 2,
      "all different, none root",
    );
  });

  it("refuses a second supervisor on the home and says who has it", async () => {
    const second = await startService({ home: service.home, waitReady: false });
    assert.equal(await second.exited(), 75);
    assert.match(second.stderr(), new RegExp(`already runs on this home: pid ${service.process.pid},`));
    assert.equal((await service.status()).state, "ready");
  });

  for (const part of ["worker", "gateway", "access", "console", "launcher"] as const) {
    it(`restarts a killed ${part} and answers again`, async () => {
      const pid = await service.pidOf(part);
      await service.kill(part);
      await waitUntil(
        async () => {
          const now = (await service.status()).services.find(({ name }) => name === part);
          return now?.state === "ready" && now.pid !== pid;
        },
        15_000,
        () => `${part} is not back:\n${service.stderr().slice(-2_000)}`,
      );
      const answer = await service.ask("What is 2+3?");
      assert.match(answer.markdown, /5/);
    });
  }

  it("brings a killed Redis back with everything in it", async () => {
    const pid = await service.pidOf("redis");
    await service.kill("redis");
    await waitUntil(
      async () => (await service.status()).redis.pid !== pid,
      10_000,
      () => service.stderr(),
    );
    assert.match((await service.ask("What is 3+4?")).markdown, /7/);
    assert.equal(
      (await service.status()).services.every(({ restarts }) => restarts <= 1),
      true,
    );
  });

  it("a killed supervisor takes its processes along, but neither Redis nor the agent; the next one adopts both", async () => {
    const old = await service.status();
    const [sandbox] = (await service.sandboxes()).filter(({ state }) => state === "running");
    assert.ok(sandbox);
    await service.kill("supervisor");
    await service.exited();
    await waitUntil(
      () => old.services.every(({ pid }) => !alive(pid)),
      10_000,
      () => "processes stayed",
    );
    assert.ok(alive(old.redis.pid), "Redis lives");
    assert.ok(alive(sandbox.pid), "the agent lives");

    service = await service.again();
    const now = await service.status();
    assert.equal(now.redis.adopted, true);
    assert.equal(now.redis.pid, old.redis.pid);
    const [same] = (await service.sandboxes()).filter(({ id }) => id === sandbox.id);
    assert.equal(same?.pid, sandbox.pid);
    assert.equal(same?.bootId, sandbox.bootId);
    assert.match((await service.ask("What is 4+5?")).markdown, /9/);
  });

  it("SIGTERM ends in order: processes and Redis gone, the agent stays for the next start", async () => {
    const old = await service.status();
    const [sandbox] = (await service.sandboxes()).filter(({ state }) => state === "running");
    await service.kill("supervisor", "SIGTERM");
    assert.equal(await service.exited(), 0);
    for (const { name, pid } of old.services) assert.equal(alive(pid), false, name);
    assert.equal(alive(old.redis.pid), false);
    assert.ok(sandbox && alive(sandbox.pid));
    service = await service.again();
    assert.equal((await service.sandboxes()).find(({ id }) => id === sandbox.id)?.pid, sandbox.pid);
    assert.match((await service.ask("What is 6+7?")).markdown, /13/);
  });
});

/** A sandbox's life, the same for every driver: made, stopped, adopted, found dead, never twice on one home. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { type Host, isRoot, specOf, until } from "../../sandbox/harness.ts";
import type { Stage } from "./stages.ts";

const alive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

/** All of it over one driver. */
export function lifeSuite(stage: Stage): void {
  describe(`life, ${stage.name}`, () => {
    let host: Host;
    before(async () => {
      host = await stage.host();
    });
    after(() => host.dispose());
    afterEach(() => host.kill());

    const count = (info: SandboxInfo) => {
      const file = join(host.homeOf(info), "count");
      return existsSync(file) ? readFileSync(file, "utf8").length : 0;
    };
    const counting = "while :; do printf x >> count; sleep 0.05; done";

    test("kill -9 of the launcher ends no agent; the next one adopts it and notices its death", async () => {
      await host.start();
      const info = await host.sandbox("a");
      host.launch(info, "agent", ["/bin/sh", "-c", counting]);
      await until(() => count(info) > 2, 5_000, "the agent counts");
      await host.kill();
      const before = count(info);
      await until(() => count(info) > before + 5, 5_000, "it goes on without a launcher");

      const changes: (SandboxInfo | undefined)[] = [];
      const watching = host.client.watch((_, changed) => changes.push(changed));
      await host.start();
      await watching;
      const [adopted] = await host.client.list();
      assert.deepEqual(adopted, info, "same pid, boot and start time");
      assert.deepEqual(await host.client.start(info.id), info, "starting it again starts nothing");
      assert.ok((await host.client.stats(info.id)).pids >= 3);

      process.kill(info.pid, "SIGKILL");
      const ms = await until(() => changes.at(-1)?.state === "stopped", 3_000, "its death is told");
      assert.ok(ms < 3_000, `${ms} ms, target 1000`);
      assert.equal(changes.at(-1)?.lastStop, "exit");
      assert.equal(changes.at(-1)?.bootId, "");
    });

    test("a death while nobody watched is found at the start", async () => {
      await host.start();
      const info = await host.sandbox("b");
      await host.kill();
      process.kill(info.pid, "SIGKILL");
      await host.start();
      const found = await host.client.inspect(info.id);
      assert.deepEqual([found?.state, found?.pid, found?.lastStop], ["stopped", 0, "exit"]);
    });

    test("a request that was under way is answered by the next launcher", async () => {
      await host.start();
      const spec = specOf("c");
      await host.client.create(spec);
      await host.kill();
      const started = host.client.start(spec.id);
      await host.start();
      assert.equal((await started).state, "running");
      await host.client.destroy(spec.id);
    });

    test("no descriptor of the launcher is left in the sandbox but the lock", {
      skip: isRoot ? false : "needs root",
    }, async () => {
      await host.start();
      const info = await host.sandbox("f");
      const fds = readdirSync(`/proc/${info.pid}/fd`).map((fd) => readlinkSync(`/proc/${info.pid}/fd/${fd}`));
      const { lock } = host.paths.user(info.id);
      const log = join(host.paths.logs, `sandbox-${info.id}.log`);
      const inDocker = ["/dev/null", "/run/nemoclaw/lock", "/run/nemoclaw/log", "/run/nemoclaw/log"];
      assert.deepEqual(
        fds.sort(),
        stage.driver !== "process" ? inDocker : ["/dev/null", log, log, lock].sort(),
      );
    });

    test("what a run is asked to end is ended, and its files are there at the next", async () => {
      await host.start();
      const info = await host.sandbox("h");
      await host.run(info, "agent", "/bin/sh", "-c", "echo kept > file; echo gone > /tmp/file; sleep 60 & :");
      const stopped = await host.client.stop(info.id, "test");
      assert.deepEqual(
        [stopped.state, stopped.pid, stopped.bootId, stopped.lastStop],
        ["stopped", 0, "", "test"],
      );
      assert.ok(!alive(info.pid));
      const again = await host.client.start(info.id);
      assert.notEqual(again.bootId, info.bootId);
      const { out } = await host.run(again, "agent", "/bin/sh", "-c", "cat file; ls /tmp");
      assert.equal(out, "kept\n");
    });

    test("two users' sandboxes can't see each other", async () => {
      await host.start();
      const [one, two] = [await host.sandbox("i"), await host.sandbox("j")];
      await host.run(
        one,
        "agent",
        "/bin/sh",
        "-c",
        "echo secret > mine; chmod 666 mine; exec 8>/dev/shm/here",
      );
      host.launch(one, "agent", ["/bin/sleep", "4711"]);
      const script = `cat ${host.homeOf(one)}/mine; ls /dev/shm; cat /proc/*/cmdline | tr '\\0' ' '`;
      const { out } = await host.run(two, "agent", "/bin/sh", "-c", script);
      assert.ok(!/secret|here\n|4711/.test(out), out);
      assert.match(out, /init\.pl/, "its own processes it sees");
      if (stage.as === "root") assert.notEqual(one.uid, two.uid);
    });
  });
}

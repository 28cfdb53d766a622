/** What only the Docker driver has: containers that the daemon itself must describe as caged, orphans, a daemon that dies. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import type { Dockerd } from "../../helpers/dockerd.ts";
import { Host, specOf, until } from "../../sandbox/harness.ts";
import { theDaemon } from "./stages.ts";

const alive = (pid: number) => existsSync(`/proc/${pid}`);
const codeOf = (error: unknown) => (error as { code?: string }).code;

/** See the file's header. */
export function dockerSuite(): void {
  describe("docker only", () => {
    let daemon: Dockerd;
    let host: Host;
    const containers = async () => daemon.docker.listContainers({ all: true });

    before(async () => {
      daemon = await theDaemon();
      host = new Host("root", { driver: "docker", docker: { socket: daemon.socket } });
    });
    after(() => host.dispose());
    afterEach(() => host.kill());

    test("the daemon describes a cage: no network, rights, privileges; limits; one template", async () => {
      await host.start();
      const info = await host.sandbox("a", { memoryBytes: 200 << 20, pids: 50, cpus: 0.5 });
      const [{ Id = "" } = {}] = await containers();
      const { HostConfig, Config, State } = await daemon.docker.getContainer(Id).inspect();
      assert.equal(State.Pid, info.pid);
      assert.equal(Config.User, `${info.uid}:${info.uid}`);
      assert.ok(info.uid > 1_000);
      const { NetworkMode, CapAdd, CapDrop, Privileged, ReadonlyRootfs, Memory, MemorySwap } = HostConfig;
      assert.deepEqual(
        { NetworkMode, CapAdd, CapDrop, Privileged, ReadonlyRootfs, Memory, MemorySwap },
        {
          ...{ NetworkMode: "none", CapAdd: null, CapDrop: ["ALL"], Privileged: false, ReadonlyRootfs: true },
          ...{ Memory: 200 << 20, MemorySwap: 200 << 20 },
        },
      );
      assert.equal(HostConfig.PidsLimit, 50);
      assert.equal(HostConfig.NanoCpus, 5e8);
      assert.equal(HostConfig.Init, false);
      assert.equal(HostConfig.PidMode, "");
      assert.deepEqual(HostConfig.Devices ?? [], []);
      assert.ok(HostConfig.SecurityOpt?.includes("no-new-privileges:true"));
    });

    test("each sandbox mounts its own places and nothing else of the host, listed from inside", async () => {
      await host.start();
      const info = await host.sandbox("b");
      const { out } = await host.run(info, "guest", "/bin/cat", "/proc/self/mountinfo");
      const mounts = out
        .trim()
        .split("\n")
        .map((line) => line.split(" "));
      const binds = mounts.filter(([, , , root = ""]) => root.includes(host.home.slice(1)));
      const places = new Map(binds.map(([, , , root = "", at = "", flags = ""]) => [at, { root, flags }]));
      const own = host.paths.user(info.id);
      assert.ok(places.get("/home/sandbox")?.root.endsWith(own.home));
      assert.ok(places.get("/run/nemoclaw/control")?.root.endsWith(host.paths.controlDir(info.runName)));
      assert.ok(places.get("/run/nemoclaw/egress")?.root.endsWith(host.paths.egressDir(info.runName)));
      for (const [at, { root, flags }] of places) {
        const writable = at === "/home/sandbox" || at === "/run/nemoclaw/log";
        assert.equal(flags.split(",").includes("ro"), !writable, `${at} ${flags}`);
        const ours = [
          own.dir,
          info.runName,
          `sandbox-${info.id}.log`,
          `${host.home}/lib/`,
          `${host.home}/runtime/`,
        ];
        assert.ok(
          ours.some((part) => root.includes(part)),
          `${at} is ${root}`,
        );
      }
      assert.ok(!out.includes("docker.sock"));
    });

    test("the image is below 600 MB and holds nothing that gives rights", async (t) => {
      await host.start();
      const [image] = await daemon.docker.listImages();
      assert.match(image?.RepoTags?.[0] ?? "", /^nemoclaw-agent:/);
      assert.ok((image?.Size ?? 0) > 1e8 && (image?.Size ?? 0) < 600e6, `${image?.Size}`);
      t.diagnostic(`${Math.round((image?.Size ?? 0) / 1e6)} MB`);
      const info = await host.sandbox("d");
      const { out } = await host.run(
        info,
        "guest",
        "/usr/bin/find",
        "/usr",
        "/opt",
        "-xdev",
        "-perm",
        "/6000",
      );
      assert.equal(out, "");
    });

    test("a container without a record is an orphan: the next launcher removes it", async () => {
      await host.start();
      const info = await host.sandbox("e");
      await host.kill();
      rmSync(join(host.paths.launcher.records, `${info.id}.json`));
      await host.start();
      assert.ok(!alive(info.pid));
      assert.ok(!(await containers()).some(({ Labels }) => Labels["ai.nemoclaw.sandbox"] === info.id));
    });

    test("a launcher that dies before it starts the container leaves nothing running; the next one does it", async () => {
      await host.start();
      const info = await host.sandbox("f");
      await host.client.stop(info.id, "");
      await host.kill();
      await host.start({ NEMOCLAW_FAILPOINT: "launcher.start@2" }); // the self-test is the first
      const lost = host.client.start(info.id);
      lost.catch(() => {});
      await until(() => host.process?.signalCode === "SIGKILL", 10_000, "the failpoint kills the launcher");
      await host.start();
      assert.equal((await lost).state, "running");
      const ours = (await containers()).filter(({ Labels }) => Labels["ai.nemoclaw.sandbox"] === info.id);
      assert.equal(ours.length, 1);
    });

    test("a home on which a process sandbox runs is not given to a container", async () => {
      const both = new Host("root");
      try {
        await both.start();
        const info = await both.sandbox("g");
        await both.kill();
        rmSync(join(both.paths.launcher.records, `${info.id}.json`));
        const other = new Host(
          "root",
          { driver: "docker", docker: { socket: daemon.socket } },
          true,
          both.home,
        );
        await other.start();
        await other.client.create(specOf("g"));
        await assert.rejects(other.client.start(info.id), (error) => codeOf(error) === "sandbox-home-locked");
        assert.ok(alive(info.pid));
        process.kill(info.pid, "SIGKILL");
        await until(() => !alive(info.pid), 3_000, "the process sandbox has ended");
        assert.equal((await other.client.start(info.id)).state, "running");
        await other.client.destroy(info.id);
        other.client.close();
        await other.kill();
      } finally {
        await both.remove();
      }
    });
  });

  test("docker's socket is opened by the launcher only", async () => {
    const daemon = await theDaemon();
    const host = new Host("root", { driver: "docker", docker: { socket: daemon.socket } });
    try {
      await host.start();
      const info = await host.sandbox("s");
      const inside = readdirSync(`/proc/${info.pid}/fd`);
      assert.equal(inside.length, 4);
      const { out } = await host.run(info, "guest", "/bin/sh", "-c", "ls /var/run /run; cat /proc/net/unix");
      assert.ok(!/docker/.test(out), out);
    } finally {
      await host.dispose();
    }
  });

  for (const live of [true, false]) {
    describe(`the daemon is killed, ${live ? "with" : "without"} live-restore`, () => {
      let daemon: Dockerd;
      let host: Host;
      before(async () => {
        daemon = await theDaemon();
        host = new Host("root", { driver: "docker", docker: { socket: daemon.socket } });
      });
      after(() => host.dispose());

      test("the agent goes on without it; afterwards it is what the daemon makes of it, and known", async (t) => {
        await host.start();
        const info = await host.sandbox("k");
        const other = specOf("l");
        await host.client.create(other);
        const count = () => readFileSync(join(host.homeOf(info), "count"), "utf8").length;
        host.launch(info, "agent", ["/bin/sh", "-c", "while :; do printf x >> count; sleep 0.05; done"]);
        await until(
          () => existsSync(join(host.homeOf(info), "count")) && count() > 2,
          5_000,
          "the agent counts",
        );
        await daemon.end("SIGKILL");
        const before = count();
        await until(() => count() > before + 10, 5_000, "it counts on without a daemon");
        assert.ok(alive(info.pid));
        assert.deepEqual(await host.client.inspect(info.id), info, "the same life");
        await assert.rejects(host.client.start(other.id), (error) => codeOf(error) === "docker-no-daemon");

        await daemon.start(live);
        let now: SandboxInfo | undefined;
        for (let i = 0; i < 100; i++) {
          now = await host.client.inspect(info.id);
          if (live ? i > 10 : now?.state === "stopped") break;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        t.diagnostic(`afterwards: ${now?.state}`);
        assert.equal(now?.state, live ? "running" : "stopped");
        if (live) {
          const then = count();
          await until(() => count() > then, 3_000, "it still counts");
          assert.equal(now?.pid, info.pid);
        } else assert.equal(now?.lastStop, "exit");
        assert.equal((await host.client.start(other.id)).state, "running", "and others can be started again");
        assert.equal((await host.client.start(info.id)).state, "running");
        await host.client.destroy(other.id);
      });
    });
  }
}

/** Limits of real sandboxes, the same for every driver: one that goes too far hurts nobody else, and says why it stopped. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { freeze, thaw } from "../../../src/sandbox/host/park.ts";
import { type Host, isRoot, until } from "../../sandbox/harness.ts";
import type { Stage } from "./stages.ts";

const PROBE = ["/usr/bin/perl", "/opt/nemoclaw/guest/probe.pl"];
const size = (file: string) => (existsSync(file) ? statSync(file).size : 0);

/** All limits over one driver. */
export function limitsSuite(stage: Stage): void {
  const { as } = stage;
  describe(`limits, ${stage.name}`, () => {
    let host: Host;
    let hog: SandboxInfo;
    let neighbour: SandboxInfo;
    const ticks = () => size(join(host.homeOf(neighbour), "ticks"));
    const limited = () => host.layers.find((layer) => layer.name === "memory-cap")?.active === true;

    before(async () => {
      host = await stage.host();
      await host.start();
      hog = await host.sandbox("a", { memoryBytes: 96 << 20, pids: 32, diskBytes: 24 << 20, inodes: 400 });
      neighbour = await host.sandbox("b");
      host.launch(neighbour, "agent", ["/bin/sh", "-c", "while :; do printf x >> ticks; sleep 0.05; done"]);
      await until(() => ticks() > 0, 5_000, "the neighbour works");
    });
    after(() => host.dispose());

    test("a memory hog is killed alone, and it is told why", async (t) => {
      if (!limited()) return t.skip("no control group was delegated to this user");
      const told: SandboxInfo[] = [];
      const unwatch = await host.client.watch((id, info) => {
        if (id === hog.id && info) told.push(info);
      });
      const { code } = await host.run(hog, "agent", ...PROBE, "hog", "400");
      assert.equal(code, 137);
      await until(() => told.at(-1)?.lastStop === "oom", 3_000, "the launcher says oom");
      unwatch();
      assert.equal(told.at(-1)?.state, "running", "guest and PID 1 go on");
      const kills = told.at(-1)?.oomKills ?? 0;
      assert.ok(kills > 0, "and counts it");
      assert.equal((await host.run(hog, "agent", ...PROBE, "hog", "20")).out, "done\n", "and take work");
      const seen = ticks();
      await until(() => ticks() > seen, 3_000, "the neighbour goes on");
    });

    test("what the kernel kills while there is no launcher is counted by the next one", {
      skip: stage.driver !== "process" && "known by events, and those of before are not asked for",
    }, async (t) => {
      if (!limited()) return t.skip("no control group was delegated to this user");
      const before = (await host.client.inspect(hog.id))?.oomKills ?? 0;
      await host.kill();
      assert.equal((await host.run(hog, "agent", ...PROBE, "hog", "400")).code, 137);
      await host.start();
      const now = await host.client.inspect(hog.id);
      assert.deepEqual([now?.bootId, now?.state, now?.lastStop], [hog.bootId, "running", "oom"]);
      assert.ok((now?.oomKills ?? 0) > before, `${now?.oomKills} > ${before}`);
      hog = now ?? hog;
    });

    test("a fork bomb is stopped at the limit, the neighbour can fork", async () => {
      const { out } = await host.run(hog, "agent", ...PROBE, "forks", "500");
      assert.ok(Number(out) > 5 && Number(out) < 32, out);
      assert.equal((await host.run(neighbour, "agent", ...PROBE, "forks", "20")).out, "20\n");
      await host.client.killAgent(hog.id);
    });

    test("a processor hog gets its share", async (t) => {
      if (!limited()) return t.skip("no control group was delegated to this user");
      const busy = await host.sandbox("x", { cpus: 0.2 });
      const spin = "use Time::HiRes 'time'; my $end = time + 2; 1 while time < $end; print +(times)[0]";
      const seconds = Number((await host.run(busy, "agent", "/usr/bin/perl", "-e", spin)).out);
      assert.ok(seconds > 0 && seconds < 0.8, `${seconds} s of 2, allowed are 0.4`);
    });

    test("stats are measured from outside", async () => {
      let stats = await host.client.stats(neighbour.id);
      // Bytes and files are those of the last measurement, which as an ordinary user takes a container.
      for (let i = 0; i < 50 && stats.inodes < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        stats = await host.client.stats(neighbour.id);
      }
      assert.ok(stats.pids >= 4 && stats.pids < 64, JSON.stringify(stats));
      assert.ok(stats.memoryBytes > 1 << 20 && stats.memoryBytes < 256 << 20, JSON.stringify(stats));
      assert.ok(stats.cpuMs > 0 || as === "user", JSON.stringify(stats));
      assert.ok(stats.inodes >= 3 && stats.diskBytes > 0, JSON.stringify(stats));
    });

    test("killAgent ends the agent's processes; guest and PID 1 go on", async () => {
      const done = host.launch(hog, "agent", ["/bin/sh", "-c", "sleep 60 & sleep 60 & exec sleep 60"]);
      let processes = 0;
      for (let i = 0; i < 200 && processes < 6; i++) processes = (await host.client.stats(hog.id)).pids;
      assert.equal(done(), undefined);
      await host.client.killAgent(hog.id);
      assert.equal((await host.client.inspect(hog.id))?.bootId, hog.bootId);
      assert.equal((await host.run(hog, "agent", "/bin/echo", "back")).out, "back\n");
      // The test guest's own children need a moment to end.
      for (let i = 0; i < 100 && processes > 4; i++) processes = (await host.client.stats(hog.id)).pids;
      assert.ok(processes <= 4, `${processes} processes`);
    });

    test("killAgent ends a chain of processes that each start the next and end", async () => {
      const box = await host.sandbox("q");
      const links = () => size(join(host.homeOf(box), "chain"));
      const chain = "while (1) { open F, '>>', 'chain'; print F 'x'; close F; exit 0 if fork }";
      host.launch(box, "agent", ["/usr/bin/perl", "-e", chain]);
      await until(() => links() > 20, 10_000, "it runs");
      await host.client.killAgent(box.id);
      const seen = links();
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.equal(links(), seen);
      await host.client.destroy(box.id);
    });

    test("stopped in place nothing moves, let go everything does", async () => {
      assert.equal(await freeze(neighbour.pid), true);
      const seen = ticks();
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.equal(ticks(), seen);
      thaw(neighbour.pid);
      await until(() => ticks() > seen, 3_000, "it goes on");
    });

    test("files beyond the disk limit stop the sandbox; hiding them doesn't help, and they stay", async () => {
      const files =
        "mkdir -p big; for i in 1 2 3; do head -c 10M /dev/zero > big/$i; done; chmod 000 big; sleep 60";
      host.launch(hog, "agent", ["/bin/sh", "-c", files]);
      let info: SandboxInfo | undefined = hog;
      const begin = Date.now();
      while (info?.state === "running" && Date.now() - begin < 15_000) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        info = await host.client.inspect(hog.id);
      }
      assert.deepEqual([info?.state, info?.lastStop], ["stopped", "disk"]);
      assert.ok((await host.client.stats(hog.id)).diskBytes > 30e6);
      assert.equal((await host.client.inspect(neighbour.id))?.state, "running");
    });

    test("too many files stop it too", async () => {
      // Before its start: what is too big would stop it again before it got round to that.
      const big = join(host.homeOf(hog), "big");
      chmodSync(big, 0o700);
      rmSync(big, { recursive: true });
      hog = await host.client.start(hog.id);
      host.launch(hog, "agent", ["/bin/sh", "-c", "mkdir many; cd many; touch $(seq 1000); sleep 60"]);
      let info: SandboxInfo | undefined = hog;
      const begin = Date.now();
      while (info?.state === "running" && Date.now() - begin < 15_000) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        info = await host.client.inspect(hog.id);
      }
      assert.deepEqual([info?.state, info?.lastStop], ["stopped", "disk"]);
      assert.ok((await host.client.stats(hog.id)).inodes > 400, "beyond the limit, and still there");
    });

    test("no file may become bigger than the disk limit, between two measurements either", async () => {
      const { out } = await host.run(
        neighbour,
        "agent",
        "/bin/sh",
        "-c",
        "trap '' XFSZ; head -c 90M /dev/zero > file; wc -c < file; rm file",
      );
      assert.match(out, new RegExp(`^${64 << 20}$`, "m"));
    });

    test("a host process with one principal's uid can't read another's home", {
      skip: as === "root" ? false : "an ordinary user has one uid for all",
    }, () => {
      writeFileSync(join(host.homeOf(neighbour), "letter"), "private", { mode: 0o666 });
      const read = (uid: number) =>
        spawnSync("/bin/cat", [join(host.homeOf(neighbour), "letter")], { uid, gid: uid, encoding: "utf8" });
      assert.equal(read(neighbour.uid).stdout, "private");
      assert.match(read(hog.uid).stderr, /Permission denied/);
      assert.notEqual(hog.uid, neighbour.uid);
      assert.equal(statSync(host.homeOf(neighbour)).mode & 0o777, 0o700);
      assert.equal(statSync(host.homeOf(neighbour)).uid, neighbour.uid);
    });

    test("parking without usable swap is refused by name", async (t) => {
      if (readFileSync("/proc/swaps", "utf8").trim().split("\n").length > 1)
        return t.skip("this host has swap");
      await assert.rejects(host.client.park(neighbour.id), (error: Error & { code: string }) => {
        assert.equal(error.code, "sandbox-park-unsupported");
        assert.match(error.message, /no swap/);
        return true;
      });
      assert.equal((await host.client.inspect(neighbour.id))?.state, "running");
    });

    test("destroy removes home, sockets and record; the uid is not given to the next", async () => {
      const { runName, uid } = neighbour;
      await host.client.destroy(neighbour.id);
      for (const path of [
        host.paths.user(neighbour.id).dir,
        host.paths.egressDir(runName),
        host.paths.controlDir(runName),
        join(host.paths.launcher.records, `${neighbour.id}.json`),
      ]) {
        assert.ok(!existsSync(path), path);
      }
      const next = await host.sandbox("c");
      assert.notEqual(next.runName, runName);
      if (isRoot && as === "root") assert.ok(next.uid > uid);
    });
  });
}

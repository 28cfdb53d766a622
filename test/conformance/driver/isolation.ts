/**
 * Isolation, tried from inside by an agent, the same for every driver.
 * What is refused to the agent but needed by the guest is shown to work for the guest: the probes can succeed.
 */
import assert from "node:assert/strict";
import { chownSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { type Host, listenUnix } from "../../sandbox/harness.ts";
import { FILE_PROBES, KERNEL_PROBES, NETWORK_PROBES, PROCESS_PROBES, type Probe } from "./probes.ts";
import type { Stage } from "./stages.ts";

const PROBE = ["/usr/bin/perl", "/opt/nemoclaw/guest/probe.pl"];

const GROUPS = {
  files: FILE_PROBES,
  processes: PROCESS_PROBES,
  kernel: KERNEL_PROBES,
  network: NETWORK_PROBES,
};

/** All probes over one driver. */
export function isolationSuite(stage: Stage): void {
  describe(`isolation, ${stage.name}`, () => {
    let host: Host;
    let box: SandboxInfo;
    let other: SandboxInfo;
    const fill = new Map<string, string>();
    const closers: (() => void)[] = [];
    const answers = new Map<Probe, string>();
    const dialled = { control: () => 0, egress: () => 0 };

    before(async () => {
      host = await stage.host();
      await host.start();
      box = await host.sandbox("a", { memoryBytes: 128 << 20 });
      other = await host.sandbox("b");
      writeFileSync(join(host.homeOf(other), "secret"), "b's own", { mode: 0o666 });
      const control = await listenUnix(host.paths.controlSocket(box.runName));
      const egress = await listenUnix(host.paths.egressSocket(box.runName));
      const abstract = `nc-${process.pid}`;
      const hidden = await listenUnix(`\0${abstract}`);
      const tcp = createServer();
      await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
      closers.push(control.close, egress.close, hidden.close, () => tcp.close());
      Object.assign(dialled, { control: control.connections, egress: egress.connections });
      for (const path of [host.paths.controlSocket(box.runName), host.paths.egressSocket(box.runName)]) {
        chownSync(path, box.uid, box.uid);
      }
      fill.set("$otherHome", host.homeOf(other));
      fill.set("$ownHome", host.homeOf(box));
      fill.set("$installation", host.home);
      fill.set("$launcherPid", String(host.process?.pid));
      const first = await host.run(box, "guest", "/usr/bin/cut", "-d ", "-f1", "/proc/1/task/1/children");
      assert.match(first.out, /^\d+\n$/);
      fill.set("$guest", first.out.trim());
      fill.set("$abstract", abstract);
      fill.set("$hostPort", String((tcp.address() as { port: number }).port));
      await probe();
    });

    /** All probes by one agent, one process each: what each printed, in order. */
    async function probe(): Promise<void> {
      const quoted = (word: string | number) => {
        let text = String(word);
        for (const [name, value] of fill) text = text.replaceAll(name, value);
        return `'${text.replaceAll("'", "'\\\\''")}'`;
      };
      const probes = Object.values(GROUPS).flat();
      const script = probes.map(
        ({ try: attempt }) => `echo; ${PROBE.join(" ")} ${attempt.map(quoted).join(" ")}`,
      );
      const { out } = await host.run(box, "agent", "/bin/sh", "-c", `${script.join("\n")}\necho`);
      const printed = out.split(/\n\n|^\n/).slice(1);
      assert.equal(printed.length, probes.length + 1, out);
      probes.forEach((each, i) => void answers.set(each, (printed[i] ?? "").trim()));
    }

    after(async () => {
      for (const close of closers) close();
      await host.dispose();
    });

    for (const [group, probes] of Object.entries(GROUPS)) {
      for (const probe of probes) {
        test(`${group}: ${probe.name} is refused`, () => {
          const answer = answers.get(probe) ?? "nothing";
          assert.ok(probe.expect.includes(answer), `answered ${answer}, wanted ${probe.expect}`);
        });
      }
    }

    test("neither of the two sockets was reached by any probe", () => {
      assert.equal(dialled.control() + dialled.egress(), 0);
    });

    test("the guest does reach both sockets", async () => {
      for (const path of ["/run/nemoclaw/control/control.sock", "/run/nemoclaw/egress/egress.sock"]) {
        const { out } = await host.run(box, "guest", ...PROBE, "connect", "1", "1", path);
        assert.equal(out.trim(), "done");
      }
      assert.equal(dialled.control(), 1);
      assert.equal(dialled.egress(), 1);
    });

    test("what agents need works: home, /tmp, loopback, socket pairs, node", async () => {
      const agent = (...attempt: string[]) => host.run(box, "agent", ...PROBE, ...attempt);
      assert.equal((await agent("write", "/home/sandbox/file")).out, "done\n");
      assert.equal((await agent("write", "/tmp/file")).out, "done\n");
      assert.equal((await agent("write", "/dev/shm/file")).out, "done\n");
      assert.equal((await agent("write", "/dev/null")).out, "done\n");
      assert.equal((await agent("loopback")).out, "done\n");
      assert.equal((await agent("pair")).out, "done\n");
      const script =
        "console.log(os.networkInterfaces().lo.length > 0, process.getuid(), os.userInfo().username)";
      const node = await host.run(box, "agent", "node", "-e", script);
      assert.equal(node.out, `true ${stage.driver !== "process" ? box.uid : 1000} sandbox\n`);
    });

    test("the agent's environment holds what the guest gave it, nothing of the host", async () => {
      const { out } = await host.run(box, "agent", ...PROBE, "env");
      assert.deepEqual(out.trim().split("\n"), [
        "HOME=/home/sandbox",
        ...stage.hostName(box),
        "LANG=C.UTF-8",
        "PATH=/opt/node/bin:/usr/bin:/bin",
        ...stage.workingDirectory,
        "SBX_INSIDE=1",
        ...stage.engineMarks,
      ]);
    });

    test("PID 1's environment and command line hold nothing of the host", () => {
      const environment = readFileSync(`/proc/${box.pid}/environ`, "utf8").split("\0").filter(Boolean).sort();
      assert.deepEqual(environment, [
        "HOME=/home/sandbox",
        ...stage.hostName(box),
        "LANG=C.UTF-8",
        "PATH=/opt/node/bin:/usr/bin:/bin",
        ...stage.workingDirectory,
        ...stage.engineMarks,
      ]);
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${box.pid}/status`, "utf8"))?.[1];
      const around = readFileSync(`/proc/${parent}/environ`, "utf8"); // bubblewrap's own, or containerd's shim
      assert.ok(stage.driver !== "process" ? !around.includes("canary-3141592") : around === "");
      assert.ok(!readFileSync(`/proc/${parent}/cmdline`, "utf8").includes(host.home));
      assert.ok(
        readFileSync(`/proc/${host.process?.pid}/environ`, "utf8").includes("canary-3141592"),
        "the test's own",
      );
    });

    test("the agent has three file descriptors", async () => {
      assert.equal((await host.run(box, "agent", ...PROBE, "fds")).out.trim(), "0 1 2");
    });

    test("no rights are left, filters are on, cores are off", async () => {
      const { out } = await host.run(
        box,
        "agent",
        "/bin/sh",
        "-c",
        "cat /proc/self/status; ulimit -Hc; ulimit -Sc",
      );
      assert.match(out, /^CapInh:\s+0+$/m);
      assert.match(out, /^CapPrm:\s+0+$/m);
      assert.match(out, /^CapEff:\s+0+$/m);
      assert.match(out, /^CapBnd:\s+0+$/m);
      assert.match(out, /^NoNewPrivs:\s+1$/m);
      assert.match(out, /^Seccomp_filters:\s+2$/m);
      assert.match(out, /\n0\n0\n$/);
    });
  });
}

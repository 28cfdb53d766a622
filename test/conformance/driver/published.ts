/**
 * The isolation cases that NVIDIA publishes for OpenShell and NemoClaw, played over our drivers. Names are theirs (e2e of
 * OpenShell: `test_sandbox_landlock.py`, `e2e/rust/tests`; of NemoClaw: messaging-providers M1–M4).
 */
import assert from "node:assert/strict";
import { chownSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import { type Host, specOf } from "../../sandbox/harness.ts";
import type { Stage } from "./stages.ts";

/** In the launcher's environment (harness): worth stealing, and nowhere inside. */
const CANARY = "canary-3141592";

/** All cases over one driver. */
export function publishedSuite(stage: Stage): void {
  describe(`published cases, ${stage.name}`, () => {
    let host: Host;
    let box: SandboxInfo;
    const sh = (script: string, as: "agent" | "guest" = "agent") =>
      host.run(box, as, "/bin/sh", "-c", script);

    before(async () => {
      host = await stage.host();
      await host.start();
      box = await host.sandbox("n");
    });
    after(() => host.dispose());

    test("landlock: writing to a read-only path is blocked", async () => {
      const { code, out } = await sh("echo x > /usr/bin/x; echo x > /etc/x; echo x > /opt/openclaw/x");
      assert.notEqual(code, 0);
      assert.equal(out.match(/Permission denied|Read-only file system/g)?.length, 3, out);
    });

    test("landlock: writing to a read-write path works", async () => {
      assert.equal((await sh("echo ok > ~/x && cat ~/x && echo ok > /tmp/x && cat /tmp/x")).out, "ok\nok\n");
    });

    test("landlock: reading a read-only path works", async () => {
      const { code, out } = await sh("head -c 4 /usr/bin/env | tail -c 3; cat /etc/passwd");
      assert.equal(code, 0);
      assert.match(out, /^ELFsandbox:/);
    });

    test("landlock: access outside the policy is blocked", async () => {
      const { out } = await sh("ls /; ls /run; ls /run/nemoclaw/egress; ls /sys; cat /run/nemoclaw/log");
      assert.equal(out.match(/Permission denied|No such file/g)?.length, 5, out);
    });

    test("landlock: even the user's own file outside the policy is blocked", async () => {
      const file = join(host.paths.controlDir(box.runName), "own");
      writeFileSync(file, "readable by its owner", { mode: 0o600 });
      chownSync(file, box.uid, box.uid);
      const read = "stat -c %u /run/nemoclaw/control/own; cat /run/nemoclaw/control/own";
      assert.match((await sh(read)).out, /cat: .*Permission denied/);
      assert.match((await sh(read, "guest")).out, /^\d+\nreadable by its owner$/);
    });

    test("bypass_attempt_is_rejected_fast: without the proxy's variables, by a raw address, within 3 s", async () => {
      const script = `
        for (const name of Object.keys(process.env)) if (/proxy/i.test(name)) delete process.env[name];
        const began = performance.now();
        const tries = [["1.1.1.1", 443], ["169.254.169.254", 80], ["192.168.0.1", 22], ["2606:4700::1111", 443]];
        const results = await Promise.all(tries.map(([host, port]) => new Promise((done) => {
          const socket = net.connect(port, host, () => done("CONNECTED"));
          socket.on("error", (error) => done(error.code));
        })));
        results.push(await fetch("http://example.com").then(() => "FETCHED", (error) => error.cause.code));
        console.log(JSON.stringify({ results, ms: performance.now() - began }));`;
      const { out } = await host.run(
        box,
        "agent",
        "node",
        "--input-type=module",
        "-e",
        `import net from "node:net";${script}`,
      );
      const { results, ms } = JSON.parse(out) as { results: string[]; ms: number };
      for (const result of results) assert.match(result, /^(ENETUNREACH|EADDRNOTAVAIL|EAI_AGAIN|ENOTFOUND)$/);
      assert.ok(ms < 3_000, `${ms} ms`);
    });

    test("sandbox_processes_disable_core_dumps", async () => {
      assert.equal((await sh("ulimit -Sc; ulimit -Hc")).out, "0\n0\n");
      assert.equal((await sh("ulimit -Sc; ulimit -Hc", "guest")).out, "0\n0\n", "the guest's neither");
      assert.match((await sh("ulimit -c unlimited")).out, /not permitted|cannot modify|error setting/i);
    });

    test("credentials M1: not in the environment", async () => {
      const { out } = await sh("env; cat /proc/self/environ; cat /run/nemoclaw/config/sandbox.json");
      assert.match(out, /PATH=/);
      assert.ok(!out.includes(CANARY));
    });

    test("credentials M2: not in the process list", async () => {
      const { out } = await sh(
        "cat /proc/[0-9]*/environ /proc/[0-9]*/comm 2>/dev/null | tr '\\0' '\\n'; ls /proc",
        "guest",
      );
      assert.match(out, /HOME=\/home\/sandbox/);
      assert.ok(!out.includes(CANARY));
    });

    test("credentials M3: not in any command line", async () => {
      const { out } = await sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", "guest");
      assert.match(out, /init\.pl/);
      assert.ok(!out.includes(CANARY));
    });

    test("credentials M4: not in the file system", async () => {
      // Split, or it would find its own command line. What it can find is shown by a file of its own.
      const [head, tail] = [CANARY.slice(0, 6), CANARY.slice(6)];
      const grep = `echo probe-${tail} > ~/probe; grep -rlsF "$(printf %s%s`;
      const where = "/home /etc /run /tmp /opt/nemoclaw /dev/shm /var 2>/dev/null; true";
      assert.equal((await sh(`${grep} probe- ${tail})" ${where}`, "guest")).out, "/home/sandbox/probe\n");
      assert.equal((await sh(`${grep} ${head} ${tail})" ${where}`, "guest")).out, "");
    });

    test("sandbox_stop_start_preserves_workspace", async () => {
      await sh("mkdir -p ~/workspace && echo kept > ~/workspace/file && echo gone > /tmp/file");
      const bootId = box.bootId;
      await host.client.stop(box.id, "");
      box = await host.client.start(box.id);
      assert.notEqual(box.bootId, bootId);
      assert.equal((await sh("cat ~/workspace/file; ls /tmp")).out, "kept\n");
    });

    test("canonical main's exit ends the sandbox and says so", async () => {
      process.kill(box.pid, "SIGKILL");
      let info = await host.client.inspect(box.id);
      for (let i = 0; i < 60 && info?.state !== "stopped"; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        info = await host.client.inspect(box.id);
      }
      assert.deepEqual([info?.state, info?.lastStop, info?.pid], ["stopped", "exit", 0]);
    });

    test("sandbox_can_be_deleted_while_stopped", async () => {
      const spec = specOf("m");
      const made = await host.client.create(spec);
      await host.client.start(spec.id);
      await host.client.stop(spec.id, "");
      await host.client.destroy(spec.id);
      assert.equal(await host.client.inspect(spec.id), undefined);
      for (const path of [host.paths.user(spec.id).dir, host.paths.controlDir(made.runName)])
        assert.ok(!existsSync(path), path);
    });
  });
}

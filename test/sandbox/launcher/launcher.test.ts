/** The launcher as a process: roles, adoption after kill -9, sockets handed over, one at a time. */
import assert from "node:assert/strict";
import {
  chownSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";
import { Host, listenUnix, NODE_PACKAGE, RUN_AS, specOf, until } from "../harness.ts";

const alive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

/** One raw request on a socket. */
function ask(path: string, line: string): Promise<{ ok: boolean; error?: { code: string } }> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.setEncoding("utf8").once("data", (text: string) => {
      socket.destroy();
      resolve(JSON.parse(text));
    });
    socket.on("error", reject);
  });
}

describe("launcher", () => {
  let host: Host;
  before(async () => {
    host = new Host(RUN_AS[0] ?? "user");
    await host.start();
  });
  after(() => host.dispose());

  test("every layer is reported, parking too", () => {
    const names = host.layers.map((layer) => layer.name);
    for (const name of [
      "namespaces",
      "no-network",
      "seccomp",
      "landlock",
      "disk-limit",
      "uid-separation",
      "parking",
    ]) {
      assert.ok(names.includes(name), name);
    }
    for (const layer of host.layers)
      if (layer.required) assert.ok(layer.active, `${layer.name}: ${layer.detail}`);
  });

  test("sockets belong to their role alone", () => {
    const { workerSocket, gatewaySocket, operatorSocket } = host.paths.launcher;
    for (const path of [workerSocket, gatewaySocket, operatorSocket]) {
      const { mode, uid } = statSync(path);
      assert.equal(mode & 0o777, 0o600);
      assert.equal(uid, host.uid);
    }
  });

  test("what a role may not do, and what nobody can ask, is refused", async () => {
    const { gatewaySocket, workerSocket, operatorSocket } = host.paths.launcher;
    const id = specOf("z").id;
    const code = async (path: string, request: unknown) =>
      (
        await ask(
          path,
          typeof request === "string" ? request : JSON.stringify({ id: 7, ...(request as object) }),
        )
      ).error?.code;
    assert.equal(await code(gatewaySocket, { op: "start", sandboxId: id }), "launcher-forbidden");
    assert.equal(await code(gatewaySocket, { op: "create", spec: specOf("z") }), "launcher-forbidden");
    assert.equal(await code(workerSocket, { op: "destroy", sandboxId: id }), "launcher-forbidden");
    assert.equal(await code(operatorSocket, { op: "handOver", sandboxId: id }), "launcher-forbidden");
    assert.equal(await code(operatorSocket, { op: "exec", command: "id" }), "launcher-bad-request");
    assert.equal(await code(operatorSocket, { op: "start", sandboxId: "../../etc" }), "launcher-bad-request");
    assert.equal(
      await code(operatorSocket, { op: "start", sandboxId: id, extra: 1 }),
      "launcher-bad-request",
    );
    assert.equal(await code(operatorSocket, "{"), "launcher-bad-request");
    assert.equal(await code(operatorSocket, { op: "start", sandboxId: id }), "sandbox-unknown");
  });

  test("nobody gets a sandbox above root's ceiling, nor more of them than there may be", async () => {
    const ceiling = specOf("q").limits;
    const small = new Host(RUN_AS[0] ?? "user", { ceiling: { ...ceiling, cpus: 1 }, most: 2 });
    try {
      await small.start();
      const worker = new LauncherClient({ socket: small.paths.launcher.workerSocket });
      const code = (error: unknown) => (error as { code: string }).code;
      const above = (limit: string) => (error: Error) =>
        code(error) === "sandbox-above-ceiling" && error.message.startsWith(`${limit}: `);
      for (const limit of ["memoryBytes", "pids", "diskBytes", "inodes"] as const) {
        const asked = { cpus: 1, [limit]: ceiling[limit] + 1 };
        await assert.rejects(worker.create(specOf("q", asked)), above(limit));
      }
      for (const cpus of [0, 1.5]) await assert.rejects(worker.create(specOf("q", { cpus })), above("cpus"));
      // At once: none slips through while another is made.
      const made = await Promise.allSettled(
        ["q", "r", "s", "t"].map((x) => worker.create(specOf(x, { cpus: 1 }))),
      );
      const refused = made.flatMap((one) => (one.status === "rejected" ? [code(one.reason)] : []));
      assert.deepEqual(refused, ["sandbox-too-many", "sandbox-too-many"]);
      await worker.create(specOf("q", { cpus: 1 }));
      worker.close();
      for (const letter of ["q", "r"]) await small.client.destroy(specOf(letter).id);
    } finally {
      await small.remove();
    }
  });

  test("a second launcher on one home is refused", async () => {
    await assert.rejects(host.startAnother(), /launcher-running/);
  });

  test("a socket is handed to its sandbox; a link or a file in its place is not", async () => {
    const info = await host.client.create(specOf("h"));
    const client = new LauncherClient({ socket: host.paths.launcher.gatewaySocket });
    const path = host.paths.egressSocket(info.runName);
    const code = (error: unknown) => (error as { code: string }).code;
    await assert.rejects(client.handOver(info.id), (e) => code(e) === "launcher-no-socket");
    const victim = join(host.home, "victim");
    writeFileSync(victim, "", { mode: 0o644 });
    symlinkSync(victim, path);
    await assert.rejects(client.handOver(info.id), (e) => code(e) === "launcher-not-a-socket");
    unlinkSync(path);
    writeFileSync(path, "");
    await assert.rejects(client.handOver(info.id), (e) => code(e) === "launcher-not-a-socket");
    unlinkSync(path);
    assert.equal(statSync(victim).mode & 0o777, 0o644);
    const server = await listenUnix(path);
    await client.handOver(info.id);
    await client.handOver(info.id);
    const { uid, mode } = statSync(path);
    assert.deepEqual([uid, mode & 0o777], [info.uid, 0o600]);
    server.close();
    client.close();
    await host.client.destroy(info.id);
    assert.ok(!existsSync(host.paths.egressDir(info.runName)), "its directory is gone with it");
  });
});

test("an ordinary user without a delegated group: said, not hidden, and still capped in processes", async () => {
  const host = new Host("user", {}, false);
  try {
    await host.start();
    const missing = host.layers.filter((layer) => layer.required && !layer.active);
    assert.deepEqual(missing.map((layer) => layer.name).sort(), ["memory-cap", "pids-cap"]);
    assert.match(missing[0]?.fix ?? "", /NEMOCLAW_CGROUP/);
    const info = await host.sandbox("u", { pids: 40 });
    const { out } = await host.run(
      info,
      "agent",
      "/usr/bin/perl",
      "/opt/nemoclaw/guest/probe.pl",
      "forks",
      "200",
    );
    assert.ok(Number(out) < 40, out);
    assert.ok((await host.client.stats(info.id)).memoryBytes > 0);
  } finally {
    await host.dispose();
  }
});

test("a host that can't make sandboxes says what is missing", async () => {
  const project = { node: NODE_PACKAGE, runtime: "/nonexistent", guest: "/nonexistent" };
  const host = new Host("user", { project });
  await assert.rejects(host.start(), /sandbox-incomplete.*\/nonexistent\/init.pl is missing/s);
  await host.remove();
});

for (const as of RUN_AS) {
  describe(`adoption of what bubblewrap made, service run as ${as}`, () => {
    let host: Host;
    before(() => {
      host = new Host(as);
    });
    after(() => host.dispose());
    afterEach(() => host.kill());

    test("killing bubblewrap's process outside ends nothing", async () => {
      await host.start();
      const info = await host.sandbox("g");
      const monitor = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${info.pid}/status`, "utf8"))?.[1]);
      assert.match(readFileSync(`/proc/${monitor}/cmdline`, "utf8"), /bwrap/);
      process.kill(monitor, "SIGKILL");
      await until(() => !alive(monitor), 3_000, "it is gone");
      assert.equal((await host.run(info, "agent", "/bin/echo", "here")).out, "here\n");
      assert.equal((await host.client.inspect(info.id))?.state, "running");
      process.kill(info.pid, "SIGKILL");
      let state: string | undefined = "running";
      for (let i = 0; i < 60 && state !== "stopped"; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        state = (await host.client.inspect(info.id))?.state;
      }
      assert.equal(state, "stopped", "its own death is noticed all the same");
    });

    test("a launcher that dies just before it lets a sandbox go leaves nothing running", async () => {
      await host.start();
      const info = await host.sandbox("d");
      await host.client.stop(info.id, "");
      await host.kill();
      await host.start({ NEMOCLAW_FAILPOINT: "launcher.start@2" }); // the self-test is the first
      const lost = host.client.start(info.id);
      lost.catch(() => {});
      await until(() => host.process?.signalCode === "SIGKILL", 10_000, "the failpoint kills the launcher");
      const record = JSON.parse(readFileSync(join(host.paths.launcher.records, `${info.id}.json`), "utf8"));
      assert.ok(record.pid > 0 && record.state === "running", "it had been recorded");
      await until(() => !alive(record.pid), 3_000, "the waiting sandbox ends by itself");
      await host.start();
      assert.equal((await lost).state, "running");
    });

    test("a second sandbox on one home is impossible, even when its record is lost", async () => {
      await host.start();
      const info = await host.sandbox("e");
      await host.kill();
      const record = join(host.paths.launcher.records, `${info.id}.json`);
      const text = readFileSync(record);
      rmSync(record);
      await host.start();
      await host.client.create(specOf("e"));
      await assert.rejects(
        host.client.start(info.id),
        (error) => (error as { code: string }).code === "sandbox-home-locked",
      );
      assert.ok(alive(info.pid));
      await host.kill();
      writeFileSync(record, text);
      chownSync(record, host.uid, host.uid);
      await host.start();
      assert.equal((await host.client.inspect(info.id))?.pid, info.pid);
      assert.equal((await host.client.stop(info.id, "")).lastStop, "asked");
      assert.ok(!alive(info.pid));
      assert.equal((await host.client.start(info.id)).state, "running");
    });
  });
}

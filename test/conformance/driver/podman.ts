/** What only Podman has: a cage that its service must describe and the kernel confirm, and a service that dies. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { Podman } from "../../helpers/podman.ts";
import { Host, until } from "../../sandbox/harness.ts";
import { thePodman } from "./stages.ts";

/** See the file's header. */
export function podmanSuite(): void {
  describe("podman only", () => {
    let podman: Podman;
    let host: Host;
    before(async () => {
      podman = await thePodman();
      host = new Host("root", { driver: "docker", docker: { socket: podman.socket, engine: "podman" } });
    });
    after(() => host.dispose());
    afterEach(() => host.kill());

    test("the service describes a cage, and the kernel agrees", async () => {
      await host.start();
      const info = await host.sandbox("a", { memoryBytes: 200 << 20, pids: 50, cpus: 0.5 });
      const [{ Id = "" } = {}] = await podman.docker.listContainers();
      const { HostConfig, State } = await podman.docker.getContainer(Id).inspect();
      assert.equal(State.Pid, info.pid);
      const { NetworkMode, Privileged, ReadonlyRootfs, Memory, PidsLimit } = HostConfig;
      assert.deepEqual(
        { NetworkMode, Privileged, ReadonlyRootfs, Memory, PidsLimit },
        { NetworkMode: "none", Privileged: false, ReadonlyRootfs: true, Memory: 200 << 20, PidsLimit: 50 },
      );
      const status = readFileSync(`/proc/${info.pid}/status`, "utf8");
      for (const line of [/^CapEff:\s*0+$/m, /^CapBnd:\s*0+$/m, /^NoNewPrivs:\s*1$/m, /^Seccomp:\s*2$/m])
        assert.match(status, line);
      assert.match(status, new RegExp(`^Uid:\\s*${info.uid}\\s`, "m"));
    });

    test("its service is killed: the agent goes on, and the next service and launcher know it", async () => {
      await host.start();
      const info = await host.sandbox("k");
      const count = () => readFileSync(join(host.homeOf(info), "count"), "utf8").length;
      host.launch(info, "agent", ["/bin/sh", "-c", "while :; do printf x >> count; sleep 0.05; done"]);
      await until(
        () => existsSync(join(host.homeOf(info), "count")) && count() > 2,
        5_000,
        "the agent counts",
      );
      await podman.end("SIGKILL");
      const then = count();
      await until(() => count() > then + 5, 5_000, "it counts on without a service");
      await podman.start();
      await host.kill();
      await host.start();
      const now = await host.client.inspect(info.id);
      assert.deepEqual([now?.state, now?.pid, now?.bootId], ["running", info.pid, info.bootId]);
    });

    test("a Podman where Docker was meant is refused by name", async () => {
      const other = new Host("root", { driver: "docker", docker: { socket: podman.socket } });
      await assert.rejects(other.start(), /docker-other-engine.*is Podman/s);
      await other.remove();
    });
  });
}

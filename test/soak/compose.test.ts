/**
 * docker-compose.yml for real: the service's image built from this folder, every process a container, a question answered
 * by an agent in a container of its own, and restarts that leave it running. The daemon, the base image (from this
 * machine's packages) and the home are the test's own. Nothing is pulled.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ConsoleClient, consoleClient } from "../../src/bridges/console/index.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { Daemon } from "../../src/sandbox/docker/daemon.ts";
import { buildFromHost } from "../../src/sandbox/docker/image.ts";
import { agentImage } from "../../src/sandbox/docker/image-name.ts";
import { Dockerd, noDockerd } from "../helpers/dockerd.ts";
import { furnishedHome, waitUntil } from "../helpers/service.ts";

const ROOT = join(import.meta.dirname, "../..");
const BASE = "nemoclaw-test-base:1";
const noCompose =
  spawnSync("docker-compose", ["--version"]).status === 0 ? undefined : "docker-compose is not installed";
const skip = noDockerd() ?? noCompose ?? false;

describe("docker-compose up", { skip }, () => {
  let daemon: Dockerd;
  let home: string;
  let chat: ConsoleClient;

  const compose = (...args: string[]) => {
    const files = ["-f", join(ROOT, "docker-compose.yml"), "-f", join(daemon.dir, "no-network.yml")];
    return execFileSync("docker-compose", ["--project-name", "nctest", ...files, ...args], {
      env: {
        ...{ PATH: process.env["PATH"], HOME: daemon.dir, DOCKER_HOST: `unix://${daemon.socket}` },
        ...{ NEMOCLAW_HOME: home, NEMOCLAW_DOCKER_SOCKET: daemon.socket },
        ...{ DOCKER_BUILDKIT: "0", COMPOSE_DOCKER_CLI_BUILD: "0" },
      },
      encoding: "utf8",
      stdio: "pipe",
    });
  };
  const sandboxes = () => daemon.docker.listContainers({ filters: { label: ["ai.nemoclaw.role=sandbox"] } });

  before(async () => {
    daemon = new Dockerd();
    await daemon.start();
    home = await furnishedHome();
    // The test's daemon has no way out; the demo model needs none.
    const offline = { prepare: { network_mode: "none" }, gateway: { network_mode: "none" } };
    writeFileSync(join(daemon.dir, "no-network.yml"), JSON.stringify({ version: "3.8", services: offline }));
    const engine = new Daemon(daemon.socket);
    await buildFromHost(engine, BASE, process.execPath, ["redis-server", "redis-tools"]);
    // The base has no package database, of which the launcher could make the sandboxes' image.
    await buildFromHost(engine, agentImage(), process.execPath);
    compose("build", "--build-arg", `BASE=${BASE}`);
  });
  after(async () => {
    for (const { Id } of await sandboxes()) await daemon.docker.getContainer(Id).remove({ force: true });
    compose("down", "--timeout", "5");
    await daemon.remove();
    rmSync(home, { recursive: true, force: true });
  });

  test("every process is healthy, and a question is answered by an agent in a container", async () => {
    compose("up", "--detach");
    chat = consoleClient(pathsOf(home).consoleSocket);
    const answer = await chat.ask("What is 2+2?", { timeoutMs: 90_000 });
    assert.match(JSON.stringify(answer), /2\+2 = 4/);
    assert.equal((await sandboxes()).length, 1);
    await waitUntil(
      async () =>
        (await daemon.docker.listContainers()).every(({ Status }) => !/unhealthy|starting/.test(Status)),
      60_000,
      () => "not all are healthy",
    );
  });

  test("each sees its own secrets only; Docker's socket is the launcher's alone", async () => {
    assert.equal(compose("exec", "-T", "launcher", "ls", "-A", `${home}/secrets`).trim(), "");
    for (const name of ["gateway", "worker", "console", "access", "redis"]) {
      const look = `ls -d ${home}/secrets/* 2>/dev/null; ls -d ${home}/users /var/run/docker.sock 2>/dev/null; true`;
      const seen = compose("exec", "-T", name, "sh", "-c", look).trim().split("\n").filter(Boolean);
      assert.deepEqual(seen, [`${home}/secrets/${name}`], name);
    }
  });

  test("restarting launcher, worker and gateway leaves the agent running", async () => {
    const [first] = await sandboxes();
    assert.ok(first);
    const pid = async () => (await daemon.docker.getContainer(first.Id).inspect()).State.Pid;
    const before = await pid();
    compose("restart", "--timeout", "30", "launcher", "worker", "gateway");
    assert.match(JSON.stringify(await chat.ask("What is 3+4?", { timeoutMs: 90_000 })), /3\+4 = 7/);
    assert.equal(await pid(), before);
  });
});

/** What an operator reads when Docker isn't there, is shut, is elsewhere, or will not do. A fake engine says what a real one would. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Daemon, socketPath } from "../../../src/sandbox/docker/daemon.ts";
import { daemonFault } from "../../../src/sandbox/docker/faults.ts";

const dir = mkdtempSync("/tmp/nd");
const socket = join(dir, "docker.sock");
const engine = {
  version: { Version: "20.10.24", ApiVersion: "1.41", Os: "linux" } as Record<string, unknown>,
  info: { SecurityOptions: ["name=seccomp,profile=default"], CgroupVersion: "2" } as Record<string, unknown>,
};
let server: Server;

before(async () => {
  server = createServer((request, response) => {
    const asked = /^\/v1\.(\d+)\//.exec(request.url ?? "")?.[1];
    const oldest = String(engine.version["MinAPIVersion"] ?? "1.12").slice(2);
    if (asked !== undefined && (asked < oldest || asked > String(engine.version["ApiVersion"]).slice(2))) {
      response.statusCode = 400;
      return void response.end(
        JSON.stringify({ message: `client version 1.${asked} is too old or too new` }),
      );
    }
    const answer = request.url?.endsWith("/version") ? engine.version : engine.info;
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
after(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const rejects = (daemon: Daemon, code: string, message: RegExp, hint: RegExp) =>
  assert.rejects(daemon.inspect(), (error: Error & { code: string; hint: string }) => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.hint, hint);
    return true;
  });

test("a good engine is described", async () => {
  assert.deepEqual(await new Daemon(socket).inspect(), {
    ...{ version: "20.10.24", cgroups: "2", remapsUsers: false, liveRestore: false, systemd: false },
  });
});

test("an engine that has dropped the version that we were written for is spoken to in the oldest that it speaks", async () => {
  const old = { ...engine.version };
  Object.assign(engine.version, { Version: "29.1.2", ApiVersion: "1.52", MinAPIVersion: "1.44" });
  assert.equal((await new Daemon(socket).inspect()).version, "29.1.2");
  engine.version = old;
});

test("Podman where Docker was meant, and the other way round: refused, with the setting", async (t) => {
  await rejects(
    new Daemon(socket, "podman"),
    "docker-other-engine",
    /is Docker/,
    /leave sandbox.docker.engine/,
  );
  engine.version["Components"] = [{ Name: "Podman Engine" }];
  t.after(() => delete engine.version["Components"]);
  await rejects(new Daemon(socket), "docker-other-engine", /is Podman/, /sandbox\.docker\.engine: podman/);
  assert.equal((await new Daemon(socket, "podman").inspect()).version, "20.10.24");
});

test("no daemon: where it was looked for, and how to name another", async () => {
  await rejects(
    new Daemon(join(dir, "none")),
    "docker-no-daemon",
    /none \(no such file\)/,
    /NEMOCLAW_DOCKER_SOCKET/,
  );
  writeFileSync(join(dir, "file"), "");
  await rejects(new Daemon(join(dir, "file")), "docker-no-daemon", /file/, /systemctl start docker/);
});

test("no permission: the group, and what that group means", () => {
  const fault = daemonFault(Object.assign(new Error("connect EACCES"), { code: "EACCES" }), socket, "do it");
  assert.equal(fault.code, "docker-no-permission");
  assert.match(fault.hint ?? "", /as good as root/);
});

test("a daemon elsewhere is refused: files and sockets are here", () => {
  assert.throws(() => socketPath("tcp://10.0.0.1:2375"), /need a daemon on this machine/);
  assert.throws(() => socketPath("ssh://host"), /this machine/);
  assert.equal(socketPath("unix:///run/x.sock"), "/run/x.sock");
  assert.equal(socketPath(undefined), "/var/run/docker.sock");
});

test("too old, of another system, rootless, without seccomp: said", async (t) => {
  const good = structuredClone(engine);
  t.afterEach(() => void Object.assign(engine, structuredClone(good)));
  const daemon = new Daemon(socket);
  await t.test("too old", () => {
    engine.version["ApiVersion"] = "1.40";
    return rejects(daemon, "docker-unsuitable", /too old/, /20\.10/);
  });
  await t.test("windows", () => {
    engine.version["Os"] = "windows";
    return rejects(daemon, "docker-unsuitable", /windows containers/, /Linux/);
  });
  await t.test("rootless", () => {
    engine.info["SecurityOptions"] = ["name=seccomp", "name=rootless"];
    return rejects(daemon, "docker-unsuitable", /rootless/, /--driver process/);
  });
  await t.test("no seccomp", () => {
    engine.info["SecurityOptions"] = [];
    return rejects(daemon, "docker-unsuitable", /no seccomp/, /CONFIG_SECCOMP/);
  });
});

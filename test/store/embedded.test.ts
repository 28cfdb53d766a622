import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { Fault } from "../../src/lib/errors.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { openStore, startEmbeddedRedis } from "../../src/store/index.ts";
import { silent, startTestRedis } from "../helpers/redis.ts";
import { message } from "./events.ts";

const redis = await startTestRedis();
const paths = pathsOf(redis.home);
const options = { paths, aclFile: redis.acl, supervisor: redis.users.supervisor, logger: silent };
const fault = (code: string) => (e: unknown) => e instanceof Fault && e.code === code;
after(() => redis.stop());

test("no port, a private socket, every write fsynced, no RDB", async () => {
  const get = async (name: string) => ((await redis.send("admin", "CONFIG", "GET", name)) as string[])[1];
  assert.deepEqual(
    await Promise.all(
      ["port", "appendonly", "appendfsync", "maxmemory-policy", "save", "databases"].map(get),
    ),
    ["0", "yes", "always", "noeviction", "", "1"],
  );
  assert.equal(statSync(paths.redis.socket).mode & 0o777, 0o600);
  assert.equal(statSync(paths.redis.dir).mode & 0o777, 0o700);
  assert.equal(statSync(paths.redis.aclFile).mode & 0o777, 0o600);
  assert.ok(!readdirSync(paths.redis.dir).some((name) => name.endsWith(".rdb")));
});

test("its command line and environment hold no secret", () => {
  const seen = ["cmdline", "environ"].map((f) => readFileSync(`/proc/${redis.pid()}/${f}`, "utf8")).join();
  for (const { password } of Object.values(redis.users)) assert.ok(!seen.includes(password));
});

test("it runs in a session of its own, so that it outlives who started it", () => {
  const stat = readFileSync(`/proc/${redis.pid()}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  assert.equal(Number(stat[3]), redis.pid(), "session leader");
});

test("a second start adopts the running one and gives it the present aclfile", async () => {
  const second = await startEmbeddedRedis({
    ...options,
    aclFile: redis.acl.replace(/^user worker .*$/m, (line) => `${line} +strlen`),
  });
  assert.deepEqual([second.adopted, second.pid], [true, redis.pid()]);
  await assert
    .rejects(redis.send("worker", "STRLEN", "nc:{c:console.x}:state"), /WRONGTYPE|x^/)
    .catch(() => {});
  assert.equal(await redis.send("worker", "STRLEN", "nc:{c:console.nothing}:state"), 0);
});

test("two servers on one append-only file are impossible", async () => {
  // The socket is gone but the server isn't: as after a clean-up of the run directory.
  const lost = { ...paths, redis: { ...paths.redis, socket: join(redis.home, "run/redis/other.sock") } };
  const flock = spawnSync("flock", ["-n", join(paths.redis.dir, "lock"), "true"]);
  assert.equal(flock.status, 1, "the server itself holds the lock");
  const pids = () => spawnSync("pgrep", ["-f", `dir ${paths.redis.dir}`], { encoding: "utf8" }).stdout.trim();
  const before = pids();
  const attempt = startEmbeddedRedis({ ...options, paths: lost, startMs: 500 });
  await assert.rejects(attempt, fault("redis-locked"));
  assert.equal(pids(), before);
});

test("the lock lives and dies with the server, not with who started it", async () => {
  await redis.kill9();
  assert.equal(spawnSync("flock", ["-n", join(paths.redis.dir, "lock"), "true"]).status, 0);
  await redis.restart();
  assert.equal(spawnSync("flock", ["-n", join(paths.redis.dir, "lock"), "true"]).status, 1);
});

test("a server of another directory on our socket is not adopted", async () => {
  const foreign = { redis: { ...paths.redis, dir: join(redis.home, "elsewhere") } };
  await assert.rejects(startEmbeddedRedis({ ...options, paths: foreign }), fault("redis-foreign"));
  // Nor if it held our lock: its own word on its directory counts.
  const lock = spawn("flock", [join(foreign.redis.dir, "lock"), "sleep", "60"], { stdio: "ignore" });
  for (
    let i = 0;
    i < 100 && spawnSync("flock", ["-n", join(foreign.redis.dir, "lock"), "true"]).status === 0;
    i++
  );
  await assert.rejects(startEmbeddedRedis({ ...options, paths: foreign }), fault("redis-foreign"));
  lock.kill();
});

test("missing and old programs are named, with what to install", async () => {
  const free = pathsOf(join(redis.home, "h2"));
  const start = (program: string) => startEmbeddedRedis({ ...options, paths: free, program });
  await assert.rejects(start("/nonexistent/redis-server"), (e) => {
    assert.ok(e instanceof Fault && e.code === "redis-missing");
    return /apt-get install redis-server/.test(e.hint ?? "");
  });
  const old = join(redis.home, "old-redis");
  writeFileSync(old, "#!/bin/sh\necho Redis server v=6.0.16 sha=0\n", { mode: 0o755 });
  await assert.rejects(start(old), fault("redis-old"));
});

test("a server that can't start says why", async () => {
  const broken = pathsOf(join(redis.home, "h3"));
  await assert.rejects(
    startEmbeddedRedis({ ...options, paths: broken, aclFile: "user x on +nonsense\n" }),
    (e) => e instanceof Fault && e.code === "redis-start" && /nonsense|ACL/.test(e.message),
  );
});

test("stop ends it cleanly, and its data is there at the next start", async () => {
  const home = pathsOf(join(redis.home, "h4"));
  const mine = { ...options, paths: home };
  const server = await startEmbeddedRedis(mine);
  const store = openStore({
    socketPath: server.socketPath,
    ...redis.users["bridge-console"],
    hostId: "h",
    logger: silent,
  });
  await store.ready();
  const event = message("kept", "hello");
  await store.ingress("console").accept(event);
  await server.stop();
  assert.equal(
    spawnSync("flock", ["-n", join(home.redis.dir, "lock"), "true"]).status,
    0,
    "nobody holds the data",
  );
  const again = await startEmbeddedRedis(mine);
  assert.equal(again.adopted, false);
  await store.ready();
  assert.equal((await store.ingress("console").accept(event)).duplicate, true);
  await store.close();
  await again.stop();
});

test("settings that could lose messages are refused, each named with its fix", async () => {
  const supervisor = redis.store("supervisor");
  await supervisor.ready();
  assert.deepEqual(await supervisor.durabilityProblems(false), []);
  const wrong: [setting: string, bad: string, good: string][] = [
    ["appendonly", "no", "yes"],
    ["appendfsync", "everysec", "always"],
    ["maxmemory-policy", "allkeys-lru", "noeviction"],
  ];
  for (const [setting, bad] of wrong) await redis.send("admin", "CONFIG", "SET", setting, bad);
  const problems = await supervisor.durabilityProblems(false);
  assert.equal(problems.length, 3);
  for (const [i, [setting, bad, good]] of wrong.entries()) {
    assert.match(problems[i] ?? "", new RegExp(`^${setting} is "${bad}": set it to "${good}"`));
  }
  await assert.rejects(supervisor.prepare(false), fault("redis-durability"));
  await assert.rejects(startEmbeddedRedis(options), fault("redis-durability"), "not adopted either");

  // Where CONFIG is forbidden (here: for the worker), what INFO tells is still judged; the rest must be asserted.
  const noConfig = redis.store("worker");
  assert.match(
    (await noConfig.durabilityProblems(false)).join(),
    /appendfsync can't be read.*redis\.durability: asserted/,
  );
  for (const [setting, , good] of wrong) await redis.send("admin", "CONFIG", "SET", setting, good);
  assert.equal((await noConfig.durabilityProblems(false)).length, 1);
  assert.deepEqual(await noConfig.durabilityProblems(true), []);
});

test("as root: the server runs as its own user, the socket is the group's", {
  skip: process.getuid?.() !== 0 && "needs root",
}, async () => {
  const base = join(redis.home, "h5");
  mkdirSync(base, { mode: 0o711 });
  spawnSync("chmod", ["711", redis.home]);
  const home = pathsOf(base);
  const server = await startEmbeddedRedis({ ...options, paths: home, uid: 64_901, gid: 64_902 });
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  assert.match(status, /^Uid:\t64901\t64901\t64901\t64901$/m);
  assert.match(status, /^Gid:\t64902\t/m);
  assert.match(status, /^Groups:\s*(64902 ?)?$/m);
  const socket = statSync(home.redis.socket);
  assert.deepEqual([socket.mode & 0o777, socket.uid, socket.gid], [0o770, 64_901, 64_902]);
  assert.equal(statSync(dirname(home.redis.socket)).mode & 0o777, 0o750);
  await server.stop();
});

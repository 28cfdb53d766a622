/** The operator's policy file: in force within a second of each change, harmless when broken, never taken in twice. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PolicyFile } from "../../../src/gateway/policy/live/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { connect } from "./helpers.ts";
import { ANN, AUTHOR, allowing, type Gate, gate, scratch, until } from "./live-kit.ts";

let redis: TestRedis;
let dir: ReturnType<typeof scratch>;
let gates: Gate[] = [];
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());
beforeEach(async () => {
  dir = scratch();
  await redis.send("admin", "DEL", "nc:{p:default}:policy", `nc:{p:${ANN}}:policy`);
});
afterEach(async () => {
  await Promise.all(gates.map(({ book }) => book.close()));
  gates = [];
  dir.remove();
});

/** A gateway that watches the file, as run.ts wires it. */
async function watching(hostId = "host1", required = false): Promise<Gate & { file: PolicyFile }> {
  const started = await gate(redis, hostId);
  gates.push(started);
  const file = new PolicyFile({
    path: dir.file("policy.yaml"),
    required,
    hostId,
    desk: started.desk,
    logger: silent,
  });
  await file.check();
  started.book.alsoPoll(() => file.check());
  await started.book.loaded(ANN);
  return { ...started, file };
}
const write = (text: string) => writeFileSync(dir.file("policy.yaml"), text);
const allows = ({ book }: Gate, host: string) =>
  connect(book.open(ANN).current().policy, `${host}.example.com:443`).verdict === "allow";

describe("the operator's policy file", () => {
  it("is in force from the start, and each change within a second", async () => {
    write(allowing("a.example.com"));
    const gateway = await watching();
    assert.equal(allows(gateway, "a"), true);
    for (const host of ["b", "c"]) {
      write(allowing(`${host}.example.com`));
      await until(() => allows(gateway, host), 1_000);
      assert.equal(allows(gateway, "a"), false);
    }
    const revision = await gateway.store.get("default");
    assert.deepEqual([revision?.number, revision?.by], [3, "file host1"]);
  });
  it("may be replaced as editors do it, by a rename or a link", async () => {
    const gateway = await watching();
    writeFileSync(dir.file("new.yaml"), allowing("a.example.com"));
    renameSync(dir.file("new.yaml"), dir.file("policy.yaml"));
    await until(() => allows(gateway, "a"), 1_000);
    mkdirSync(dir.file("v2"));
    writeFileSync(dir.file("v2/p.yaml"), allowing("b.example.com"));
    symlinkSync("v2/p.yaml", dir.file("link"));
    renameSync(dir.file("link"), dir.file("policy.yaml"));
    await until(() => allows(gateway, "b"), 1_000);
  });
  it("sys-24: changes nothing while it is broken, says file:line:col, and recovers", async () => {
    write(allowing("a.example.com"));
    const gateway = await watching();
    write("egress:\n  allowed:\n    - { host: b.example.com, port: 443 }\n  allowd: []\n");
    await until(() => gateway.file.trouble !== "", 1_000);
    assert.equal(gateway.file.trouble, `${dir.file("policy.yaml")}:4:3: unknown key \`allowd\` in egress`);
    assert.deepEqual([allows(gateway, "a"), allows(gateway, "b")], [true, false]);
    write(allowing("a.example.com"));
    await until(() => gateway.file.trouble === "", 1_000);
    assert.equal((await gateway.store.list("default")).length, 1, "what it says is in force already");
    write("version: 1\nfilesystem_policy: { read_write: [/sandbox] }\n");
    await until(() => /filesystem_policy: \/tmp is writable/.test(gateway.file.trouble), 1_000);
    assert.equal(allows(gateway, "a"), true);
  });
  it("is taken in once: a rollback and a restart keep what the operator chose last", async () => {
    write(allowing("a.example.com"));
    const gateway = await watching();
    write(allowing("b.example.com"));
    await until(() => allows(gateway, "b"), 1_000);
    await gateway.desk.rollback("default", 1, AUTHOR);
    await sleep(1_000);
    assert.equal(allows(gateway, "a"), true);
    await gateway.book.close();
    const again = await watching();
    assert.deepEqual([allows(again, "a"), allows(again, "b")], [true, false]);
    write(allowing("c.example.com"));
    await until(() => allows(again, "c"), 1_000);
  });
  it("of another host counts too, the last change wins", async () => {
    write(allowing("a.example.com"));
    const [one, two] = [await watching("host1"), await watching("host2")];
    assert.equal((await one.store.list("default")).length, 1, "both say the same");
    await two.desk.set("default", { name: "p", text: allowing("z.example.com") }, AUTHOR);
    await until(() => allows(one, "z"), 1_000);
  });
  it("that is removed leaves its last content in force", async () => {
    write(allowing("a.example.com"));
    const gateway = await watching();
    rmSync(dir.file("policy.yaml"));
    await sleep(1_000);
    assert.deepEqual([allows(gateway, "a"), gateway.file.trouble], [true, ""]);
  });
  it("that configuration names must be there and readable", async () => {
    const gateway = await watching("host1", true);
    assert.match(gateway.file.trouble, /policy\.yaml: ENOENT/);
    mkdirSync(dir.file("policy.yaml"));
    await until(() => /EISDIR/.test(gateway.file.trouble), 1_000);
  });
});

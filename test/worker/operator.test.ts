/**
 * The operator's sockets of a real worker over the real guest program (fake agent): sandboxes listed, started and stopped,
 * programs and files with their flow control, shells that hold off a pause.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { adminCall } from "../../src/lib/admin/client.ts";
import { OPERATOR_PRINCIPAL, principalOf } from "../../src/lib/ids.ts";
import { openStream, type SandboxRow, type StreamRequest } from "../../src/worker/index.ts";
import { GuestDriver } from "./helpers/guest-driver.ts";
import { eventually, Harness } from "./helpers/harness.ts";

let h: Harness;
let driver: GuestDriver;
const me = OPERATOR_PRINCIPAL;
before(async () => {
  h = await Harness.start((paths) => {
    driver = new GuestDriver(paths);
    return driver;
  });
  await h.worker({ parkAfterMs: 1_000, stopAfterMs: 3_000 });
});
after(async () => {
  await driver.closeAll();
  await h.stop();
});

const ask = <T>(method: string, params: object = {}) =>
  adminCall<T>(h.paths.workerAdminSocket, method, params, { who: "the worker", timeoutMs: 60_000 });
const show = () => ask<SandboxRow | null>("sandbox.show", { sandbox: me });
const home = () => join(driver.dir(me), "home");
type ExecRequest = Omit<Extract<StreamRequest, { op: "exec" }>, "op" | "sandbox">;

/** Runs a program to its end. */
async function exec(argv: string[], more: Partial<ExecRequest> = {}, input?: Buffer) {
  const out: Buffer[] = [];
  const stream = openStream(
    h.paths.workerSocket,
    { op: "exec", sandbox: me, argv, ...more },
    { out: (data) => void out.push(data), err: (data) => void out.push(data) },
  );
  if (input) await stream.write(input);
  stream.send({ eof: true });
  const code = await stream.ended;
  return { code, out: Buffer.concat(out) };
}
/** A program that runs. */
function running(argv: string[], more: Partial<ExecRequest> = {}) {
  const begun = Promise.withResolvers<void>();
  let text = "";
  const say = (more: string) => {
    text += more;
  };
  const stream = openStream(
    h.paths.workerSocket,
    { op: "exec", sandbox: me, argv, ...more },
    { begun: () => begun.resolve(), out: (data) => say(data.toString()) },
  );
  stream.ended.catch(begun.reject);
  return { stream, begun: begun.promise, text: () => text };
}
async function get(path: string) {
  const out: Buffer[] = [];
  let size: number | undefined;
  const stream = openStream(
    h.paths.workerSocket,
    { op: "get", sandbox: me, path },
    {
      begun: (about) => {
        size = about.size;
      },
      out: (data) => void out.push(data),
    },
  );
  await stream.ended;
  return { bytes: Buffer.concat(out), size };
}
async function put(path: string, bytes: Buffer, mode?: number): Promise<void> {
  const stream = openStream(
    h.paths.workerSocket,
    { op: "put", sandbox: me, path, ...(mode === undefined ? {} : { mode }) },
    {},
  );
  await stream.write(bytes);
  stream.send({ eof: true });
  await stream.ended;
}
const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("sandboxes", () => {
  it("only the owner may come in; nobody's sandbox is made by mistake", async () => {
    for (const socket of [h.paths.workerSocket, h.paths.workerAdminSocket])
      assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.deepEqual(await ask("sandbox.list"), []);
    const sandbox = principalOf("console", "nobody");
    await assert.rejects(ask("sandbox.start", { sandbox }), { code: "sandbox-unknown" });
    const stream = openStream(h.paths.workerSocket, { op: "get", sandbox, path: "x" }, {});
    await assert.rejects(stream.ended, { code: "sandbox-unknown" });
    assert.deepEqual(await ask("sandbox.list"), []);
  });

  it("a cold one is started for a program, before its agent is warm", async () => {
    const { code, out } = await exec(["/bin/sh", "-c", "pwd; exit 3"]);
    assert.deepEqual([code, out.toString()], [3, `${home()}\n`]);
    const row = await show();
    assert.equal(row?.model, "demo/demo-1");
    assert.ok(["waking", "warm"].includes(row?.state ?? ""), row?.state);
    await ask("sandbox.start", { sandbox: me });
    assert.deepEqual([(await show())?.state, (await show())?.agent], ["warm", "warm"]);
  });

  it("stopped by the operator it stays so, whoever writes and whatever restarts; then it is started", async () => {
    const shell = running([], { tty: { columns: 80, rows: 24 } });
    await shell.begun;
    const lost = assert.rejects(shell.stream.ended, { code: "session-lost" });
    const row = await ask<SandboxRow>("sandbox.stop", { sandbox: me });
    assert.deepEqual([row.state, row.off], ["cold", true]);
    await lost;
    await h.closeWorkers();
    await h.worker({ parkAfterMs: 1_000, stopAfterMs: 3_000 });
    await h.bridge.ingress("console").accept({
      ...{ conversation: "console.op", bridge: "console", principal: me, updateKey: "off1" },
      ...{ deliver: { chat: "op" }, sender: { id: "op", name: "op" }, text: "wake up" },
    });
    assert.deepEqual(await h.until("op", 1), ["failed: agent-off"]);
    await assert.rejects(exec(["true"]), { code: "sandbox-stopped" });
    assert.equal((await ask<SandboxRow>("sandbox.start", { sandbox: me })).state, "warm");
    assert.equal((await exec(["/bin/true"])).code, 0);
    const { bootId } = (await driver.inspect(me)) ?? {};
    await ask("sandbox.restart", { sandbox: me });
    assert.notEqual((await driver.inspect(me))?.bootId, bootId);
  });

  it("a shell holds off parking and stopping; without it both happen", async () => {
    const shell = running([], { tty: { columns: 80, rows: 24 } });
    await shell.begun;
    await sleep(4_500);
    assert.equal((await show())?.state, "warm");
    shell.stream.send({ data: Buffer.from("exit\n").toString("base64") });
    assert.equal(await shell.stream.ended, 0);
    await eventually(async () => ["parked", "cold"].includes((await show())?.state ?? ""), 5_000);
    await eventually(async () => (await show())?.state === "cold", 8_000);
    assert.ok((await show())!.usedAt > Date.now() - 20_000);
  });
});

describe("programs", () => {
  it("input and output of 20 MB pass unchanged and soon", async () => {
    await ask("sandbox.start", { sandbox: me });
    const bytes = randomBytes(20_000_000);
    const since = performance.now();
    const { code, out } = await exec(["/bin/cat"], {}, bytes);
    assert.equal(code, 0);
    assert.equal(sha(out), sha(bytes));
    const ms = Math.round(performance.now() - since);
    console.log(`20 MB in and out of a program: ${ms} ms`);
    assert.ok(ms < 15_000, "the caps for what nobody asked for don't hold it back");
  });

  it("a reader that stops stops the program; nothing is lost and the turns of its agent go on", async () => {
    const waiting = Promise.withResolvers<void>();
    let [bytes, held] = [0, true];
    const stream = openStream(
      h.paths.workerSocket,
      { op: "exec", sandbox: me, argv: ["/bin/sh", "-c", "head -c 30000000 /dev/zero; touch ~/flooded"] },
      {
        async out(data) {
          bytes += data.length;
          if (held) await waiting.promise;
        },
      },
    );
    await sleep(700);
    assert.ok(!existsSync(join(home(), "flooded")), "the program waits");
    await h.bridge.ingress("console").accept({
      ...{ conversation: "console.op2", bridge: "console", principal: me, updateKey: "flood1" },
      ...{ deliver: { chat: "op2" }, sender: { id: "op", name: "op" }, text: "hello" },
    });
    assert.match((await h.until("op2", 1))[0] ?? "", /^final: .*hello/);
    held = false;
    waiting.resolve();
    assert.equal(await stream.ended, 0);
    assert.equal(bytes, 30_000_000);
  });

  it("ends when the operator goes away", async () => {
    const { stream, begun } = running(["/bin/sh", "-c", "touch ~/alive; sleep 60; touch ~/outlived"]);
    await begun;
    await eventually(() => existsSync(join(home(), "alive")));
    const turnsBefore = (await show())?.turns;
    stream.ended.catch(() => {});
    stream.close();
    await eventually(async () => {
      const { out } = await exec([
        "/bin/sh",
        "-c",
        "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 60'",
      ]);
      return out.toString().trim() === "0";
    });
    assert.equal(turnsBefore, 0);
  });

  it("a line that is no request, or too long, is refused and harms nobody", async () => {
    const raw = (text: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(h.paths.workerSocket);
        let said = "";
        socket.on("data", (data) => {
          said += data;
        });
        socket.on("close", () => resolve(said));
        socket.on("error", () => {});
        socket.write(text);
      });
    assert.match(await raw("nonsense\n"), /"failed":\{"code":"bad-request"/);
    assert.match(await raw('{"op":"exec","sandbox":"../x","argv":[]}\n'), /"code":"bad-params"/);
    assert.match(await raw(`{"op":"get","sandbox":"${me}","path":"../../etc/passwd"}\n`), /guest-file-error/);
    assert.equal(await raw("x".repeat(300_000)), "");
    assert.equal((await exec(["/bin/true"])).code, 0);
  });
});

describe("files", () => {
  it("there and back, byte for byte, with their permissions", async () => {
    for (const [name, size] of Object.entries({ empty: 0, one: 1, piece: 96 * 1024, large: 25_000_001 })) {
      const bytes = randomBytes(size);
      await put(`up/${name}`, bytes, 0o750);
      assert.equal(sha(readFileSync(join(home(), "up", name))), sha(bytes));
      assert.equal(statSync(join(home(), "up", name)).mode & 0o777, 0o750);
      const back = await get(`up/${name}`);
      assert.deepEqual([sha(back.bytes), back.size], [sha(bytes), size]);
    }
  });

  it("no link out of the home is followed, each way", async () => {
    writeFileSync(join(driver.dir(me), "secret"), "outside");
    symlinkSync(driver.dir(me), join(home(), "out"));
    await assert.rejects(get("out/secret"), { code: "guest-file-error" });
    await assert.rejects(put("out/planted", Buffer.from("x")), { code: "guest-file-error" });
    assert.ok(!existsSync(join(driver.dir(me), "planted")));
  });

  it("a file whose sender goes away doesn't appear", async () => {
    const stream = openStream(h.paths.workerSocket, { op: "put", sandbox: me, path: "half" }, {});
    await stream.write(randomBytes(500_000));
    await sleep(100);
    stream.ended.catch(() => {});
    stream.close();
    await sleep(200);
    assert.ok(!existsSync(join(home(), "half")));
    await eventually(() => !readdirSync(home()).some((name) => name.includes("half")), 2_000);
    const { files } = await ask<{ files: { path: string }[] }>("file.list", { sandbox: me, path: "up" });
    assert.deepEqual(
      files.map(({ path }) => path),
      ["empty", "large", "one", "piece"],
    );
  });
});

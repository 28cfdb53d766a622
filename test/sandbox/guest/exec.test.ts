/** Programs that the operator runs inside, by the real guest: input, output, terminal, windows, signals, ends. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  EXEC_CHUNK,
  EXEC_WINDOW,
  type FromGuest,
  MAX_SESSIONS,
  type ToGuest,
} from "../../../src/sandbox/guest/protocol.ts";
import { type Rig, startRig, until } from "./harness.ts";

type Exec = Extract<ToGuest, { type: "exec" }>;
let rig: Rig;
let sessions = 0;
before(async () => {
  rig = await startRig({ warm: false });
});
after(() => rig.close());

/** A session as the host has it; grants output as it comes unless told otherwise. */
class Session {
  readonly id = `s${++sessions}`;
  granting = true;
  #granted = 0;

  async open(argv: string[], more: Partial<Exec> = {}): Promise<this> {
    const ack = await rig.host.ask({ type: "exec", session: this.id, argv, ...more });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    return this;
  }
  #frames<T extends "exec.out" | "exec.took" | "exec.end">(type: T) {
    type Frame = Extract<FromGuest, { type: T }>;
    return rig.host.frames.filter(
      (f): f is Frame => f.type === type && "session" in f && f.session === this.id,
    );
  }
  bytes(stream?: number): Buffer {
    const frames = this.#frames("exec.out").filter((f) => stream === undefined || f.stream === stream);
    assert.ok(frames.every((f) => Buffer.byteLength(f.data, "base64") <= EXEC_CHUNK));
    return Buffer.concat(frames.map((f) => Buffer.from(f.data, "base64")));
  }
  get text(): string {
    return this.bytes().toString("utf8");
  }
  get taken(): number {
    return this.#frames("exec.took").reduce((sum, { bytes }) => sum + bytes, 0);
  }
  get code(): number | undefined {
    return this.#frames("exec.end")[0]?.code;
  }
  send(data: string | Buffer, eof = false): void {
    rig.host.send({ type: "exec.in", session: this.id, data: Buffer.from(data).toString("base64"), eof });
  }
  async shows(what: RegExp): Promise<RegExpExecArray> {
    return until(() => what.exec(this.text) ?? undefined, `${what}`, 10_000).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.text)}`);
    });
  }
  async end(ms = 20_000): Promise<number> {
    await until(
      () => {
        const came = this.bytes().length;
        if (this.granting && came > this.#granted) {
          rig.host.send({ type: "exec.took", session: this.id, bytes: came - this.#granted });
          this.#granted = came;
        }
        return this.code !== undefined || undefined;
      },
      `end of ${this.id}`,
      ms,
    );
    return this.code!;
  }
}
const exec = (argv: string[], more: Partial<Exec> = {}) => new Session().open(argv, more);
const sh = (script: string, more: Partial<Exec> = {}) => exec(["/bin/sh", "-c", script], more);
/** Processes that carry the session's mark. */
const left = (session: Session) =>
  readdirSync("/proc").filter((pid) => {
    try {
      const env = readFileSync(`/proc/${Number(pid)}/environ`, "latin1");
      return env.includes(`NEMOCLAW_SHELL=${rig.bootId}:${session.id}\0`);
    } catch {
      return false;
    }
  });

describe("without a terminal", () => {
  it("output, errors and status are the program's; it begins at home with a small environment", async () => {
    const session = await sh("pwd; echo bad >&2; env; exit 7", {
      env: {
        TERM: "xterm-256color",
        LD_PRELOAD: "/evil.so",
        NODE_OPTIONS: "--require=/evil",
        LANG: "de_DE.UTF-8",
      },
    });
    assert.equal(await session.end(), 7);
    const out = session.bytes(1).toString();
    assert.equal(out.split("\n")[0], rig.home);
    assert.equal(session.bytes(2).toString(), "bad\n");
    assert.match(out, /^TERM=xterm-256color$/m);
    assert.match(out, /^LANG=de_DE.UTF-8$/m);
    assert.doesNotMatch(out, /evil|NEMOCLAW_AGENT=/);
    assert.match(out, /^PATH=[^:]*guest\/shell\/bin:/m);
  });

  it("arguments arrive as they are, no shell between", async () => {
    const session = await exec(["/usr/bin/printf", "%s|", "a b", "$HOME", "*", "; id"]);
    assert.equal(await session.end(), 0);
    assert.equal(session.text, "a b|$HOME|*|; id|");
  });

  it("a signal's status is 128 and its number; a program that isn't there and a wrong directory say so", async () => {
    assert.equal(await (await sh("kill -9 $$")).end(), 137);
    const nowhere = await exec(["/bin/sh"], { cwd: "no/such" });
    assert.equal(await nowhere.end(), 126);
    assert.match(nowhere.text, /^nemoclaw: .*ENOENT/);
  });

  it("ten megabytes both ways, unchanged", async () => {
    const bytes = randomBytes(10 * 1024 * 1024);
    const session = await exec(["/bin/cat"]);
    const ended = session.end(60_000);
    for (let at = 0; at < bytes.length; at += EXEC_CHUNK) {
      await until(() => at - session.taken < EXEC_WINDOW - EXEC_CHUNK || undefined, "room", 30_000);
      session.send(bytes.subarray(at, at + EXEC_CHUNK));
    }
    session.send("", true);
    assert.equal(await ended, 0);
    const hash = (data: Buffer) => createHash("sha256").update(data).digest("hex");
    assert.equal(hash(session.bytes()), hash(bytes));
  });

  it("no more output than was granted, and then the rest", async () => {
    const session = await sh("head -c 1000000 /dev/zero; echo done");
    session.granting = false;
    await until(() => session.bytes().length >= EXEC_WINDOW || undefined, "the window's output");
    await sleep(200);
    assert.equal(session.bytes().length, EXEC_WINDOW);
    assert.equal(session.code, undefined);
    session.granting = true;
    assert.equal(await session.end(), 0);
    assert.equal(session.bytes().length, 1_000_005);
  });

  it("more input than was granted ends it", async () => {
    const session = await sh("sleep 30");
    for (let sent = 0; sent < 3 * EXEC_WINDOW; sent += EXEC_CHUNK)
      session.send(Buffer.alloc(EXEC_CHUNK, 120));
    assert.ok((await session.end()) > 128);
  });

  it("a signal reaches the program and its children", async () => {
    const session = await sh("trap 'echo caught; exit 3' INT; echo ready; sleep 30 & wait");
    await session.shows(/ready/);
    rig.host.send({ type: "exec.signal", session: session.id, signal: "SIGINT" });
    assert.equal(await session.end(), 3);
    assert.match(session.text, /caught/);
  });

  it("what it left running ends with it", async () => {
    const session = await sh("setsid sh -c 'trap \"\" HUP TERM; sleep 60' & echo started");
    assert.equal(await session.end(), 0);
    await until(() => left(session).length === 0 || undefined, "nothing left", 3_000);
  });
});

describe("with a terminal", () => {
  const tty = { columns: 100, rows: 30 };

  it("the shell: prompt, size, resize, keys, status", async () => {
    const shell = await exec([], { tty, env: { TERM: "dumb" } });
    await shell.shows(/:~[$#] $/);
    shell.send("stty size; tty\n");
    await shell.shows(/\n30 100\r\n\/dev\/pts\/\d+\r\n/);
    rig.host.send({ type: "exec.size", session: shell.id, columns: 81, rows: 25 });
    shell.send("stty size\n");
    await shell.shows(/\n25 81\r\n/);
    shell.send("sleep 60; echo not-here\n");
    await sleep(150);
    shell.send("\x03");
    shell.send("echo code=$?\n");
    await shell.shows(/\ncode=130\r\n/);
    shell.send("exit 9\n");
    assert.equal(await shell.end(), 9);
    assert.doesNotMatch(shell.text, /\nnot-here/);
  });

  it("ignores what the home says of shells", async () => {
    for (const name of [".bashrc", ".bash_profile", ".profile"])
      writeFileSync(join(rig.home, name), "echo PLANTED; PS1='sandbox@other:~$ '\n");
    const shell = await exec([], { tty });
    await shell.shows(/:~[$#] $/);
    assert.doesNotMatch(shell.text, /PLANTED|other/);
    shell.send("\x04");
    assert.equal(await shell.end(), 0);
  });

  it("closed by the host: hung up, and killed if it doesn't mind that", async () => {
    const mark = join(rig.home, "hup");
    const session = await sh(`trap 'touch ${mark}' HUP; echo ready; while :; do sleep 0.1; done`, { tty });
    await session.shows(/ready/);
    rig.host.send({ type: "exec.close", session: session.id });
    await session.end(5_000);
    assert.ok(existsSync(mark));
    assert.deepEqual(left(session), []);
  });
});

describe("sessions", () => {
  it("hold off a pause; too many are refused; all end with the connection", async () => {
    const open = await Promise.all(Array.from({ length: MAX_SESSIONS }, () => sh("sleep 60")));
    const refused = await rig.host.ask({ type: "exec", session: "more", argv: ["/bin/true"] });
    assert.ok(!refused.ok && refused.error === "busy");
    const quiesce = await rig.host.ask({ type: "quiesce" });
    assert.ok(!quiesce.ok && quiesce.error === "busy", JSON.stringify(quiesce));
    const before = rig.host.frames.length;
    rig.host.drop();
    await rig.host.hello(before);
    await until(() => open.every((one) => left(one).length === 0) || undefined, "their end", 5_000);
    const since = rig.host.frames.length;
    assert.equal((await rig.host.ask({ type: "quiesce" })).ok, true);
    await rig.host.hello(since);
  });

  it("bad commands are refused and harm nothing", async () => {
    for (const bad of [{ argv: "ls" }, { argv: ["a\0b"] }, { argv: [1] }, { argv: ["x"], session: "../x" }]) {
      const ack = await rig.host.ask({ type: "exec", session: "bad", ...bad } as never);
      assert.ok(!ack.ok && ack.error === "bad-command", JSON.stringify(bad));
    }
    rig.host.send({ type: "exec.in", session: "nobody", data: "eA==" });
    assert.equal(await (await sh("exit 4")).end(), 4);
  });
});

/** The supervisor's small parts: restart plan, log rotation, survivors, secrets, layout, drafts in a terminal. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { nameShown } from "../../src/cli/access/name.ts";
import { growth } from "../../src/cli/chat/draft.ts";
import { unreadable } from "../../src/cli/io.ts";
import { hasColor } from "../../src/cli/pretty.ts";
import { childEnvironment } from "../../src/cli/supervisor/environment.ts";
import { lockHome } from "../../src/cli/supervisor/home-lock.ts";
import { makeLayout } from "../../src/cli/supervisor/layout.ts";
import { LogFile } from "../../src/cli/supervisor/log.ts";
import { LOOP_EXITS, planRestart, SHORT_LIFE_MS } from "../../src/cli/supervisor/restart.ts";
import { readSecret, writeSecret } from "../../src/cli/supervisor/secrets.ts";
import { outlastChildren, recordChildren, startTimeOf } from "../../src/cli/supervisor/survivors.ts";
import { usersFor } from "../../src/cli/supervisor/users.ts";
import { pathsOf } from "../../src/lib/paths.ts";

const uid = process.getuid?.() ?? -1;
const gid = process.getgid?.() ?? -1;
let temp = "";
before(() => {
  temp = mkdtempSync(join(tmpdir(), "nc-"));
  chmodSync(temp, 0o755);
});
after(() => rmSync(temp, { recursive: true }));

describe("restart plan", () => {
  it("is at once first, then ever slower, with jitter, never above 30 s", () => {
    let lives = 0;
    const delays: number[] = [];
    for (let i = 0; i < 12; i++) {
      const plan = planRestart(lives, 10, 0.999_999);
      assert.equal(plan.crashLoop, i + 1 >= LOOP_EXITS);
      delays.push(plan.delayMs);
      lives = plan.shortLives;
    }
    assert.deepEqual(delays.slice(0, 5), [100, 200, 400, 800, 1_600]);
    assert.equal(delays.at(-1), 30_000);
    assert.equal(planRestart(0, 10, 0).delayMs, 50);
  });

  it("a long life wipes the slate clean", () => {
    assert.deepEqual(planRestart(9, SHORT_LIFE_MS, 0), { delayMs: 50, crashLoop: false, shortLives: 1 });
  });
});

describe("the one log", () => {
  it("joins lines that came in pieces, wraps what is no JSON without its secrets, rotates by size", () => {
    const dir = join(temp, "logs");
    mkdirSync(dir);
    const log = new LogFile(dir, 600);
    const { push, end } = log.collector("worker");
    push(Buffer.from('{"msg":"o'));
    push(Buffer.from('ne"}\nnode: fatal with sk-abcdefghijklmnopqrstuvwx\npart'));
    end();
    const lines = readFileSync(join(dir, "nemoclaw.jsonl"), "utf8").trim().split("\n");
    assert.deepEqual(JSON.parse(lines[0]!), { msg: "one" });
    const wrapped = JSON.parse(lines[1]!) as Record<string, string>;
    assert.equal(wrapped["process"], "worker");
    assert.equal(wrapped["msg"], "node: fatal with [api-key]");
    assert.equal((JSON.parse(lines[2]!) as { msg: string }).msg, "part");
    for (let i = 0; i < 60; i++) log.write(JSON.stringify({ i, pad: "x".repeat(80) }));
    const files = readdirSync(dir).sort();
    assert.equal(files.length, 6, files.join());
    for (const file of files) assert.ok(statSync(join(dir, file)).size <= 600, file);
    assert.match(readFileSync(join(dir, "nemoclaw.jsonl"), "utf8"), /"i":59/);
  });
});

describe("secrets", () => {
  it("are written 0600, replaced whole, read without following links", () => {
    const file = join(temp, "secret");
    writeSecret(file, "one", { uid, gid });
    writeSecret(file, "two", { uid, gid });
    assert.equal(readSecret(file), "two");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readSecret(join(temp, "none")), undefined);
    symlinkSync(file, join(temp, "link"));
    assert.throws(() => readSecret(join(temp, "link")), { code: "file-not-plain" });
  });

  it("in a service's own directory can't be a pipe that holds root up, a folder, or endless", () => {
    const at = (name: string) => join(temp, name);
    execFileSync("mkfifo", [at("pipe")]);
    assert.throws(() => readSecret(at("pipe")), { code: "file-not-plain" });
    mkdirSync(at("folder"));
    assert.throws(() => readSecret(at("folder")), { code: "file-not-plain" });
    writeFileSync(at("endless"), "");
    truncateSync(at("endless"), 2 ** 40);
    assert.throws(() => readSecret(at("endless")), { code: "file-too-large" });
  });

  it("a process sees a list of variables, and nothing else of the environment", () => {
    const env = {
      PATH: "/bin",
      OPENAI_API_KEY: "k",
      HTTPS_PROXY: "http://u:p@h",
      NEMOCLAW_FAILPOINT: "f",
      X: "1",
    };
    const names = (name: "worker" | "gateway") =>
      Object.keys(childEnvironment(env, pathsOf("/h"), name)).sort();
    assert.deepEqual(names("worker"), ["NEMOCLAW_FAILPOINT", "NODE_COMPILE_CACHE", "PATH"]);
    assert.deepEqual(names("gateway"), ["HTTPS_PROXY", "NEMOCLAW_FAILPOINT", "NODE_COMPILE_CACHE", "PATH"]);
  });
});

describe("home", () => {
  const users = usersFor(uid, gid);
  const root = uid === 0;

  it("has its directories with mode and owner, also when they were changed", () => {
    const home = join(temp, "home");
    const paths = makeLayout(home, users, root);
    chmodSync(paths.secrets("gateway"), 0o777);
    makeLayout(home, users, root);
    const gateway = statSync(paths.secrets("gateway"));
    assert.equal(gateway.mode & 0o777, 0o700);
    assert.equal(gateway.uid, users.gateway.uid);
    assert.equal(statSync(home).mode & 0o777, root ? 0o711 : 0o700);
    assert.equal(statSync(paths.secrets("worker")).uid, users.worker.uid);
    assert.equal(lstatSync(paths.launcher.records).mode & 0o777, 0o700);
  });

  it("refuses links where directories must be, and homes that are too long for sockets", () => {
    const home = join(temp, "linked");
    mkdirSync(home);
    symlinkSync("/etc", join(home, "secrets"));
    assert.throws(() => makeLayout(home, users, root), { code: "home-link" });
    assert.throws(() => makeLayout(join(temp, "x".repeat(80)), users, root), { code: "home-too-long" });
  });

  it("as root must be reachable for the services' users", { skip: root ? false : "needs root" }, () => {
    const closed = join(temp, "closed");
    mkdirSync(closed, { mode: 0o700 });
    assert.throws(() => makeLayout(join(closed, "home"), users, root), { code: "home-unreachable" });
  });

  it("belongs to one at a time; the lock ends with its holder", () => {
    const file = join(temp, "lock");
    const lock = lockHome(file);
    assert.throws(() => lockHome(file), { code: "home-in-use", message: new RegExp(`pid ${process.pid},`) });
    lock.release();
    lockHome(file).release();
  });
});

describe("survivors of a killed supervisor", () => {
  it("are waited for, and killed when they stay; another process with that pid is not touched", async () => {
    const file = join(temp, "children.json");
    const stays = spawn("sleep", ["60"], { stdio: "ignore" });
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    try {
      recordChildren(file, [{ name: "worker", pid: stays.pid! }]);
      const [record] = JSON.parse(readFileSync(file, "utf8")) as { startTime: string }[];
      const stale = { name: "gateway", pid: other.pid, startTime: String(Number(record!.startTime) - 1) };
      writeFileSync(file, JSON.stringify([record, stale]));
      const gone = new Promise((resolve) => stays.once("exit", resolve));
      assert.deepEqual(await outlastChildren(file, 100), ["worker"]);
      await gone;
      assert.ok(startTimeOf(other.pid!), "not ours, still there");
      assert.deepEqual(await outlastChildren(file, 100), []);
      assert.deepEqual(await outlastChildren(join(temp, "none.json"), 100), []);
    } finally {
      other.kill();
    }
  });
});

describe("a growing draft", () => {
  it("prints what is new, and a rewritten text whole", () => {
    const printed = { text: "" };
    assert.equal(growth(printed, "Hel"), "Hel");
    assert.equal(growth(printed, "Hello"), "lo");
    assert.equal(growth(printed, "Hello"), "");
    assert.equal(growth(printed, "Bye"), "\nBye");
  });
});

describe("a process that has no settings yet", () => {
  it("ends at once when it is told to, and when its supervisor is gone", async () => {
    for (const how of ["drain", "disconnect"]) {
      const program = join(import.meta.dirname, "../../src/cli/service.ts");
      const child = spawn(process.execPath, [program, "console", "/nonexistent"], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
      // It listens when it answers.
      const answered = new Promise((resolve) => child.once("message", resolve));
      child.send({ type: "ping", n: 1 });
      await answered;
      if (how === "drain") child.send({ type: "drain", hurry: false });
      else child.disconnect();
      const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
      assert.equal(await ended, 0, how);
      clearTimeout(late);
    }
  });
});

describe("log lines in a terminal", () => {
  it("have colours there, but not with NO_COLOR, nor in a file", () => {
    assert.equal(hasColor({ isTTY: true }, {}), true);
    assert.equal(hasColor({ isTTY: true }, { NO_COLOR: "1" }), false);
    assert.equal(hasColor({}, {}), false);
  });
});

describe("a file that was named and can't be read", () => {
  it("is said in words: not there, a folder, anything else", () => {
    const why = (path: string) => {
      try {
        readFileSync(path);
        throw new Error("it was read");
      } catch (cause) {
        return unreadable(path, cause);
      }
    };
    const missing = join(temp, "no-such");
    assert.equal(why(missing).message, `there is no file ${missing}`);
    assert.equal(why(temp).message, `${temp} is a folder, not a file`);
    assert.equal(why(temp).code, "usage");
    assert.equal(unreadable("x", new Error("odd")).message, "can't read x: odd");
  });
});

describe("names of people", () => {
  it("stand there in their own script, and steer no terminal", () => {
    assert.equal(nameShown("Иван 李"), "“Иван 李”");
    assert.equal(nameShown("a\u001b[2Jb\u202e"), "“a\\u{1b}[2Jb\\u{202e}”");
    assert.equal(nameShown(""), "(no name)");
  });
});

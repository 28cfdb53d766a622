/**
 * `nemoclaw NAME …` as people type it, against the whole service with the fake agent: shells in a real terminal (tmux),
 * programs, files, life cycle, and what is said when nothing runs.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { startService, type TestService, waitUntil } from "../helpers/service.ts";
import { hostShell } from "../helpers/shell.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const BIN = join(ROOT, "bin", "nemoclaw");
let service: TestService;
let dir: string;
before(async () => {
  dir = mkdtempSync("/tmp/nc-files-");
  service = await startService({ config: { worker: { profile: { limits: { memoryBytes: 1_536 << 20 } } } } });
});
after(async () => {
  await service?.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Run {
  code: number | null;
  out: Buffer;
  text: string;
  err: string;
}

/** Types a command; without a terminal. */
function nemoclaw(args: string[], input?: Buffer | string, home = service.home): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: dir,
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home, HOME: dir, LANG: "C.UTF-8" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const out: Buffer[] = [];
    let err = "";
    child.stdout.on("data", (data: Buffer) => out.push(data));
    child.stderr.on("data", (data: Buffer) => {
      err += data.toString("utf8");
    });
    child.stdin.on("error", () => {}); // it may not read
    child.stdin.end(input ?? "");
    child.on("close", (code) => {
      const all = Buffer.concat(out);
      resolve({ code, out: all, text: all.toString("utf8"), err });
    });
  });
}
const mine = (...args: string[]) => nemoclaw(["my-agent", ...args]);
const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("programs", () => {
  it("a cold sandbox is started for it; output, errors and status are the program's", async () => {
    const { code, text, err } = await mine("exec", "--", "sh", "-c", "id -un; pwd; echo bad >&2; exit 42");
    assert.deepEqual([code, text], [42, "sandbox\n/home/sandbox\n"]);
    assert.equal(err, "Starting my-agent…\nbad\n");
  });

  it("arguments and input arrive as they are", async () => {
    const { text } = await mine("exec", "--", "printf", "%s|", "a b", "$HOME", "--tty", "-x", "; id");
    assert.equal(text, "a b|$HOME|--tty|-x|; id|");
    const bytes = randomBytes(3_000_000);
    const piped = await nemoclaw(["my-agent", "exec", "-w", "workspace", "--", "tee", "copy.bin"], bytes);
    assert.equal(piped.code, 0, piped.err);
    assert.equal(sha(piped.out), sha(bytes));
    assert.equal((await mine("exec", "--", "stat", "-c", "%s", "workspace/copy.bin")).text, "3000000\n");
  });

  it("--timeout ends it with 124; nobody's sandbox, no program: said in one line", async () => {
    const late = await mine("exec", "--timeout", "0.7", "--", "sleep", "30");
    assert.deepEqual([late.code, late.text, late.err], [124, "", ""]);
    assert.equal((await mine("exec", "--", "no-such-program")).code, 127);
    const nobody = await nemoclaw(["my-agnet", "exec", "--", "true"]);
    assert.equal(nobody.code, 2);
    assert.match(nobody.err, /Did you mean my-agent\?/);
    const shell = await mine("connect");
    assert.equal(shell.code, 2);
    assert.match(shell.err, /a terminal is needed/);
  });

  it("agent: one question, answered", async () => {
    const { code, text, err } = await mine("agent", "--local", "-m", "What is 2+2?");
    assert.equal(code, 0, err + text);
    assert.match(text, /What is 2\+2\?|4/);
    assert.match((await mine("agent")).err, /nothing to say/);
  });
});

describe("the way out", () => {
  it("what a shell's program wants to reach is asked, and answered by the operator", async () => {
    const script =
      "fetch('https://api.example.com/').catch((e) => console.log(String(e.cause?.message ?? e)))";
    const asking = mine("exec", "--", "/opt/node/bin/node", "-e", script);
    let listed = "";
    for (let i = 0; i < 100 && !/api\.example\.com:443/.test(listed); i++) {
      await sleep(100);
      listed = (await nemoclaw(["approvals", "list"])).text;
    }
    const id = /\ba_[a-z0-9]+/.exec(listed)?.[0] ?? "";
    assert.notEqual(id, "", listed);
    const denied = await nemoclaw(["approvals", "deny", id]);
    assert.equal(denied.code, 0, denied.err + denied.text);
    assert.match((await asking).text, /403|Proxy response|cancelled/);
  });
});

describe("connect", () => {
  it("the guide's prompt, a real terminal that follows its size, and the host's own back as it was", async () => {
    const terminal = hostShell(
      service.home,
      "nemoclaw my-agent connect; echo left=$?; stty -a | grep -o -- '-\\?icanon'",
    );
    try {
      await terminal.shows(/^sandbox@my-agent:~\$$/m);
      terminal.line("stty size; echo $TERM");
      await terminal.shows(/^30 100\n(screen|tmux)/m);
      terminal.resize(81, 25);
      await sleep(300);
      terminal.line("clear; stty size");
      await terminal.shows(/^25 81$/m);
      terminal.line("sleep 100");
      await sleep(300);
      terminal.press("C-c");
      terminal.line("echo code=$?");
      await terminal.shows(/^code=130$/m);
      terminal.line("cd workspace && type openclaw");
      await terminal.shows(
        /openclaw is \/opt\/nemoclaw\/guest\/shell\/bin\/openclaw\nsandbox@my-agent:~\/workspace\$$/m,
      );
      terminal.line("exit 3");
      await terminal.shows(/^left=3\nicanon$/m);
    } finally {
      terminal.close();
    }
  });

  it("lost: said, the terminal is mended; a way out of one that hangs", async () => {
    const terminal = hostShell(
      service.home,
      "nemoclaw my-agent; echo left=$?; stty -a | grep -o -- '-\\?icanon'",
    );
    try {
      await terminal.shows(/sandbox@my-agent:~\$$/m);
      await service.kill("worker");
      await terminal.shows(/nemoclaw: the (worker|sandbox) .*\n[\s\S]*left=1\nicanon$/m);
      terminal.line("clear; nemoclaw my-agent connect; echo again=$?");
      await terminal.shows(/sandbox@my-agent:~\$$/m, 30_000);
      terminal.line("cat");
      await sleep(300);
      terminal.type("\n~.");
      await terminal.shows(/again=0$/m);
    } finally {
      terminal.close();
    }
  });
});

describe("files", () => {
  it("up and down again, a tree with its permissions, links left out", async () => {
    const tree = join(dir, "tree");
    mkdirSync(join(tree, "deep/er"), { recursive: true });
    const files = {
      "a.bin": randomBytes(1_000_000),
      "deep/er/ünï €.txt": Buffer.from("hi"),
      "deep/empty": Buffer.alloc(0),
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(tree, name), bytes);
    writeFileSync(join(tree, "run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    symlinkSync("/etc/passwd", join(tree, "link"));
    const up = await mine("upload", "tree", "workspace/");
    assert.equal(up.text, "  ✓ 4 files, 1000 KB → ~/workspace/tree\n", up.err);
    assert.match(up.err, /left out .*link/);
    assert.equal((await mine("exec", "--", "workspace/tree/run.sh")).text, "ran\n");
    await mine("exec", "--", "ln", "-s", "/etc/passwd", "workspace/tree/planted");
    const down = await mine("download", "~/workspace/tree", "back");
    assert.equal(down.code, 0, down.err);
    assert.match(down.err, /left out .*planted/);
    for (const [name, bytes] of Object.entries(files))
      assert.equal(sha(readFileSync(join(dir, "back", name))), sha(bytes), name);
    assert.equal(statSync(join(dir, "back/run.sh")).mode & 0o777, 0o755);
    assert.ok(!existsSync(join(dir, "back/planted")));
  });

  it("one file, to a name of its own and into a directory; what isn't there or is outside", async () => {
    writeFileSync(join(dir, "one.txt"), "one");
    assert.match((await mine("upload", "one.txt", "notes/first.txt")).text, /~\/notes\/first.txt/);
    assert.match((await mine("upload", "one.txt", "notes")).text, /~\/notes\/one.txt/);
    mkdirSync(join(dir, "into"));
    const down = await mine("download", "/home/sandbox/notes/first.txt", "into");
    assert.equal(down.code, 0, down.err);
    assert.equal(readFileSync(join(dir, "into/first.txt"), "utf8"), "one");
    for (const [args, code, what] of [
      [["download", "no/such"], 1, /ENOENT|no such/],
      [["upload", "no-such"], 2, /there is no file no-such/],
      [["upload", "one.txt", "/etc/x"], 2, /outside of the sandbox's home/],
      [["download", "../../etc/passwd"], 2, /outside of the sandbox's home/],
    ] as const) {
      const run = await mine(...args);
      assert.equal(run.code, code, run.err);
      assert.match(run.err, what);
      assert.doesNotMatch(run.err, /\n\s+at /, "no stack");
    }
  });
});

describe("state", () => {
  it("status in the known shape, and as JSON", async () => {
    const { text, code } = await mine("status");
    assert.equal(code, 0);
    assert.match(
      text,
      /^\n {2}Sandbox: my-agent\n {4}Model: {4}demo-1\n {4}Provider: demo\n {4}GPU: {6}no\n {4}Policies: /,
    );
    assert.match(text, /\n {4}State: {4}(warm|waking|parked)\n {4}Memory: {3}\d+ MB of 1.5 GB/);
    const json = JSON.parse((await mine("status", "--json")).text);
    assert.deepEqual(
      [json.schemaVersion, json.name, json.found, json.model, json.stopped, json.running],
      [1, "my-agent", true, "demo-1", false, true],
    );
  });

  it("logs of this sandbox only, the last, the young", async () => {
    await service.ask("hello");
    const { text } = await mine("logs", "--json");
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.ok(lines.some(({ msg }) => msg === "turn settled"));
    assert.ok(
      lines.some(({ process: who }) => who === "guest"),
      "what the guest says too",
    );
    assert.ok(!lines.some(({ msg }) => msg === "worker is ready"));
    assert.equal((await mine("logs", "--json", "--tail", "3")).text.trim().split("\n").length, 3);
    const since = (await mine("logs", "--json", "--since", "1h")).text.trim().split("\n").length;
    assert.ok(since >= lines.length);
    assert.equal((await mine("logs", "--since", "soon")).code, 2);
    const follow = spawn(process.execPath, [BIN, "my-agent", "logs", "--json", "--follow", "--tail", "1"], {
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: service.home },
    });
    let said = "";
    follow.stdout.on("data", (data) => {
      said += data;
    });
    await waitUntil(
      () => said !== "",
      20_000,
      () => "no line of before",
    );
    said = "";
    await service.ask("again");
    await waitUntil(
      () => said.includes("turn settled"),
      20_000,
      () => said,
    );
    follow.kill();
  });

  it("stop keeps it stopped, start and restart bring it back with its files", async () => {
    assert.equal((await mine("stop")).text, "  ✓ Sandbox 'my-agent' stopped\n");
    assert.match((await mine("status")).text, /State: {4}stopped/);
    const refused = await mine("exec", "--", "true");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /this sandbox is stopped/);
    assert.equal((await mine("start")).text, "  ✓ Sandbox 'my-agent' started\n");
    assert.equal((await mine("exec", "--", "cat", "notes/first.txt")).text, "one");
    assert.equal((await mine("restart")).code, 0);
    assert.match(JSON.stringify(await service.ask("still there?")), /still there/);
  });

  it("snapshots: what was is back, what came later is gone, nothing special comes with it", async () => {
    assert.match((await mine("snapshot", "list")).text, /No snapshots/);
    await mine(
      ...["exec", "--", "sh", "-c"],
      "mkdir -p s/closed && echo old > s/a && ln -s /etc/passwd s/link && ln s/a s/hard && mkfifo s/pipe" +
        " && echo x > s/su && chmod 4755 s/su && echo in > s/closed/f && chmod 000 s/closed",
    );
    const made = await mine("snapshot", "create", "--name", "first");
    assert.match(made.text, /✓ Snapshot v1 of 'my-agent' created/, made.err);
    await mine("exec", "--", "sh", "-c", "echo new > s/a; echo more > s/later; rm s/link");
    const asked = await mine("snapshot", "restore", "first");
    assert.equal(asked.code, 2, "nobody to ask");
    const back = await mine("snapshot", "restore", "first", "--yes");
    assert.match(back.text, /is as in v1; what it was before is v2/, back.err);
    const script =
      "cat s/a s/hard; readlink s/link; ls s; stat -c '%a %n' s/su s/closed; chmod 700 s/closed; cat s/closed/f";
    const seen = (await mine("exec", "--", "sh", "-c", script)).text;
    assert.equal(seen, "old\nold\n/etc/passwd\na\nclosed\nhard\nlink\nsu\n755 s/su\n0 s/closed\nin\n");
    assert.equal((await mine("exec", "--", "cat", "notes/first.txt")).text, "one");
    const list = JSON.parse((await mine("snapshot", "list", "--json")).text);
    assert.deepEqual(
      list.map(({ version, name }: { version: number; name: string }) => [version, name]),
      [
        [1, "first"],
        [2, "before-v1"],
      ],
    );
    const dir = join(service.home, "snapshots", OPERATOR_PRINCIPAL);
    writeFileSync(join(dir, "v1.tar.gz"), "changed");
    const damaged = await mine("snapshot", "restore", "v1", "--yes");
    assert.equal(damaged.code, 1);
    assert.match(damaged.err, /damaged or was changed/);
    assert.match(
      (await mine("snapshot", "restore", "v9", "--yes")).err,
      /has no snapshot v9\n {2}→ there are: v1, v2/,
    );
  });

  it("destroy asks, then everything is gone, and another begins afresh", async () => {
    const allowed = async () => (await mine("policy-list")).text;
    const before = await allowed();
    assert.equal((await mine("policy-add", "github")).code, 0);
    assert.notEqual(await allowed(), before);
    const asked = await mine("destroy");
    assert.equal(asked.code, 2);
    assert.match(asked.err, /--yes/);
    const gone = await mine("delete", "--yes");
    assert.equal(gone.text, "  ✓ Sandbox 'my-agent' destroyed\n", gone.err);
    assert.deepEqual(await service.sandboxes(), []);
    assert.ok(!existsSync(join(service.home, "snapshots", OPERATOR_PRINCIPAL)));
    assert.equal(await allowed(), before, "what it was allowed went with it");
    assert.equal((await mine("exec", "--", "ls", "notes")).code, 2, "ls finds nothing");
  });
});

describe("with nothing running", () => {
  it("says so, in one line, with the right code; status and logs tell what the disk knows", async () => {
    const home = mkdtempSync("/tmp/nc-off-");
    try {
      for (const args of [
        ["exec", "--", "true"],
        ["start"],
        ["stop"],
        ["upload", "one.txt"],
        ["destroy", "--yes"],
      ]) {
        const run = await nemoclaw(["my-agent", ...args], "", home);
        assert.equal(run.code, 3, `${args.join(" ")}: ${run.err}`);
        assert.match(
          run.err,
          /not running on this home\n {2}→ start it with: nemoclaw start\n {2}\(looked in \/.+\)\n$/,
        );
      }
      const status = await nemoclaw(["my-agent", "status"], "", home);
      assert.equal(status.code, 0);
      assert.match(status.text, /State: {4}not started yet/);
      assert.match(status.err, /not running on this home/);
      assert.equal((await nemoclaw(["my-agent", "logs"], "", home)).code, 1);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
});

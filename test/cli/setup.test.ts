/** What happens before Node 24 runs: re-execution, signals, exit codes, what is missing and what is said about it. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };

/** The system's own Node, as a stranger has it: outside this project's node_modules. */
const systemNode = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "node"))
  .find((path) => existsSync(path) && !path.includes("node_modules"));

let temp = "";
before(() => {
  temp = mkdtempSync(join(tmpdir(), "nc-set-"));
});
after(() => rmSync(temp, { recursive: true }));

/** Runs a script of ours; without ambient settings. */
function run(args: string[], env: Record<string, string | undefined> = {}, node = process.execPath) {
  return spawnSync(node, args, {
    cwd: ROOT,
    env: { PATH: process.env["PATH"], NEMOCLAW_HOME: join(temp, "home"), ...env },
    encoding: "utf8",
    timeout: 60_000,
  });
}

/** A PATH that holds these programs and nothing else; a text is a shell script. */
function pathWith(name: string, programs: Record<string, string | true>): string {
  const folder = join(temp, name);
  mkdirSync(folder, { recursive: true });
  for (const [program, script] of Object.entries(programs)) {
    if (script === true)
      symlinkSync(spawnSync("which", [program], { encoding: "utf8" }).stdout.trim(), join(folder, program));
    else {
      writeFileSync(join(folder, program), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, program), 0o755);
    }
  }
  return folder;
}

describe("bin", () => {
  for (const name of ["nemoclaw", "openshell"]) {
    it(`${name} --version`, () => {
      const { stdout, status } = run([join(ROOT, "bin", name), "--version"]);
      assert.deepEqual([stdout, status], [`${version}\n`, 0]);
    });

    it(`${name} --help has examples`, () => {
      assert.match(run([join(ROOT, "bin", name), "--help"]).stdout, /Examples:\n {2}\w/);
    });
  }

  it("runs on the system's own Node", { skip: systemNode ? false : "no other Node on PATH" }, () => {
    const { stdout, status } = run([join(ROOT, "bin", "nemoclaw"), "--version"], {}, systemNode);
    assert.deepEqual([stdout, status], [`${version}\n`, 0]);
  });

  const wrong: [args: string[], status: number, stderr: RegExp][] = [
    [["stauts"], 2, /unknown command 'stauts'\n\(Did you mean status\?\)/],
    [["status", "--jsno"], 2, /unknown option '--jsno'\n\(Did you mean --json\?\)/],
    [["logs", "--tail", "many"], 2, /expected a number of lines/],
    [["start", "--driver", "vm"], 2, /Allowed choices are process, docker/],
    [["start", "discord"], 2, /"discord" can't be started by itself/],
    [["start", "--once", " "], 2, /the question is empty/],
    [["start", "--port", "99999"], 2, /expected a port, 0 to 65535/],
    [["start", "telegram-bridge"], 1, /needs a bot token[\s\S]*@BotFather/],
    [["status"], 3, /is not running on this home[\s\S]*nemoclaw start/],
    [["stop"], 3, /is not running on this home/],
    [["logs"], 1, /there are no logs to read/],
  ];
  for (const [args, status, stderr] of wrong)
    it(`nemoclaw ${args.join(" ")} ends with ${status} and says why`, () => {
      const home = mkdtempSync(join(tmpdir(), "nc-"));
      try {
        const result = run([join(ROOT, "bin", "nemoclaw"), ...args], { NEMOCLAW_HOME: home });
        assert.equal(result.status, status, result.stderr);
        assert.match(result.stderr, stderr);
        assert.doesNotMatch(result.stderr, /^\s+at /m, "no stack");
      } finally {
        rmSync(home, { recursive: true });
      }
    });

  it("says what the system refuses without a stack: a home that is a file", () => {
    const dir = mkdtempSync(join(tmpdir(), "nc-"));
    const home = join(dir, "home");
    writeFileSync(home, "");
    try {
      for (const args of [["start", "--detach"], ["doctor"], ["use", "my-agent"]]) {
        const { status, stdout, stderr } = run([join(ROOT, "bin", "nemoclaw"), ...args], {
          NEMOCLAW_HOME: home,
        });
        assert.equal(status, 1, `${args.join(" ")}: ${stderr}`);
        assert.match(stdout + stderr, /ENOTDIR|EEXIST/);
        assert.doesNotMatch(stderr, /^\s+at /m, "no stack");
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("prints the table of time limits", () => {
    const { stdout } = run([join(ROOT, "bin", "nemoclaw"), "status", "--timeouts"]);
    assert.match(stdout, /^ {2}turn +15 min$/m);
    assert.match(stdout, /^ {2}lease +3 s$/m);
  });
});

describe("a stand-in for a program", () => {
  // The way of Node 20, which has no execve: tested with it taken away.
  const program = `delete process.execve;
    const { become } = await import(${JSON.stringify(join(ROOT, "scripts/lib/run.mjs"))});
    await become("/bin/sh", ["-c", process.argv[1]]);`;

  it("ends with the program's exit code", () => {
    assert.equal(run(["--input-type=module", "-e", program, "exit 42"]).status, 42);
  });

  it("ends by the signal that ended the program", () => {
    assert.equal(run(["--input-type=module", "-e", program, "kill -KILL $$"]).signal, "SIGKILL");
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    it(`passes ${signal} on`, async () => {
      const script = `trap 'echo got; exit 7' ${signal.slice(3)}; echo up; while :; do sleep 0.05; done`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program, script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let seen = "";
      child.stdout.on("data", (chunk: Buffer) => {
        seen += chunk.toString();
        if (seen === "up\n") child.kill(signal);
      });
      const code = await new Promise((resolve) => child.once("exit", resolve));
      child.stdout.destroy(); // A program that was left behind holds it open: that is a failure, not a test without end.
      assert.deepEqual([seen, code], ["up\ngot\n", 7]);
    });
});

describe("what is missing", () => {
  const debian = join(ROOT, "scripts/lib/debian.mjs");
  const check = (programs: object, yes = false) =>
    `const { ensurePrograms } = await import(${JSON.stringify(debian)}); const { die } = await import(${JSON.stringify(join(ROOT, "scripts/lib/say.mjs"))});
     process.getuid = () => Number(process.env.AS ?? 0);
     await ensurePrograms(${JSON.stringify(programs)}, { yes: ${yes} }).catch(die);`;
  const node = (code: string, path: string, env: Record<string, string> = {}) =>
    run(["--input-type=module", "-e", code], { PATH: path, ...env });

  it("nothing: nothing is run", () => {
    const path = pathWith("all", { "apt-get": "echo called >&2; exit 1" });
    const { status, stderr } = node(check({ sh: "dash" }), path);
    assert.deepEqual([status, stderr], [0, ""]);
  });

  it("as root: installs, waiting for dpkg's lock, without recommended packages", () => {
    const path = pathWith("root", {
      "apt-get": `echo "$@" >> ${temp}/apt.log; printf '#!/bin/sh\n' > ${temp}/root/nc-frob; chmod +x ${temp}/root/nc-frob`,
      chmod: true,
    });
    const { status, stderr } = node(check({ "nc-frob": "frob" }), path);
    assert.equal(status, 0, stderr);
    assert.equal(
      readFileSync(join(temp, "apt.log"), "utf8"),
      "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends frob\n",
    );
    assert.match(stderr, /✓ Debian packages frob/);
  });

  it("with old package lists: updates them and tries again", () => {
    const path = pathWith("old", {
      "apt-get": `echo "$3" >> ${temp}/old.log; case "$3" in update) touch ${temp}/updated;; *) [ -e ${temp}/updated ] || exit 100; printf '#!/bin/sh\n' > ${temp}/old/nc-frob2; chmod +x ${temp}/old/nc-frob2;; esac`,
      chmod: true,
      touch: true,
    });
    const { status, stderr } = node(check({ "nc-frob2": "frob" }), path);
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(join(temp, "old.log"), "utf8"), "install\nupdate\ninstall\n");
  });

  const refusals: [
    name: string,
    programs: Record<string, string>,
    env: Record<string, string>,
    stderr: RegExp,
  ][] = [
    ["no Debian", {}, {}, /missing programs: nc-none[\s\S]*not a Debian[\s\S]*frob/],
    [
      "no root and no sudo",
      { "apt-get": "exit 0" },
      { AS: "1000" },
      /needs root[\s\S]*Run as root: {2}apt-get install .*frob/,
    ],
    [
      "sudo wants a password and nobody is there",
      { "apt-get": "exit 0", sudo: "exit 1" },
      { AS: "1000" },
      /sudo would ask for a password[\s\S]*Run: {2}sudo apt-get install .*frob/,
    ],
    [
      "an installation that brings nothing",
      { "apt-get": "exit 0" },
      {},
      /installed frob, yet there is no nc-none/,
    ],
  ];
  for (const [name, programs, env, stderr] of refusals)
    it(`${name}: says exactly what to run`, () => {
      const result = node(check({ "nc-none": "frob" }), pathWith(name.replaceAll(" ", "-"), programs), env);
      assert.equal(result.status, 1);
      assert.match(result.stderr, stderr);
      assert.doesNotMatch(result.stderr, /^\s+at /m);
    });

  it("on another system than Linux: says where it runs", () => {
    const code = `Object.defineProperty(process, "platform", { value: "darwin" });
      const { checkPlatform } = await import(${JSON.stringify(join(ROOT, "scripts/lib/platform.mjs"))});
      const { die } = await import(${JSON.stringify(join(ROOT, "scripts/lib/say.mjs"))});
      try { checkPlatform({ driver: "process" }); } catch (error) { die(error); }`;
    const { status, stderr } = run(["--input-type=module", "-e", code]);
    assert.equal(status, 1);
    assert.match(stderr, /does not run on darwin[\s\S]*inside a Linux machine/);
  });

  it("without user namespaces: names the Docker driver", () => {
    const code = `const { checkPlatform } = await import(${JSON.stringify(join(ROOT, "scripts/lib/platform.mjs"))});
      const { die } = await import(${JSON.stringify(join(ROOT, "scripts/lib/say.mjs"))});
      try { checkPlatform({ driver: "process" }); } catch (error) { die(error); }`;
    const { status, stderr } = node(code, pathWith("no-userns", { unshare: "exit 1" }));
    assert.equal(status, 1);
    assert.match(stderr, /does not allow user namespaces[\s\S]*--driver docker/);
  });
});

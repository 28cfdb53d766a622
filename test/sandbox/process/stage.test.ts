/** The stage by itself, in a bare bubblewrap: what it does when a layer isn't there, and its exit codes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { AGENT_RULES, type Arch, compileFilter } from "../../../src/sandbox/seccomp/index.ts";

const STAGE = fileURLToPath(new URL("../../../src/sandbox/host/inside/stage.pl", import.meta.url));

/** A filter that answers one call with an errno: `ld nr; jeq CALL; ret ALLOW; ret ERRNO`. */
function refusing(call: number, errno: number): Uint8Array {
  const out = new DataView(new ArrayBuffer(32));
  const words = [
    [0x20, 0, 0, 0],
    [0x15, 1, 0, call],
    [0x06, 0, 0, 0x7fff0000],
    [0x06, 0, 0, 0x50000 | errno],
  ] as const;
  words.forEach(([code, yes, no, k], i) => {
    out.setUint16(i * 8, code, true);
    out.setUint8(i * 8 + 2, yes);
    out.setUint8(i * 8 + 3, no);
    out.setUint32(i * 8 + 4, k, true);
  });
  return new Uint8Array(out.buffer);
}

describe("stage", () => {
  let dir = "";
  const config = () => join(dir, "config");
  before(() => {
    dir = mkdtempSync("/tmp/nc");
    for (const name of ["config", "home"]) mkdirSync(join(dir, name));
    copyFileSync(STAGE, join(config(), "stage.pl"));
    writeFileSync(join(config(), "agent.bpf"), compileFilter(AGENT_RULES, process.arch as Arch));
    writeFileSync(join(dir, "no-landlock.bpf"), refusing(444, 38));
    writeFileSync(join(dir, "no-close-range.bpf"), refusing(436, 38));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  function stage(words: readonly string[], filter?: string, extra?: number) {
    const seccomp = filter ? openSync(join(dir, filter), "r") : undefined;
    const args = [
      ...["--unshare-all", "--unshare-user", "--cap-drop", "ALL", "--die-with-parent", "--clearenv"],
      ...["--setenv", "PATH", "/usr/bin", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"],
      ...[
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--symlink",
        "usr/bin",
        "/bin",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
      ],
      ...[
        "--tmpfs",
        "/tmp",
        "--ro-bind",
        config(),
        "/run/nemoclaw/config",
        "--bind",
        join(dir, "home"),
        "/home/sandbox",
      ],
      ...["--chdir", "/home/sandbox", ...(seccomp === undefined ? [] : ["--seccomp", "3"])],
      ...["--", "/usr/bin/perl", "/run/nemoclaw/config/stage.pl", ...words],
    ];
    const stdio = ["ignore", "pipe", "pipe", seccomp ?? "ignore", extra ?? "ignore"] as const;
    const done = spawnSync("/usr/bin/bwrap", args, { env: {}, encoding: "utf8", stdio: [...stdio] });
    if (seccomp !== undefined) closeSync(seccomp);
    return { code: done.status, out: done.stdout, err: done.stderr };
  }

  test("runs a program found on PATH, with its arguments as they are", () => {
    assert.deepEqual(stage(["--", "printf", "%s|", "a b", "$HOME", "*"]), {
      code: 0,
      out: "a b|$HOME|*|",
      err: "",
    });
    assert.equal(stage(["/bin/sh", "-c", "exit 7"]).code, 7);
  });

  test("says which program isn't there, as a shell does", () => {
    assert.deepEqual(stage(["--", "nowhere"]), {
      code: 127,
      out: "",
      err: "stage: nowhere: No such file or directory\n",
    });
    assert.equal(stage(["--", "/usr/lib"]).code, 126);
    assert.deepEqual(stage([]), { code: 125, out: "", err: "stage: no program given\n" });
  });

  test("without Landlock nothing starts", () => {
    const { code, out, err } = stage(["--", "echo", "ran"], "no-landlock.bpf");
    assert.deepEqual([code, out], [125, ""]);
    assert.match(err, /^stage: Landlock is not available/);
  });

  test("without Landlock, when the operator accepts that, the rest still holds", () => {
    writeFileSync(join(config(), "best-effort"), "");
    try {
      const { code, out } = stage(
        ["--", "grep", "-E", "NoNewPrivs|Seccomp_filters", "/proc/self/status"],
        "no-landlock.bpf",
      );
      assert.deepEqual([code, out], [0, "NoNewPrivs:\t1\nSeccomp_filters:\t2\n"]);
    } finally {
      rmSync(join(config(), "best-effort"));
    }
  });

  test("a missing or damaged filter starts nothing", () => {
    rmSync(join(config(), "agent.bpf"));
    assert.deepEqual(
      [stage(["true"]).code, stage(["true"]).err],
      [125, "stage: agent.bpf: No such file or directory\n"],
    );
    writeFileSync(join(config(), "agent.bpf"), "12345");
    assert.equal(stage(["true"]).code, 125);
    writeFileSync(join(config(), "agent.bpf"), compileFilter(AGENT_RULES, process.arch as Arch));
    assert.equal(stage(["true"]).code, 0);
  });

  for (const filter of [undefined, "no-close-range.bpf"]) {
    test(`descriptors beyond 2 are closed${filter ? ", without close_range too" : ""}`, () => {
      const open = openSync(join(dir, "no-landlock.bpf"), "r");
      const { out } = stage(["sh", "-c", "echo /proc/self/fd/*"], filter, open);
      closeSync(open);
      assert.match(
        out,
        /^\/proc\/self\/fd\/0 \/proc\/self\/fd\/1 \/proc\/self\/fd\/2( \/proc\/self\/fd\/3)?\n$/,
      ); // 3: the listing
    });
  }
});

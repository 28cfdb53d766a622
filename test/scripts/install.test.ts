/**
 * install.sh in a throw-away HOME: from a clone, from a release archive (`npm pack`); again, over something foreign, and
 * away. What was packed really runs. test/soak/install.test.ts has what takes more downloads.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { furnishedHome } from "../helpers/service.ts";
import { INSTALLER, install, newHome, packRelease, ROOT, run, SYSTEM_PATH } from "./install-kit.ts";

let temp = "";
before(() => {
  temp = mkdtempSync(join(tmpdir(), "nc-ins-"));
});
after(() => rmSync(temp, { recursive: true, force: true }));

const blocks = (file: string) => readFileSync(file, "utf8").split("# >>> nemoclaw >>>").length - 1;

describe("install.sh", () => {
  const shellcheck = spawnSync("shellcheck", ["--version"]).status === 0;
  it("is clean for shellcheck", { skip: shellcheck ? false : "shellcheck is not installed" }, () => {
    const { stdout, status } = spawnSync("shellcheck", [INSTALLER], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });

  it("from a clone: commands in ~/.local/bin, found by a new shell", () => {
    const home = newHome(temp, "clone");
    const said = install(home, []);
    assert.match(said, /source ~\/\.bashrc/);
    assert.match(said, /next: nemoclaw onboard/);
    for (const name of ["nemoclaw", "openshell"])
      assert.equal(readlinkSync(join(home, ".local", "bin", name)), join(ROOT, "bin", name));
    const shell = run("bash", ["-c", "source ~/.bashrc && nemoclaw --version && type ll"], home);
    assert.match(shell.stdout, /^\d+\.\d+\.\d+\n/, shell.stderr);
  });

  it("again: nothing twice, and a shell that has the path is told nothing", () => {
    const home = join(temp, "clone");
    const said = install(home, [], { PATH: `${join(home, ".local", "bin")}${delimiter}${SYSTEM_PATH}` });
    assert.doesNotMatch(said, /source/);
    assert.equal(blocks(join(home, ".bashrc")), 1);
  });

  it("tells zsh users what zsh reads", () => {
    const home = newHome(temp, "zsh");
    const said = install(home, [], { SHELL: "/usr/bin/zsh" });
    assert.match(said, /source ~\/\.zshrc/);
    assert.equal(blocks(join(home, ".zshrc")), 1);
  });

  it("never replaces another program", () => {
    const home = newHome(temp, "foreign");
    mkdirSync(join(home, ".local", "bin"), { recursive: true });
    writeFileSync(join(home, ".local", "bin", "nemoclaw"), "#!/bin/sh\necho mine\n");
    const { status, stderr } = run("bash", [INSTALLER, "--no-onboard"], home);
    assert.equal(status, 1);
    assert.match(stderr, /\.local\/bin\/nemoclaw is another program/);
    assert.match(readFileSync(join(home, ".local", "bin", "nemoclaw"), "utf8"), /echo mine/);
  });

  it("--uninstall takes back what it did, and only that", () => {
    const home = join(temp, "clone");
    writeFileSync(join(home, ".local", "bin", "other"), "");
    const { status, stderr } = run("bash", [INSTALLER, "--uninstall"], home);
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(join(home, ".bashrc"), "utf8"), "alias ll='ls -l'\n");
    assert.deepEqual(readdirSync(join(home, ".local", "bin")), ["other"]);
    assert.ok(existsSync(join(ROOT, "bin", "nemoclaw")), "the clone stays");
  });

  const wrong: [args: string[], stderr: RegExp, status?: number][] = [
    [["--frm", "x"], /unknown option --frm[\s\S]*--help/, 2],
    [["--from"], /--from needs a file or URL/],
    [["--from", "/nowhere/x.tgz"], /there is no file \/nowhere\/x\.tgz/],
  ];
  for (const [args, stderr, status = 1] of wrong)
    it(`${args.join(" ")}: says what is wrong`, () => {
      const result = run("bash", [INSTALLER, ...args], temp);
      assert.equal(result.status, status);
      assert.match(result.stderr, stderr);
    });
});

describe("a release archive", () => {
  let archive = "";
  let home = "";
  before(() => {
    archive = packRelease(temp);
    assert.equal(existsSync(join(ROOT, "npm-shrinkwrap.json")), false, "the lock's copy is gone again");
    home = newHome(temp, "release");
  });

  it("holds what runs, the lock, and no sources or tests", () => {
    const names = spawnSync("tar", ["tzf", archive], { encoding: "utf8" }).stdout.trim().split("\n");
    for (const name of [
      "install.sh",
      "npm-shrinkwrap.json",
      "bin/nemoclaw",
      "dist/cli/nemoclaw.js",
      "blueprint.yaml",
    ])
      assert.ok(names.includes(`package/${name}`), name);
    assert.deepEqual(
      names.filter((name) => /^package\/(src|test|bench|node_modules)\//.test(name)),
      [],
    );
  });

  it("installs, with the versions of the lock", () => {
    install(home, ["--from", archive]);
    const share = join(home, ".local", "share", "nemoclaw");
    const [version = ""] = readdirSync(join(share, "versions"));
    assert.equal(readlinkSync(join(share, "current")), join("versions", version));
    const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
    for (const name of ["zod", "bullmq", "commander"]) {
      const places = [`node_modules/${name}`, `node_modules/nemoclaw-bridge/node_modules/${name}`];
      const found = places
        .map((place) => join(share, "versions", version, place, "package.json"))
        .find((path) => existsSync(path));
      assert.ok(found, name);
      assert.equal(
        JSON.parse(readFileSync(found, "utf8")).version,
        lock.packages[`node_modules/${name}`].version,
      );
    }
  });

  it("runs: a question is answered through all processes", async () => {
    const data = await furnishedHome();
    try {
      const command = join(home, ".local", "bin", "nemoclaw");
      const asked = run(command, ["start", "--once", "What is 17+25?"], home, { NEMOCLAW_HOME: data });
      assert.equal(asked.status, 0, asked.stderr);
      assert.match(asked.stdout, /42/);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});

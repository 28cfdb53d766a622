/**
 * install.sh with several whole installations: again, after one that was cut off, without a Node of the system's (then
 * nodejs.org is files), and with one that isn't what was listed.
 */
import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fakeNodeDist, INSTALLER, install, newHome, packRelease, run } from "../scripts/install-kit.ts";

describe("a release archive", () => {
  let temp = "";
  let archive = "";
  before(() => {
    temp = mkdtempSync(join(tmpdir(), "nc-ins-"));
    archive = packRelease(temp);
  });
  after(() => rmSync(temp, { recursive: true, force: true }));

  it("again: takes seconds; one that was cut off is installed anew", () => {
    const home = newHome(temp, "release");
    install(home, ["--from", archive]);
    const share = join(home, ".local", "share", "nemoclaw");
    const [version = ""] = readdirSync(join(share, "versions"));
    assert.doesNotMatch(install(home, ["--from", archive]), /installing the release/);
    rmSync(join(share, "versions", version, "complete"));
    assert.match(install(home, ["--from", archive]), /installing the release/);
  });

  it("unpacked, installs by its own script, without a Node of the system's", () => {
    const other = newHome(temp, "no-node");
    run("tar", ["xzf", archive, "-C", other], other);
    // All of the system but Node and npm.
    const programs = join(other, "programs");
    mkdirSync(programs);
    for (const folder of ["/usr/bin", "/bin", "/usr/sbin", "/sbin"])
      for (const name of readdirSync(folder))
        if (!["node", "npm", "npx", "nodejs"].includes(name) && !existsSync(join(programs, name)))
          symlinkSync(join(folder, name), join(programs, name));
    const dist = fakeNodeDist(join(other, "dist"));
    const env = { PATH: programs, NEMOCLAW_NODE_DIST: `file://${dist}` };
    const installed = run("bash", [join(other, "package", "install.sh"), "--no-onboard"], other, env);
    assert.equal(installed.status, 0, installed.stderr);
    assert.match(installed.stderr, /fetching Node\.js v24/);
    const command = join(other, ".local", "bin", "nemoclaw");
    assert.equal(lstatSync(command).isSymbolicLink(), false, "a wrapper that knows where Node is");
    assert.match(run(command, ["--version"], other, { PATH: programs }).stdout, /^\d+\.\d+\.\d+\n$/);
    const gone = run("bash", [join(other, "package", "install.sh"), "--uninstall"], other, env);
    assert.equal(gone.status, 0, gone.stderr);
    assert.deepEqual(readdirSync(join(other, ".local", "bin")), []);
  });

  it("refuses a Node that isn't the one that was listed", () => {
    const other = newHome(temp, "bad-node");
    const dist = fakeNodeDist(join(other, "dist"));
    const sums = join(dist, "v24.21.0", "SHASUMS256.txt");
    writeFileSync(sums, readFileSync(sums, "utf8").replace(/^[0-9a-f]{4}/, "0000"));
    const programs = join(temp, "no-node", "programs");
    const env = { PATH: programs, NEMOCLAW_NODE_DIST: `file://${dist}` };
    const { status, stderr } = run("bash", [INSTALLER, "--no-onboard", "--from", archive], other, env);
    assert.equal(status, 1);
    assert.match(stderr, /its sha256 differs/);
  });
});

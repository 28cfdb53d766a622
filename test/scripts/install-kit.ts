/** Runs install.sh in a throw-away HOME, with nodejs.org as files. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");
export const INSTALLER = join(ROOT, "install.sh");
/** As a stranger has it: without this project's own programs. */
export const SYSTEM_PATH = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);
/** How this machine reaches its npm registry; downloads are kept between runs. */
const NPM = {
  npm_config_cache: join(homedir(), ".npm"),
  npm_config_userconfig: join(homedir(), ".npmrc"),
  npm_config_fetch_retries: "1",
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(npm_config_registry|https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_file)$/i.test(name),
    ),
  ),
};

/** A HOME of its own in this folder, with a .bashrc that somebody wrote. */
export function newHome(temp: string, name: string): string {
  const home = join(temp, name);
  mkdirSync(home);
  writeFileSync(join(home, ".bashrc"), "alias ll='ls -l'\n");
  return home;
}

/** A program as this user of a new machine runs it. */
export function run(program: string, args: string[], home: string, env: Record<string, string> = {}) {
  return spawnSync(program, args, {
    cwd: home,
    env: { PATH: SYSTEM_PATH, HOME: home, SHELL: "/bin/bash", ...NPM, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 110_000,
  });
}

/** The installer; its standard error. */
export function install(home: string, args: string[], env: Record<string, string> = {}) {
  const result = run("bash", [INSTALLER, "--no-onboard", ...args], home, env);
  assert.equal(result.status, 0, result.stderr);
  return result.stderr;
}

/** `npm pack` of this project into a folder. */
export function packRelease(temp: string): string {
  const packed = run("npm", ["pack", "--silent", "--pack-destination", temp, ROOT], temp);
  assert.equal(packed.status, 0, packed.stderr);
  return join(temp, packed.stdout.trim().split("\n").at(-1) ?? "");
}

/** What nodejs.org has, with programs that stand for this machine's own Node and npm. */
export function fakeNodeDist(dist: string): string {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const name = `node-v24.21.0-linux-${arch}`;
  const bin = join(dist, name, "bin");
  mkdirSync(bin, { recursive: true });
  const npm = spawnSync("which", ["npm"], { encoding: "utf8", env: { PATH: SYSTEM_PATH } }).stdout.trim();
  for (const [program, target] of [
    ["node", process.execPath],
    [
      "npm",
      `${process.execPath}" "${spawnSync("readlink", ["-f", npm], { encoding: "utf8" }).stdout.trim()}`,
    ],
  ] as const) {
    writeFileSync(join(bin, program), `#!/bin/sh\nexec "${target}" "$@"\n`);
    chmodSync(join(bin, program), 0o755);
  }
  const release = join(dist, "v24.21.0");
  mkdirSync(release);
  spawnSync("tar", ["czf", join(release, `${name}.tar.gz`), "-C", dist, name]);
  const digest = createHash("sha256")
    .update(readFileSync(join(release, `${name}.tar.gz`)))
    .digest("hex");
  writeFileSync(join(release, "SHASUMS256.txt"), `${digest}  ${name}.tar.gz\n`);
  return dist;
}

/**
 * System programs, by Debian/Ubuntu package. Installs what is missing when it may (root, or sudo), else says exactly
 * what to run. The distribution's own daemons are neither started nor enabled: we run our own Redis on a socket, and
 * benches run the proxies that they measure.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { step } from "./run.mjs";
import { SetupError, say } from "./say.mjs";

/** Program → package, for running the service with the process driver. */
export const RUN_PROGRAMS = {
  bwrap: "bubblewrap",
  "redis-server": "redis-server",
  perl: "perl",
  flock: "util-linux",
  setpriv: "util-linux",
  unshare: "util-linux",
};
/** For the Docker driver: no bubblewrap; what the image is made of. Docker itself is the operator's to install. */
export const DOCKER_PROGRAMS = {
  "redis-server": "redis-server",
  perl: "perl",
  flock: "util-linux",
  setpriv: "util-linux",
  tar: "tar",
  git: "git",
  curl: "curl",
};
/** Ubuntu's package of that name is a snap, which can't be used by root in a container: there its tests say why they skip. */
const CHROMIUM = isDebian() ? { chromium: "chromium" } : {};
const DOCKER = process.getuid?.() === 0 ? { dockerd: "docker.io", "docker-compose": "docker-compose" } : {};
/** What the tests need besides: as root a Docker daemon too, which they start and end themselves. @type {Record<string, string>} */
export const TEST_PROGRAMS = {
  git: "git",
  curl: "curl",
  ps: "procps",
  ip: "iproute2",
  tmux: "tmux",
  sshd: "openssh-server",
  shellcheck: "shellcheck",
  ...CHROMIUM,
  ...DOCKER,
};

/** Packages that would start a daemon, and the units that do. @type {Record<string, string[]>} */
const DAEMONS = {
  "redis-server": ["redis-server"],
  squid: ["squid"],
  tinyproxy: ["tinyproxy"],
  "openssh-server": ["ssh.service", "ssh.socket"],
  "docker.io": ["docker.service", "docker.socket", "containerd.service"],
};

/** Folders of system programs that an ordinary user's PATH may lack. */
const SYSTEM = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

function isDebian() {
  try {
    return /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

/** @param {string} program @param {string[]} [folders] */
function isIn(program, folders = (process.env["PATH"] ?? "").split(delimiter)) {
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

/** @param {string} program */
const isInstalled = (program) => isIn(program) || isIn(program, SYSTEM);

/**
 * Makes sure that every program is there.
 * @param {Record<string, string>} programs
 * @param {{ yes: boolean }} options `yes`: don't ask before using sudo
 */
export async function ensurePrograms(programs, { yes }) {
  const missing = Object.keys(programs).filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => programs[program] ?? program))];
  if (!isIn("apt-get")) {
    throw new SetupError(`missing programs: ${missing.join(", ")} (this is not a Debian or Ubuntu system)`, [
      `Install them with your system's package manager; Debian calls the packages: ${packages.join(" ")}`,
    ]);
  }
  const prefix = await privilege(packages, yes);
  await install(packages, prefix);
  const still = missing.filter((program) => !isInstalled(program));
  if (still.length > 0)
    throw new SetupError(`installed ${packages.join(" ")}, yet there is no ${still.join(", ")}`);
}

/**
 * What to put before apt-get: nothing as root, sudo otherwise, after asking in a terminal.
 * @param {string[]} packages @param {boolean} yes @returns {Promise<string[]>}
 */
async function privilege(packages, yes) {
  if (process.getuid?.() === 0) return [];
  const byHand = [`Run:  sudo apt-get install --no-install-recommends ${packages.join(" ")}`];
  if (!isIn("sudo")) {
    throw new SetupError(`missing Debian packages: ${packages.join(" ")}; installing them needs root`, [
      `Run as root:  apt-get install --no-install-recommends ${packages.join(" ")}`,
    ]);
  }
  const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  if (!terminal) {
    if (spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0) return ["sudo", "-n"];
    throw new SetupError(
      `missing Debian packages: ${packages.join(" ")}; sudo would ask for a password`,
      byHand,
    );
  }
  if (!yes) {
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await prompt.question(
      `Install the Debian packages ${packages.join(" ")} with sudo? [Y/n] `,
    );
    prompt.close();
    if (!/^(y|yes|)$/i.test(answer.trim())) throw new SetupError("not installed, as you wished", byHand);
  }
  return ["sudo"];
}

/** @param {string[]} packages @param {string[]} prefix */
async function install(packages, prefix) {
  // dpkg needs the system folders, which root's PATH lacks after a plain `su`.
  const PATH = [process.env["PATH"], ...SYSTEM].join(delimiter);
  const env = { ...process.env, PATH, DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_MODE: "l" };
  const setEnv = ["env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l"];
  const lock = ["-o", "DPkg::Lock::Timeout=300"];
  const apt = [...prefix, ...(prefix.length ? setEnv : []), "apt-get", ...lock];
  /** @type {{ env: NodeJS.ProcessEnv, stdin: "inherit" | "ignore" }} */
  const options = { env, stdin: prefix.length ? "inherit" : "ignore" };
  const daemons = packages.flatMap((name) => DAEMONS[name] ?? []);
  const allow = daemons.length > 0 ? holdDaemons(prefix) : () => {};
  try {
    const command = [...apt, "install", "-y", "--no-install-recommends", ...packages];
    const what = `Debian packages ${packages.join(", ")}`;
    try {
      await step(what, command, options);
    } catch {
      say("  the package lists may be missing or old: updating them");
      await step("package lists", [...apt, "update"], options);
      await step(what, command, options);
    }
  } finally {
    allow();
  }
  if (daemons.length > 0 && existsSync("/run/systemd/system")) {
    const [program = "", ...args] = [...prefix, "systemctl", "disable", "--quiet", ...daemons];
    spawnSync(program, args, { stdio: "ignore" });
  }
}

/**
 * Keeps apt from starting daemons (Debian's policy-rc.d) until the returned function is called.
 * A policy that the operator has already made is left alone.
 * @param {string[]} prefix @returns {() => void}
 */
function holdDaemons(prefix) {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return () => {};
  const text = "#!/bin/sh\nexit 101\n";
  if (prefix.length === 0) {
    writeFileSync(policy, text, { mode: 0o755 });
    return () => rmSync(policy, { force: true });
  }
  const [sudo = "sudo", ...flags] = prefix;
  spawnSync(sudo, [...flags, "install", "-m", "755", "/dev/stdin", policy], { input: text });
  return () => void spawnSync(sudo, [...flags, "rm", "-f", policy]);
}

/**
 * "Another machine" for tests: a real sshd on loopback of this process's own network namespace, with throw-away keys, a
 * HOME of its own and a nemoclaw home with the fake agent. Run the program itself by `inOwnNetwork` (helpers/internet.ts).
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { furnishedHome, waitUntil } from "../../helpers/service.ts";

const SSHD = "/usr/sbin/sshd";
const PORT = 2222;

/** Why there can't be one here, or false. */
export function noSshd(): string | false {
  return existsSync(SSHD) ? false : "needs a real sshd (apt-get install openssh-server)";
}

/** The machine. */
export interface Remote {
  /** An ssh_config in which it is called `machine`. */
  readonly sshConfig: string;
  readonly home: string;
  /** NEMOCLAW_HOME there. */
  readonly data: string;
  /** What sshd logged. */
  log(): string;
  close(): Promise<void>;
}

/** Starts it. Its npm has what was downloaded before, and no network: it gets nothing that wasn't copied. */
export async function startRemote(): Promise<Remote> {
  const dir = mkdtempSync(join(tmpdir(), "nc-ssh-"));
  const home = join(dir, "home");
  const data = await furnishedHome();
  mkdirSync(home);
  execFileSync("ip", ["link", "set", "lo", "up"]);
  for (const key of ["host", "user"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", join(dir, key)]);
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  // Without this project's own programs: as a machine that has never seen it.
  const path = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => !folder.includes("node_modules"));
  const environment: Record<string, string> = {
    HOME: home,
    NEMOCLAW_HOME: data,
    PATH: path.join(delimiter),
    npm_config_cache: join(homedir(), ".npm"),
    npm_config_offline: "true",
  };
  const settings = [
    ...[
      `Port ${PORT}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${dir}/host`,
      `AuthorizedKeysFile ${dir}/user.pub`,
    ],
    ...["StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password", "PasswordAuthentication no"],
    ...["KbdInteractiveAuthentication no", `PidFile ${dir}/pid`, "PrintMotd no"],
    `SetEnv ${Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ")}`,
  ];
  writeFileSync(join(dir, "sshd_config"), `${settings.join("\n")}\n`);
  const sshd = spawn(SSHD, ["-D", "-e", "-f", join(dir, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  sshd.stderr.on("data", (chunk) => (log += String(chunk)));
  await waitUntil(answers, 10_000, () => `sshd did not start: ${log}`);
  const hostKey = readFileSync(join(dir, "host.pub"), "utf8").split(" ").slice(0, 2).join(" ");
  writeFileSync(join(dir, "known_hosts"), `[127.0.0.1]:${PORT} ${hostKey}\n`);
  const config = [
    ...[
      "Host machine",
      "  HostName 127.0.0.1",
      `  Port ${PORT}`,
      "  User root",
      `  IdentityFile ${dir}/user`,
    ],
    ...["  IdentitiesOnly yes", `  UserKnownHostsFile ${dir}/known_hosts`, "  StrictHostKeyChecking yes"],
  ];
  writeFileSync(join(dir, "ssh_config"), `${config.join("\n")}\n`);
  return {
    sshConfig: join(dir, "ssh_config"),
    home,
    data,
    log: () => log,
    async close() {
      spawnSync(join(home, ".local", "bin", "nemoclaw"), ["stop", "--all"], { env: { ...environment } });
      await ended(sshd);
      rmSync(dir, { recursive: true, force: true });
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await gone;
}

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(PORT, "127.0.0.1");
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", () => done(true)).once("error", () => done(false));
  });
}

/**
 * Work of the host on a principal's home: programs that run as the principal's uid, inside a bubblewrap of their own
 * that sees only that home. There they may pass directories that their owner closed (else `chmod 000` would hide
 * files from the limit, or keep them from being removed), and reach nothing else.
 */
import { spawn } from "node:child_process";
import { isRoot } from "../host/files.ts";
import type { DiskUse, HomeWork } from "../host/homes.ts";

const TIMEOUT_MS = 60_000;

/** A home and who may work on it. */
interface HomeRef {
  bwrap: string;
  home: string;
  uid: number;
}

/** The work, by this bubblewrap. */
export function confinedWork(bwrap: string): HomeWork {
  return {
    measure: (home, uid) => measureHome({ bwrap, home, uid }),
    empty: (home, uid) => emptyHome({ bwrap, home, uid }),
  };
}

/** Bytes (allocated) and number of files and directories, on the home's own file system. */
async function measureHome(ref: HomeRef): Promise<DiskUse> {
  const [diskBytes, inodes] = await Promise.all([du(ref, "--block-size=1"), du(ref, "--inodes")]);
  return { diskBytes, inodes };
}

async function emptyHome(ref: HomeRef): Promise<void> {
  const program = ["/usr/bin/find", "/home", "-xdev", "-mindepth", "1", "-delete"];
  const { code } = await run(ref, "--bind", ["CAP_DAC_OVERRIDE", "CAP_FOWNER"], program);
  if (code !== 0) throw new Error(`${ref.home} could not be emptied (find: ${code})`);
}

async function du(ref: HomeRef, unit: string): Promise<number> {
  const program = ["/usr/bin/du", "--summarize", "--one-file-system", unit, "/home"];
  // Files that vanish meanwhile make du exit with 1; its sum stands all the same.
  const sum = /^(\d+)\s/.exec((await run(ref, "--ro-bind", ["CAP_DAC_READ_SEARCH"], program)).out)?.[1];
  if (sum === undefined) throw new Error(`du gave no sum for ${ref.home}`);
  return Number(sum);
}

/** bubblewrap's arguments for a program that sees one home, at `/home`, and nothing else that can be written. */
export function confinedArguments(
  home: string,
  bind: "--bind" | "--ro-bind",
  capabilities: readonly string[],
  program: readonly string[],
): string[] {
  return [
    ...["--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0", "--cap-drop", "ALL"],
    ...capabilities.flatMap((capability) => ["--cap-add", capability]),
    ...["--die-with-parent", "--clearenv", "--new-session", "--ro-bind", "/usr", "/usr"],
    ...["lib", "lib64"].flatMap((dir) => ["--symlink", `usr/${dir}`, `/${dir}`]),
    ...["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", bind, home, "/home", "--", ...program],
  ];
}

function run(
  { bwrap, home, uid }: HomeRef,
  bind: "--bind" | "--ro-bind",
  capabilities: readonly string[],
  program: readonly string[],
): Promise<{ code: number | null; out: string }> {
  const args = confinedArguments(home, bind, capabilities, program);
  return new Promise((resolve, reject) => {
    const child = spawn(bwrap, args, {
      env: {},
      cwd: "/",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
      ...(isRoot ? { uid, gid: uid } : {}),
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out }));
  });
}

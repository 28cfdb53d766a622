/**
 * Work on homes without bubblewrap: a container that has only that home mounted, or, for measuring as root, du(1) as the
 * principal's user. Both may read or remove what its owner closed (`chmod 000` hides nothing from the limit) and nothing
 * else. Docker gives rights to uid 0 only: the helper is uid 0 with one or two capabilities, not the principal.
 */
import { spawn } from "node:child_process";
import type { ContainerCreateOptions } from "dockerode";
import { isRoot } from "../host/files.ts";
import type { DiskUse, HomeWork } from "../host/homes.ts";
import { LABEL } from "./container.ts";
import type { Daemon } from "./daemon.ts";

const AT = "/home/sandbox";
const TIMEOUT_MS = 60_000;
const DU = ["/usr/bin/du", "--summarize", "--one-file-system"] as const;

/** What the work is done with. */
export interface DockerWork {
  daemon: Daemon;
  image: string;
  tag: string;
  seccomp: string;
}

/** The work, by Docker. */
export function dockerWork(work: DockerWork): HomeWork {
  return {
    measure: (home, uid) => (isRoot ? measureAs(home, uid) : measureInside(work, home)),
    async empty(home) {
      const program = ["/usr/bin/find", AT, "-xdev", "-mindepth", "1", "-delete"];
      const { code, out } = await run(work, home, false, ["DAC_OVERRIDE", "FOWNER"], program);
      if (code !== 0) throw new Error(`${home} could not be emptied (find: ${code} ${out.slice(0, 200)})`);
    },
  };
}

/** As the principal with the right to read directories: a link or a mount in the home leads du nowhere. */
async function measureAs(home: string, uid: number): Promise<DiskUse> {
  const rights = ["inh-caps", "ambient-caps", "bounding-set"].map((set) => `--${set}=-all,+dac_read_search`);
  const who = [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--no-new-privs"];
  const du = (unit: string) => output("/usr/bin/setpriv", [...who, ...rights, ...DU, unit, "--", home]);
  const [bytes, inodes] = await Promise.all([du("--block-size=1"), du("--inodes")]);
  return { diskBytes: sum(bytes, home), inodes: sum(inodes, home) };
}

async function measureInside(work: DockerWork, home: string): Promise<DiskUse> {
  const du = DU.join(" ");
  const script = `${du} --block-size=1 ${AT} 2>/dev/null; ${du} --inodes ${AT} 2>/dev/null`;
  const { out } = await run(work, home, true, ["DAC_READ_SEARCH"], ["/bin/sh", "-c", script]);
  const [bytes = "", inodes = ""] = out.trim().split("\n");
  return { diskBytes: sum(bytes, home), inodes: sum(inodes, home) };
}

/** Files that vanish meanwhile make du exit with 1; its sum stands all the same. */
function sum(text: string, home: string): number {
  const found = /^(\d+)\s/.exec(text)?.[1];
  if (found === undefined) throw new Error(`du gave no sum for ${home}`);
  return Number(found);
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...{ env: {}, cwd: "/", timeout: TIMEOUT_MS, killSignal: "SIGKILL" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    child.on("error", reject);
    child.on("close", () => resolve(out));
  });
}

/** Runs a program in a container that sees that home and the image; gone when it has ended. */
async function run(
  { daemon, image, tag, seccomp }: DockerWork,
  home: string,
  ReadOnly: boolean,
  capabilities: string[],
  program: string[],
): Promise<{ code: number; out: string }> {
  const options: ContainerCreateOptions = {
    Image: image,
    Labels: { [LABEL.home]: tag, [LABEL.role]: "helper" },
    User: "0:0",
    WorkingDir: "/",
    Env: ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"],
    Entrypoint: program,
    Cmd: [],
    Tty: true, // its output comes as it is, without Docker's frames
    NetworkDisabled: true,
    HostConfig: {
      ...{
        NetworkMode: "none",
        IpcMode: "private",
        ReadonlyRootfs: true,
        CapDrop: ["ALL"],
        CapAdd: capabilities,
      },
      SecurityOpt: ["no-new-privileges:true", `seccomp=${seccomp}`],
      Mounts: [
        { Type: "bind", Source: home, Target: AT, ReadOnly, BindOptions: { Propagation: "rprivate" } },
      ],
      ...{ Memory: 128 << 20, MemorySwap: 128 << 20, PidsLimit: 16 },
      LogConfig: { Type: "json-file", Config: { "max-size": "64k" } },
    },
  };
  return daemon.do("work on a home", async () => {
    const container = await daemon.create(options);
    try {
      await container.start();
      const { StatusCode } = (await container.wait({ abortSignal: AbortSignal.timeout(TIMEOUT_MS) })) as {
        StatusCode: number;
      };
      return { code: StatusCode, out: (await container.logs({ stdout: true })).toString("utf8") };
    } finally {
      await container.remove({ force: true, v: true });
    }
  });
}

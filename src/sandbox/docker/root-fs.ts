/**
 * A root file system from this machine's own Debian packages, as a tar stream: the files of a fixed list of packages and
 * of what they depend on, certificates, and Node. No documentation, no setuid bit, no file of the machine's own beyond
 * what `HOST_ETC` names.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { etcFiles, HOST_ETC } from "../host/inside.ts";
import { DOCKER_ETC } from "./container.ts";

/** Without these a sandbox doesn't start. */
const NEEDED = [
  "bash",
  "dash",
  "coreutils",
  "findutils",
  "perl-base",
  "util-linux",
  "libstdc++6",
  "libc-bin",
];
/** What agents expect of a Linux; taken as far as this machine has it. */
const WELCOME = [
  ...[
    "grep",
    "sed",
    "mawk",
    "gawk",
    "tar",
    "gzip",
    "bzip2",
    "xz-utils",
    "zip",
    "unzip",
    "diffutils",
    "patch",
  ],
  ...[
    "procps",
    "less",
    "file",
    "jq",
    "ripgrep",
    "make",
    "openssl",
    "ca-certificates",
    "curl",
    "git",
    "python3",
  ],
];
/** Where packages' programs and libraries lie; directories at the top are made by `stage`. */
const TAKEN = /^\/(usr|s?bin|lib\w*)\/./;
const LEFT_OUT = /^\/usr\/share\/(doc|man|info|locale|lintian|bug|bash-completion|gitweb)\//;
const LINKS = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

/** The stream, and when it is complete. */
export interface RootFs {
  tar: Readable;
  /** Rejects when tar failed: what was streamed is then not to be used. */
  done: Promise<void>;
  /** Removes what was made for it. */
  close(): void;
}

/** `more`: packages besides. @throws Error that says what this machine lacks. */
export async function hostRootFs(node: string, more: readonly string[] = []): Promise<RootFs> {
  if (!existsSync("/usr/bin/dpkg-query")) throw new Error("it is no Debian or Ubuntu system");
  const files = hostFiles(more);
  const staging = mkdtempSync(join(tmpdir(), "nemoclaw-image-"));
  const close = () => rmSync(staging, { recursive: true, force: true });
  try {
    stage(staging, node);
    const common = ["--create", "--owner=0", "--group=0", "--numeric-owner", "--mode=ug-s,go+rX", "--null"];
    const host = ["--no-recursion", "--directory=/", "--files-from=-"];
    const own = ["--recursion", `--directory=${staging}`, "."];
    const tar = spawn("/usr/bin/tar", [...common, ...host, ...own], {
      env: { LC_ALL: "C.UTF-8" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let said = "";
    tar.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const done = new Promise<void>((resolve, reject) => {
      tar.on("error", reject);
      tar.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`tar: ${said.slice(0, 400)}`))));
    });
    done.catch(() => {}); // whoever waits gets it
    tar.stdin.on("error", () => {});
    tar.stdin.end(files.map((file) => `${file.slice(1)}\0`).join(""));
    const end = () => {
      tar.kill("SIGKILL"); // when nobody read it to its end
      close();
    };
    return { tar: tar.stdout, done, close: end };
  } catch (error) {
    close();
    throw error;
  }
}

/** Files of the packages, as they really lie, and the links that alternatives make. */
function hostFiles(more: readonly string[]): string[] {
  const packages = closure([...NEEDED, ...WELCOME, ...more]);
  const missing = NEEDED.filter((name) => !packages.has(name));
  if (missing.length > 0) throw new Error(`it lacks the packages ${missing.join(", ")}`);
  const listed = query("/usr/bin/dpkg-query", ["--listfiles", ...packages]).split("\n");
  const files = new Set(listed.filter((path) => path.startsWith("/")).flatMap(asItLies));
  for (const dir of ["/usr/bin", "/usr/sbin"]) {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      if (!lstatSync(path).isSymbolicLink() || !readlinkSync(path).startsWith("/etc/alternatives/")) continue;
      if (existsSync(path) && files.has(realpathSync(path))) files.add(path);
    }
  }
  return [...files].sort();
}

/** `/bin/sh` of a package lies in `/usr/bin` where these are merged. */
function asItLies(path: string): string[] {
  if (!lstatSync(path, { throwIfNoEntry: false }) || dirname(path) === "/") return [];
  const real = join(realpathSync(dirname(path)), basename(path));
  return TAKEN.test(real) && !LEFT_OUT.test(`${real}/`) ? [real] : [];
}

/** Installed packages among these, with all that they need. */
function closure(names: readonly string[]): Set<string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = "${binary:Package}\t${db:Status-Status}\t${Pre-Depends}, ${Depends}\t${Provides}\n";
  const needs = new Map<string, string[]>();
  const provided = new Map<string, string>();
  for (const line of query("/usr/bin/dpkg-query", ["--show", `--showformat=${format}`]).split("\n")) {
    const [name = "", status, depends = "", provides = ""] = line.split("\t");
    if (status !== "installed") continue;
    const plain = name.replace(/:.*/, "");
    // Of alternatives all that are installed: one of them is what is used.
    needs.set(plain, depends.split(/[,|]/).map(nameOf).filter(Boolean));
    for (const virtual of provides.split(",").map(nameOf).filter(Boolean)) provided.set(virtual, plain);
  }
  const found = new Set<string>();
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const real = needs.has(name) ? name : provided.get(name);
    if (real === undefined || found.has(real) || TOO_MUCH.has(real)) continue;
    found.add(real);
    pending.push(...(needs.get(real) ?? []));
  }
  return found;
}

/** Needed by their dependants' set-up only. */
const TOO_MUCH: ReadonlySet<string> = new Set(["debconf", "dpkg", "git-man", "media-types", "tzdata"]);

/** `libc6:any (>= 2.34)` → `libc6`. */
function nameOf(dependency: string): string {
  return dependency.trim().replace(/[ :(].*/, "");
}

function query(program: string, args: string[]): string {
  const options = { env: { LC_ALL: "C.UTF-8" }, encoding: "utf8" as const, maxBuffer: 64 << 20 };
  const { stdout, status, stderr } = spawnSync(program, args, options);
  if (status !== 0) throw new Error(`${basename(program)}: ${stderr.trim().split("\n")[0] ?? status}`);
  return stdout;
}

/** Everything that doesn't come from a package. */
function stage(root: string, node: string): void {
  const at = (path: string) => join(root, path);
  const dirs = [
    "dev",
    "etc/ssl",
    "home/sandbox",
    "opt/nemoclaw/guest",
    "opt/node/bin",
    "opt/openclaw",
    "proc",
    "root",
  ];
  for (const dir of [
    ...dirs,
    "run/nemoclaw/config",
    "run/nemoclaw/egress",
    "run/nemoclaw/control",
    "sys",
    "tmp",
    "var/tmp",
  ])
    mkdirSync(at(dir), { recursive: true, mode: 0o755 });
  // Docker gives a tmpfs the mode of what lies below it.
  for (const dir of ["tmp", "var/tmp"]) chmodSync(at(dir), 0o1777);
  copyFileSync(node, at("opt/node/bin/node"));
  for (const name of LINKS) {
    const found = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), at(name));
  }
  for (const name of HOST_ETC) {
    if (!existsSync(`/etc/${name}`)) continue;
    mkdirSync(dirname(at(`etc/${name}`)), { recursive: true, mode: 0o755 });
    copyTree(`/etc/${name}`, at(`etc/${name}`));
  }
  symlinkSync("../usr/lib/os-release", at("etc/os-release"));
  for (const [name, text] of Object.entries({ ...etcFiles("sandbox"), ...DOCKER_ETC }))
    writeFileSync(at(`etc/${name}`), text, { mode: 0o644 });
  for (const name of ["lock", "log"]) writeFileSync(at(`run/nemoclaw/${name}`), "");
}

/** Links to places outside /usr are replaced by what they stand for. */
function copyTree(from: string, to: string): void {
  const stat = lstatSync(from);
  if (stat.isDirectory()) {
    mkdirSync(to, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(from)) copyTree(join(from, name), join(to, name));
  } else if (stat.isSymbolicLink() && /^(\/usr\/|[^/]+$)/.test(readlinkSync(from))) {
    symlinkSync(readlinkSync(from), to);
  } else if (existsSync(from)) {
    writeFileSync(to, readFileSync(from), { mode: 0o644 });
  }
}

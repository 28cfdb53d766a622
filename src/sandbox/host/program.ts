/**
 * Which program of a sandbox holds a connection to the proxy: port → socket inode → process → executable, all read
 * from outside and read again before it is said. Attribution, not a boundary. Must never look at processes of another
 * sandbox, name a program when in doubt, or let one sandbox keep the launcher busy.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { SandboxInfo } from "../driver.ts";
import { guestOf, isAlive, parentOf, processState, processTree, startTimeOf } from "./proc.ts";
import { findInode } from "./socket-table.ts";

/** How much is looked at for one answer: bytes of a table, links of file descriptors. */
const MAX_TABLE = 1 << 20;
/**
 * The kernel walks its whole hash of connections (megabytes, all sandboxes' together) to fill a buffer, but returns
 * after one row when no more fits: then the walk ends where the row is found, at half of it on average. [measured]
 */
const ROW = 150;
const MAX_SINGLE_ROWS = 64;
const PIECE = 16 << 10;
const MAX_LINKS = 8_192;
const MAX_PATH = 1_024;
/** CPU milliseconds that the questions of one sandbox, and of all, may cost in a second. Beyond it programs are unknown. */
const BUDGET_MS = 150;
const BUDGET_OF_ALL_MS = 400;
/** Between fork and exec a child shares its parent's sockets for a moment: looked at once more. */
const AGAIN_MS = 5;

type Owner =
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "several" }
  | { readonly kind: "unknown" };

const UNKNOWN: Owner = { kind: "unknown" };

/** All processes of a sandbox's control group; undefined where none can be read: then the tree is walked. */
type ProcessLister = (info: SandboxInfo) => number[] | undefined;

/** Answers for all sandboxes of a driver, and keeps an eye on what each costs. */
export class ProgramFinder {
  private readonly listed: ProcessLister;
  private readonly spent = new Map<string, number>();
  private spentByAll = 0;
  private since = 0;

  constructor(listed: ProcessLister) {
    this.listed = listed;
  }

  /** Path of the program, as it is inside; undefined when it isn't known for sure. */
  async find(info: SandboxInfo, port: number): Promise<string | undefined> {
    const first = this.look(info, port);
    if (first.kind === "program") return first.path;
    if (first.kind === "unknown") return undefined;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    const second = this.look(info, port);
    return second.kind === "program" ? second.path : undefined;
  }

  private look(info: SandboxInfo, port: number): Owner {
    const began = performance.now();
    if (began - this.since > 1_000) {
      this.since = began;
      this.spentByAll = 0;
      this.spent.clear();
    }
    const spent = this.spent.get(info.id) ?? 0;
    if (spent > BUDGET_MS || this.spentByAll > BUDGET_OF_ALL_MS) return UNKNOWN;
    const before = cpuMs();
    const owner = findOwner(info, port, this.listed);
    const ms = cpuMs() - before;
    this.spent.set(info.id, spent + ms);
    this.spentByAll += ms;
    return owner;
  }
}

/** Of this thread: a loaded machine must not make programs unknown. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function findOwner(info: SandboxInfo, port: number, listed: ProcessLister): Owner {
  if (!isAlive(info.pid, info.startTime)) return UNKNOWN;
  const net = `/proc/${info.pid}/net`;
  const inode = inodeIn(`${net}/tcp`, "tcp", port) ?? inodeIn(`${net}/tcp6`, "tcp6", port);
  if (inode === undefined) return UNKNOWN;
  const link = `socket:[${inode}]`;
  const owners = holders(processesOf(info, listed), link);
  if (owners === undefined || owners.length === 0) return UNKNOWN;
  const [owner] = owners;
  if (!owner || owners.length > 1) return { kind: "several" };
  if (owner.pid === info.pid) return UNKNOWN;
  const startTime = startTimeOf(owner.pid);
  const path = executable(owner.pid);
  // Once more: its socket, its program, the process and the sandbox are still the same.
  const same =
    path !== undefined &&
    startTime !== undefined &&
    readLink(`/proc/${owner.pid}/fd/${owner.fd}`) === link &&
    executable(owner.pid) === path &&
    isAlive(owner.pid, startTime) &&
    isAlive(info.pid, info.startTime);
  return same ? { kind: "program", path } : UNKNOWN;
}

/** The socket of the connection, as the sandbox's own network namespace lists it. */
function inodeIn(file: string, table: "tcp" | "tcp6", port: number): string | undefined {
  let fd: number | undefined;
  let inode: string | undefined;
  try {
    fd = openSync(file, "r");
    const piece = Buffer.allocUnsafe(PIECE);
    let text = "";
    for (let reads = 0, total = 0; inode === undefined && total < MAX_TABLE; reads++) {
      const size = readSync(fd, piece, 0, reads < MAX_SINGLE_ROWS ? ROW : PIECE, null);
      if (size === 0) break;
      total += size;
      text = text.slice(-3 * ROW) + piece.toString("latin1", 0, size); // with what may be a row's beginning
      inode = findInode(text, table, port);
    }
  } catch {
    // gone, or no such table on this kernel
  }
  if (fd !== undefined) closeSync(fd);
  return inode;
}

/** The sandbox's processes, without bubblewrap's monitor (outside) and the guest, which holds one end of everything. */
function processesOf(info: SandboxInfo, listed: ProcessLister): number[] {
  const group = listed(info);
  const outside = new Set([group && parentOf(info.pid), guestOf(info.pid)]);
  return (group ?? processTree(info.pid)).filter((pid) => !outside.has(pid));
}

/** Processes that hold the socket, at most two; undefined when somebody couldn't be looked at, or there is too much. */
function holders(pids: readonly number[], link: string): { pid: number; fd: string }[] | undefined {
  const found: { pid: number; fd: string }[] = [];
  let links = 0;
  for (const pid of pids) {
    const fds = descriptors(pid);
    if (fds === undefined) return undefined;
    links += fds.length + 1;
    if (links > MAX_LINKS) return undefined;
    const fd = fds.find((each) => readLink(`/proc/${pid}/fd/${each}`) === link);
    if (fd !== undefined) found.push({ pid, fd });
    if (found.length > 1) break;
  }
  return found;
}

/** Open file descriptors; none of a process that has ended, undefined of one that we may not look at. */
function descriptors(pid: number): string[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return ["", "Z", "X"].includes(processState(pid)) ? [] : undefined;
  }
}

/** A path that stands for a program: there, and fit to be shown. */
function executable(pid: number): string | undefined {
  const path = readLink(`/proc/${pid}/exe`);
  if (!path?.startsWith("/") || path.length > MAX_PATH || path.endsWith(" (deleted)")) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that they aren't there is the point
  return /[\u0000-\u001f\u007f\ufffd]/.test(path) ? undefined : path;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

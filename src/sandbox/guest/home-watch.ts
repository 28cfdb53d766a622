/**
 * Tells which files of the home change, while the host asks for it: one inotify watch per directory, the nearest first
 * and not too many, changes gathered for half a second. Tells names only, reads no file, follows no link; everything it
 * holds is given back when nobody asks any more.
 */
import { type FSWatcher, lstatSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { log, reason } from "./log.ts";
import type { FileChange } from "./protocol.ts";

/** Directories that are watched; a home with more is watched in part. */
const MAX_DIRS = 256;
/** Changes in one report; the rest is counted. */
const MAX_CHANGES = 64;
const GATHER_MS = 500;
const LONGEST_MS = 60_000;
/** Full of other people's files, or the agent's own bookkeeping: never what somebody wants to see. */
const SKIPPED = new Set([".cache", ".git", ".npm", ".openclaw", "__pycache__", "node_modules"]);

/** See the module's header. */
export class HomeWatch {
  readonly #home: string;
  readonly #report: (changes: FileChange[], more: number) => void;
  readonly #dirs = new Map<string, FSWatcher>();
  /** Changed paths, and whether something appeared or went away there. */
  readonly #changed = new Map<string, "write" | "rename">();
  #more = 0;
  #gather: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #full = false;

  constructor(home: string, report: (changes: FileChange[], more: number) => void) {
    this.#home = home;
    this.#report = report;
  }

  /** Watches for so long from now on. */
  watch(ms: number): void {
    if (!(ms > 0)) return;
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.close(), Math.min(ms, LONGEST_MS)).unref();
    if (this.#dirs.size === 0) this.#addTree("");
  }

  /** Nobody asks any more. */
  close(): void {
    clearTimeout(this.#end);
    clearTimeout(this.#gather);
    this.#gather = undefined;
    for (const watcher of this.#dirs.values()) watcher.close();
    this.#dirs.clear();
    this.#changed.clear();
    this.#more = 0;
    this.#full = false;
  }

  /** A directory and what is below, breadth first. Returns the files in it. */
  #addTree(top: string): string[] {
    const queue = [top];
    const files: string[] = [];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      if (!this.#add(at)) continue;
      try {
        for (const entry of readdirSync(join(this.#home, at), { withFileTypes: true })) {
          const path = join(at, entry.name);
          if (entry.isDirectory()) {
            if (!SKIPPED.has(entry.name)) queue.push(path);
          } else if (files.length < MAX_CHANGES) files.push(path);
        }
      } catch {
        // It went away meanwhile.
      }
    }
    return files;
  }

  #add(dir: string): boolean {
    if (this.#dirs.has(dir) || this.#full) return false;
    if (this.#dirs.size >= MAX_DIRS) {
      this.#full = true;
      log("info", "home-watch-full", { dirs: MAX_DIRS });
      return false;
    }
    try {
      const watcher = watch(join(this.#home, dir), { persistent: false }, (event, name) => {
        if (typeof name === "string" && name !== "") this.#note(join(dir, name), event);
      });
      watcher.on("error", () => this.#drop(dir));
      this.#dirs.set(dir, watcher);
      return true;
    } catch (error) {
      // ENOSPC: the host's inotify limit. Part of a home is better than none.
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOSPC" || code === "EMFILE") {
        this.#full = true;
        log("warn", "home-watch", { err: reason(error) });
      }
      return false;
    }
  }

  #drop(dir: string): void {
    this.#dirs.get(dir)?.close();
    this.#dirs.delete(dir);
  }

  #note(path: string, event: string): void {
    if (SKIPPED.has(path.split("/").at(-1) ?? "")) return;
    const known = this.#changed.get(path);
    if (known === undefined && this.#changed.size >= MAX_CHANGES) this.#more++;
    else if (known !== "rename") this.#changed.set(path, event === "rename" ? "rename" : "write");
    this.#gather ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    this.#gather = undefined;
    const changes: FileChange[] = [];
    for (const [path, what] of this.#changed) {
      const stat = lstatSync(join(this.#home, path), { throwIfNoEntry: false });
      if (!stat) {
        this.#drop(path);
        changes.push({ op: "delete", path });
      } else if (!stat.isDirectory()) changes.push({ op: what === "rename" ? "create" : "write", path });
      // What was put into a new directory before it was watched is told with it.
      else if (!this.#dirs.has(path))
        for (const file of this.#addTree(path)) changes.push({ op: "create", path: file });
    }
    const more = this.#more + Math.max(0, changes.length - MAX_CHANGES);
    this.#changed.clear();
    this.#more = 0;
    if (changes.length > 0 || more > 0) this.#report(changes.slice(0, MAX_CHANGES), more);
  }
}

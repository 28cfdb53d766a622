/**
 * The host-owned, read-only directory that tells a sandbox who it is, and the host directories it is built from.
 * Must never hold a secret, and never be written while the sandbox runs.
 */

import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { SandboxInfo } from "../driver.ts";
import { type Arch, compileFilter, type Rule } from "../seccomp/index.ts";
import { unreachable } from "./faults.ts";
import { blockedAt, isRoot, makeDirectory, writeAtomic } from "./files.ts";
import { etcFiles } from "./inside.ts";

const SCRIPTS = ["stage.pl", "gate.pl", "dock.pl", "selftest.pl"] as const;
const scriptText = (name: string) => readFileSync(new URL(`./inside/${name}`, import.meta.url));

/** What differs between drivers in what a sandbox is told. */
export interface ConfigOptions {
  /** Let the stage go on although a layer is missing (operator's choice). */
  bestEffort: boolean;
  /** Rules of the filter that the stage loads. */
  agentRules: readonly Rule[];
  /** User as the sandbox sees it; 1000 where the driver maps users. */
  uid?: number;
  /** More files of /etc, by name. */
  etc?: Readonly<Record<string, string>>;
}

/** Writes everything that the sandbox finds below /run/nemoclaw/config and as its own files of /etc. */
export function writeConfig(dir: string, info: SandboxInfo, options: ConfigOptions): void {
  makeDirectory(dir, 0o755);
  makeDirectory(join(dir, "etc"), 0o755);
  const file = (name: string, content: string | Uint8Array) => writeAtomic(join(dir, name), content, 0o644);
  const { id: sandbox, name, bootId, agent, limits } = info;
  file("sandbox.json", `${JSON.stringify({ sandbox, name, bootId, agent, limits }, null, 1)}\n`);
  for (const script of SCRIPTS) file(script, scriptText(script));
  file("agent.bpf", compileFilter(options.agentRules, process.arch as Arch));
  const etc = { ...etcFiles(info.name, options.uid), ...options.etc };
  for (const [name, content] of Object.entries(etc)) file(`etc/${name}`, content);
  if (options.bestEffort) file("best-effort", "");
  else rmSync(join(dir, "best-effort"), { force: true });
}

/**
 * A directory that sandboxes can read: `dir` itself, or, where its parents are closed to other uids (a clone in /root),
 * a copy of `parts` of it below `copies`, made once per state of the original; `always` a copy, for those who can't see our
 * files but only the home.
 */
export function readableBySandboxes(
  dir: string,
  copies: string,
  parts: readonly string[],
  always = false,
): string {
  if (!isRoot && !always) return dir;
  const blocked = always ? undefined : blockedAt(dir);
  if (blocked === undefined && !always) return dir;
  const files = parts.flatMap((part) => [part, ...filesBelow(dir, part)]);
  const state = files.map((file) => [
    file,
    statSync(join(dir, file)).mtimeMs,
    statSync(join(dir, file)).size,
  ]);
  const tag = createHash("sha256")
    .update(JSON.stringify([dir, state]))
    .digest("hex")
    .slice(0, 12);
  const copy = join(copies, `${basename(dir)}-${tag}`);
  if (!existsSync(copy)) {
    makeDirectory(copies, 0o755);
    if (blocked !== undefined && blockedAt(copies)) throw unreachable(dir, blocked);
    const temporary = `${copy}.tmp`;
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { mode: 0o755 });
    for (const part of parts)
      cpSync(join(dir, part), join(temporary, part), { recursive: true, dereference: true });
    // Whatever our umask is, or the modes of a private clone are.
    for (const name of ["", ...readdirSync(temporary, { recursive: true })]) {
      const path = join(temporary, String(name));
      const stat = statSync(path);
      chmodSync(path, stat.isDirectory() ? 0o755 : 0o644 | (stat.mode & 0o100 ? 0o111 : 0));
    }
    renameSync(temporary, copy);
  }
  return copy;
}

function filesBelow(dir: string, part: string): string[] {
  if (!statSync(join(dir, part)).isDirectory()) return [];
  return readdirSync(join(dir, part), { recursive: true }).map((name) => join(part, String(name)));
}

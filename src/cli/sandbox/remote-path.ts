/** Paths of a sandbox's home as people type them, and names that came from one. Pure. */
import { posix } from "node:path";
import { Fault } from "../../lib/errors.ts";

/** The home as it is inside. */
const HOME = "/home/sandbox";

/**
 * A path of the home (`notes.txt`, `~/notes.txt`, `/home/sandbox/notes.txt`), relative to it; "" is the home.
 * @throws Fault `usage` for one outside.
 */
export function remotePath(typed: string): string {
  const below = typed.replace(/^~(?=\/|$)/, HOME);
  const path = posix.relative(HOME, posix.resolve(HOME, below));
  if (path === ".." || path.startsWith("../"))
    throw new Fault({
      code: "usage",
      message: `${typed} is outside of the sandbox's home`,
      hint: `only ${HOME} is kept; say a path in it, e.g. ~/workspace/file.txt`,
    });
  return path;
}

/** A path that a sandbox claims to have, when it stays below where it is put; else undefined. */
export function safeBelow(claimed: string): string | undefined {
  const steps = claimed.split("/");
  const bad = (step: string) => step === "" || step === "." || step === ".." || /\p{Cc}/u.test(step);
  return steps.some(bad) ? undefined : steps.join("/");
}

/** Where an upload goes: into a directory that is there or ends with `/`, else under that very name. */
export function uploadTarget(dest: string | undefined, name: string, isDirectory: boolean): string {
  if (dest === undefined) return name;
  const path = remotePath(dest);
  if (path === "" || isDirectory || dest.endsWith("/")) return posix.join(path, name);
  return path;
}

/**
 * What an installed runtime consists of: one digest per package, taken when npm has verified each against the lock and
 * the agent has run once, and looked at again by `nemoclaw doctor`. Finds changed, missing and added files. Against whoever may write there it is no
 * protection: it could be sealed anew.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** File beside `manifest.json`: package → digest. */
export const SEAL_FILE = "digests.json";

/** Contents of {@link SEAL_FILE}. */
export const Seal = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));
export type Seal = z.infer<typeof Seal>;

/** Digest of every package below `dir/node_modules`: paths, contents, links, and whether a file may be run. */
export function sealOf(dir: string): Seal {
  const modules = join(dir, "node_modules");
  const packages = readdirSync(modules).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
  return Object.fromEntries(packages.sort().map((name) => [name, digestOf(join(modules, name))]));
}

/** Packages that differ from the seal, by name: changed, missing or not of it. */
export function brokenPackages(dir: string, seal: Seal): string[] {
  const now = sealOf(dir);
  return [...new Set([...Object.keys(seal), ...Object.keys(now)])]
    .filter((name) => seal[name] !== now[name])
    .sort();
}

function digestOf(root: string): string {
  const hash = createHash("sha256");
  const take = (path: string, inside: string) => {
    const stat = lstatSync(path);
    if (stat.isDirectory())
      for (const name of readdirSync(path).sort()) take(join(path, name), `${inside}/${name}`);
    else if (stat.isSymbolicLink()) hash.update(JSON.stringify(["link", inside, readlinkSync(path)]));
    else {
      const content = createHash("sha256").update(readFileSync(path)).digest("hex");
      hash.update(JSON.stringify(["file", inside, (stat.mode & 0o100) !== 0, content]));
    }
  };
  take(root, "");
  return hash.digest("hex");
}

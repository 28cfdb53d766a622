/**
 * Where this copy of the project lies and which Node runs it. Works in a clone (`src/*.ts`, `node_modules` inside) and
 * in an installed package (`dist/*.js`, packages beside it).
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupError } from "./say.mjs";

/** The project's folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** True in a clone, where set-up may install npm packages; false in a published package. */
export const IS_CLONE = existsSync(join(ROOT, "src", "cli"));

/** Path of a program of ours, e.g. `cli/nemoclaw`. @param {string} name @param {string} [root] */
export function entry(name, root = ROOT) {
  return IS_CLONE ? join(root, "src", `${name}.ts`) : join(root, "dist", `${name}.js`);
}

/** The Node 24 binary that comes as an npm package, or undefined before npm has run. */
export function findNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
    const binary = join(dirname(manifest), "bin", "node");
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** Like {@link findNode}, but its absence is an error that says what to do. */
export function requireNode() {
  const node = findNode();
  if (node) return node;
  throw new SetupError(`the npm package node-linux-${process.arch} (Node 24) is not installed`, [
    "It is an optional dependency: npm skips it with --omit=optional and on other systems than Linux.",
    `Run in ${ROOT}:  npm ci --include=optional`,
  ]);
}

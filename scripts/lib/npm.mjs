/**
 * npm packages of a clone. npm's own hidden lock file (`node_modules/.package-lock.json`, written when an install has
 * completed) says what is there: no stamp of ours can disagree with it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./project.mjs";
import { step } from "./run.mjs";

/** @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} Locked */

/** @param {string} path @returns {Record<string, Locked> | undefined} */
function packagesIn(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Does `node_modules` hold what `package-lock.json` names for this machine?
 * @param {{ dev: boolean }} options with development packages?
 */
export function npmIsComplete({ dev }) {
  const wanted = packagesIn(join(ROOT, "package-lock.json"));
  const present = packagesIn(join(ROOT, "node_modules", ".package-lock.json"));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, want]) => {
    if (path === "" || (want.dev && !dev)) return true;
    if (want.optional && !path.endsWith(`/node-linux-${process.arch}`)) return true;
    return present[path]?.version === want.version;
  });
}

/** Installs the npm packages when any is missing. @param {{ dev: boolean }} options */
export async function ensureNpm({ dev }) {
  if (npmIsComplete({ dev })) return;
  const umask = process.umask(0o022); // Service users must be able to read what root installs.
  try {
    const omit = dev ? "--include=dev" : "--omit=dev";
    await step("npm packages", ["npm", "ci", "--loglevel=error", "--include=optional", omit], { cwd: ROOT });
  } finally {
    process.umask(umask);
  }
}

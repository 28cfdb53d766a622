/**
 * `npm run lock`: makes package-lock.json complete after a change of dependencies. A registry mirror may hold the Linux
 * builds only; npm then leaves the other systems' optional packages out of the lock, and `npm ci` refuses such a lock
 * everywhere. Their entries are added here by name, version, system and processor, as the packages that want them say.
 * `--check` only says what is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./lib/project.mjs";

/** @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} Entry */

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32", "wasm32"];
const PROCESSORS = ["arm64", "arm", "x64", "ia32", "ppc64", "riscv64", "s390x"];

/** System, processor and C library, as such packages carry them in their names. @param {string} name @returns {Entry} */
function platformOf(name) {
  const words = (name.split("/").pop() ?? "").split("-");
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  if (!os || !cpu) throw new Error(`${name}: its name doesn't tell its system and processor`);
  const musl = words.some((word) => word.startsWith("musl"));
  return { cpu: [cpu], os: [os], ...(os === "linux" && musl ? { libc: ["musl"] } : {}) };
}

/**
 * Adds what is missing; returns the names that were.
 * @param {Record<string, Entry>} packages
 */
function complete(packages) {
  /** @type {string[]} */
  const added = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages) continue;
      if (!/^\d+\.\d+\.\d+$/.test(version))
        throw new Error(`${path} wants ${name}@${version}, no exact version`);
      const platform = platformOf(name);
      packages[`node_modules/${name}`] = {
        version,
        ...platform,
        ...(entry.dev ? { dev: true } : {}),
        optional: true,
      };
      added.push(name);
    }
  }
  return added;
}

const file = join(ROOT, "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));
const added = complete(lock.packages);
if (added.length > 0 && process.argv.includes("--check")) {
  console.error(`package-lock.json lacks ${added.join(", ")}\nRun: npm run lock`);
  process.exit(1);
}
if (added.length > 0) {
  const [root = ["", {}], ...rest] = Object.entries(lock.packages);
  lock.packages = Object.fromEntries([root, ...rest.sort(([a], [b]) => (a < b ? -1 : 1))]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`added ${added.length} entries`);
}

/**
 * Changes of config.yaml by commands: comments and order stay, the result is checked as the next start would check it,
 * and a crash leaves the old file or the new one. Must never write a secret.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { parseDocument } from "yaml";
import type { Config } from "../../lib/config.ts";
import type { Paths } from "../../lib/paths.ts";
import { readConfig } from "./read.ts";

/** One setting: its path, and its value; `undefined` removes it. */
export type Edit = readonly [path: readonly string[], value: unknown];

/** The text after the edits. Mappings that become empty stay. Pure. */
export function edited(text: string, edits: readonly Edit[]): string {
  const document = parseDocument(text);
  for (const [path, value] of edits) {
    if (value !== undefined) document.setIn(path, document.createNode(value));
    else if (document.hasIn(path)) document.deleteIn(path);
  }
  const out = document.toString({ lineWidth: 0 });
  return out === "null\n" || out === "{}\n" ? "" : out;
}

/** The file's present text; empty when there is none. */
export function configText(paths: Paths): string {
  return existsSync(paths.config) ? readFileSync(paths.config, "utf8") : "";
}

/**
 * Makes the edits. Returns what the whole configuration is then.
 * @throws Fault `config-invalid`, and nothing is changed.
 */
export function editConfig(paths: Paths, edits: readonly Edit[]): Config {
  const text = edited(configText(paths), edits);
  const { config } = readConfig(paths, { text, env: {} });
  writeConfig(paths, text);
  return config;
}

/** Replaces the file. Readable by its owner only: the services are told what they need. */
export function writeConfig(paths: Paths, text: string): void {
  mkdirSync(dirname(paths.config), { recursive: true, mode: 0o711 });
  const fresh = `${paths.config}.new`;
  const fd = openSync(fresh, "w", 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, paths.config);
}

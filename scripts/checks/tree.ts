/**
 * Checks of the tracked tree that no linter has: length of files, hosts of package registries, paths of a developer's
 * machine, unfinished words, narrowed tests, secrets. Each is one row of a table.
 */
import { readFileSync } from "node:fs";

/** A file longer than this holds more than one concept. */
const MAX_LINES = 400;

interface Rule {
  name: string;
  files: RegExp;
  except?: RegExp;
  pattern: RegExp;
}

// Patterns are written so that this file does not match them.
const RULES: Rule[] = [
  {
    name: "names a package registry's host (take it from the client's configuration)",
    files: /./,
    pattern: /registry\.npm[j]s|(?:deb|security)\.[d]ebian\.org|archive\.[u]buntu\.com/,
  },
  { name: "names a path of one machine", files: /./, pattern: /(?:^|[^A-Za-z0-9_.])[/](?:work|farm)[/]/ },
  {
    name: "unfinished",
    files: /^src\//,
    // Letters of any language: Spanish has words that end so.
    pattern: /(?<!\p{L})(?:TOD[O]|FIXM[E]|XX[X])(?!\p{L})|not implemente[d]/iu,
  },
  {
    name: "narrows or skips a test without saying why",
    files: /^test\/.*\.ts$/,
    pattern: /\b(?:it|test|describe|suite)\.(?:only|skip)\(|\{ *(?:only|skip): *true/,
  },
  {
    name: "looks like a secret",
    files: /./,
    except: /^test\//,
    pattern: /sk-[A-Za-z0-9]{24,}|\b[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}|-----BEGIN (?:RSA |EC )?PRIVATE KEY/,
  },
];

/** Files whose lines are data or generated. */
const DATA = /(?:^|\/)package-lock\.json$|\.golden$|\.svg$|\.png$|^test\/egress\/vectors\//;

/** Every finding in the given tracked files, as `path:line  what`. */
export function checkTree(files: string[]): string[] {
  const findings: string[] = [];
  for (const path of files) {
    if (DATA.test(path)) continue;
    const lines = readFileSync(path, "utf8").split("\n");
    if (/\.(?:ts|mjs|cjs|js|pl|lua)$/.test(path) && lines.length > MAX_LINES + 1)
      findings.push(
        `${path}:${MAX_LINES + 1}  has ${lines.length - 1} lines, ${MAX_LINES} allowed: split it by concept`,
      );
    for (const rule of RULES) {
      if (!rule.files.test(path) || rule.except?.test(path)) continue;
      const at = lines.findIndex((line) => rule.pattern.test(line));
      if (at >= 0) findings.push(`${path}:${at + 1}  ${rule.name}`);
    }
  }
  return findings;
}

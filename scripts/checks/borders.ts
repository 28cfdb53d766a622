/**
 * The borders of DESIGN §8, checked on resolved paths: who may import whom, only through `index.ts`, and in which
 * folder a library may be used. Cycles are Biome's job (`noImportCycles`). The rules are the three tables below.
 */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

/** Component → components that it may import through their `index.ts`. `src/lib` is free for all, by file. */
const MAY_IMPORT: Record<string, string[]> = {
  "src/lib": [],
  "src/store": [],
  "src/sandbox": [],
  "src/access": ["src/store"],
  "src/gateway": ["src/store", "src/sandbox"],
  "src/worker": ["src/store", "src/sandbox"],
  "src/bridges/core": ["src/store"],
  "src/bridges/telegram": ["src/store", "src/bridges/core"],
  "src/bridges/discord": ["src/store", "src/bridges/core"],
  "src/bridges/console": ["src/store", "src/bridges/core"],
  "src/cli": [
    "src/access",
    "src/store",
    "src/sandbox",
    "src/gateway",
    "src/worker",
    "src/bridges/core",
    "src/bridges/telegram",
    "src/bridges/discord",
    "src/bridges/console",
  ],
};

/** Library → the only folders that may import it. A library that is not named here is free. */
const ONLY_IN: Record<string, string[]> = {
  grammy: ["src/bridges/telegram"],
  "discord.js": ["src/bridges/discord"],
  "@discordjs/ws": ["src/bridges/discord"],
  bullmq: ["src/store"],
  ioredis: ["src/store"],
  commander: ["src/cli"],
  ink: ["src/cli/term"],
  react: ["src/cli/term"],
  pino: ["src/lib"],
  "pino-pretty": ["src/cli"],
  undici: ["src/gateway"],
  dockerode: ["src/sandbox/docker"],
};

/** Folders whose files run where no `node_modules` is: builtins and each other only. */
const STANDALONE = ["src/sandbox/guest"];

/** One import as written: where it stands and what it names. */
interface Import {
  line: number;
  specifier: string;
}

/** Every import, re-export and literal dynamic import of a source text. */
export function importsOf(path: string, source: string): Import[] {
  const { module, errors } = parseSync(path, source);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const lineOf = (offset: number) => source.slice(0, offset).split("\n").length;
  const found: Import[] = module.staticImports.map((i) => ({
    line: lineOf(i.start),
    specifier: i.moduleRequest.value,
  }));
  for (const statement of module.staticExports)
    for (const entry of statement.entries)
      if (entry.moduleRequest)
        found.push({ line: lineOf(entry.start), specifier: entry.moduleRequest.value });
  for (const dynamic of module.dynamicImports) {
    const text = source.slice(dynamic.moduleRequest.start, dynamic.moduleRequest.end);
    const literal = /^["'`]([^"'`$]+)["'`]$/.exec(text);
    if (literal?.[1]) found.push({ line: lineOf(dynamic.start), specifier: literal[1] });
  }
  return found;
}

const within = (path: string, folder: string) => path.startsWith(`${folder}/`);
const componentOf = (path: string) => Object.keys(MAY_IMPORT).find((component) => within(path, component));

/** What is wrong with one import of the file `path` (relative to the project, `/` separated), if anything. */
export function violation(path: string, specifier: string): string | undefined {
  if (isBuiltin(specifier)) return undefined;
  const standalone = STANDALONE.find((folder) => within(path, folder));
  if (!specifier.startsWith(".")) {
    if (standalone) return `${standalone} runs without node_modules: no ${specifier}`;
    const name = specifier
      .split("/")
      .slice(0, specifier.startsWith("@") ? 2 : 1)
      .join("/");
    const folders = ONLY_IN[name];
    if (!folders || folders.some((folder) => within(path, folder))) return undefined;
    return `${name} may be imported in ${folders.join(", ")} only`;
  }
  const target = normalize(join(dirname(path), specifier));
  if (standalone && !within(target, standalone)) return `${standalone} imports only node:* and itself`;
  const from = componentOf(path);
  const to = componentOf(target);
  if (!from) return `${path} belongs to no component of DESIGN §8`;
  if (!target.startsWith("src/")) return `src imports nothing outside src: ${target}`;
  if (!to) return `${target} belongs to no component of DESIGN §8`;
  if (from === to || to === "src/lib") return undefined;
  if (!MAY_IMPORT[from]?.includes(to)) return `${from} must know nothing of ${to}`;
  if (target !== `${to}/index.ts`) return `import ${to}/index.ts instead of ${target}`;
  return undefined;
}

/** Every violation in the given project files, as `path:line  what is wrong`. */
export function checkBorders(files: string[]): string[] {
  return files.flatMap((path) =>
    importsOf(path, readFileSync(path, "utf8")).flatMap(({ line, specifier }) => {
      const wrong = violation(path, specifier);
      return wrong ? [`${path}:${line}  ${wrong}`] : [];
    }),
  );
}

/**
 * Which package registries this machine's clients are configured for (npm, pip, Docker), so that presets work with
 * corporate mirrors and no registry is named in this project. Reads configuration and asks the clients; never contacts a
 * registry. Environment, files and programs are parameters.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RegistryHost } from "./from-file.ts";

/** The machine, as far as clients' configuration is concerned. */
export interface ClientMachine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** A file's text, undefined when it can't be read. */
  read(path: string): Promise<string | undefined>;
  /** Standard output of a program, undefined when it fails or isn't there. */
  run(program: string, args: readonly string[]): Promise<string | undefined>;
}

/** Clients whose configuration can be read. */
export type RegistryClient = "npm" | "pip" | "docker";

/** Every registry that the client would use, without repeats. Empty: nothing is configured and the client can't say. */
export async function registriesOf(
  client: RegistryClient,
  machine: ClientMachine = thisMachine(),
): Promise<RegistryHost[]> {
  const urls = await { npm: npmUrls, pip: pipUrls, docker: dockerUrls }[client](machine);
  const hosts = new Map<string, RegistryHost>();
  for (const url of urls) {
    const host = hostOf(url);
    if (host) hosts.set(`${host.host}:${host.port}`, host);
  }
  return [...hosts.values()];
}

/** npm: environment, `.npmrc` files (default and per scope), else what npm itself says, its built-in default included. */
async function npmUrls({ env, home, read, run }: ClientMachine): Promise<string[]> {
  const urls = Object.entries(env).flatMap(([name, value]) =>
    /^npm_config_(@.+:)?registry$/i.test(name) && value ? [value] : [],
  );
  const files = [
    env["NPM_CONFIG_USERCONFIG"] ?? join(home, ".npmrc"),
    env["NPM_CONFIG_GLOBALCONFIG"] ?? "/etc/npmrc",
  ];
  for (const file of files) {
    for (const line of (await read(file))?.split("\n") ?? []) {
      const match = /^\s*(?:@[^=:\s]+:)?registry\s*=\s*(\S+)\s*$/.exec(line);
      if (match) urls.push(match[1]!.replace(/^["']|["']$/g, ""));
    }
  }
  if (urls.length > 0) return urls;
  return [(await run("npm", ["config", "get", "registry"])) ?? ""];
}

/** pip: environment, configuration files, else the default that is built into the installed pip. */
async function pipUrls({ env, home, read, run }: ClientMachine): Promise<string[]> {
  const urls = ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"].flatMap((name) => env[name]?.split(/\s+/) ?? []);
  const files = [
    env["PIP_CONFIG_FILE"],
    "/etc/pip.conf",
    join(home, ".pip", "pip.conf"),
    join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "pip", "pip.conf"),
  ];
  for (const file of files) {
    if (!file) continue;
    const text = (await read(file)) ?? "";
    for (const match of text.matchAll(/^\s*(?:extra-)?index-url\s*[=:]\s*(.*(?:\n[ \t]+\S.*)*)/gm)) {
      urls.push(...match[1]!.split(/\s+/));
    }
  }
  if (urls.some(Boolean)) return urls;
  const builtIn =
    "from pip._internal.models.index import PyPI as p; print(p.simple_url, 'https://' + p.file_storage_domain)";
  return ((await run("python3", ["-c", builtIn])) ?? "").split(/\s+/);
}

/** Docker: the daemon's mirrors, the registries that somebody logged in to, else what the daemon says. */
async function dockerUrls({ env, home, read, run }: ClientMachine): Promise<string[]> {
  const config = json(await read(join(env["DOCKER_CONFIG"] ?? join(home, ".docker"), "config.json")));
  const daemon = json(await read("/etc/docker/daemon.json"));
  const mirrors = daemon["registry-mirrors"];
  const auths = config["auths"];
  const urls = [
    ...(Array.isArray(mirrors) ? mirrors.map(String) : []),
    ...(auths && typeof auths === "object" ? Object.keys(auths) : []),
  ];
  if (urls.length > 0) return urls;
  return ((await run("docker", ["info", "--format", "{{.IndexServerAddress}}"])) ?? "").split(/\s+/);
}

function json(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return value && typeof value === "object" ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Host and port of a URL; a bare host (Docker) is https. Anything else is left out. */
function hostOf(text: string): RegistryHost | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  try {
    const url = new URL(trimmed.includes("://") ? trimmed : `https://${trimmed}`);
    if (url.protocol !== "https:" && url.protocol !== "http:") return undefined;
    const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    return { host: url.hostname, port };
  } catch {
    return undefined;
  }
}

const execute = promisify(execFile);

/** This machine. Programs get 5 s. */
export function thisMachine(env: ClientMachine["env"] = process.env): ClientMachine {
  return {
    env,
    home: env["HOME"] ?? homedir(),
    read: (path) => readFile(path, "utf8").catch(() => undefined),
    run: async (program, args) =>
      execute(program, [...args], { timeout: 5_000, env: env as NodeJS.ProcessEnv })
        .then(({ stdout }) => stdout.trim())
        .catch(() => undefined),
  };
}

/**
 * What programs in a sandbox fetch in tests: files, a git repository (smart HTTP), an npm registry and a Python index with
 * one package each, all behind one TLS server whose certificates come from the test's own authority.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer as createTls } from "node:tls";
import type { Ca } from "../../../src/gateway/egress/inspect/certificate.ts";
import { upstreamOf } from "../../egress/inspect-kit.ts";

/** A running world. */
export interface Upstreams {
  readonly port: number;
  /** `METHOD host/path` of every request that arrived. */
  readonly seen: string[];
  close(): void;
}

/** Starts all, their files in `dir`. */
export async function startUpstreams(dir: string, ca: Ca): Promise<Upstreams> {
  const seen: string[] = [];
  const repositories = makeRepository(join(dir, "git"));
  const tarball = makeTarball(join(dir, "npm"));
  const wheel = makeWheel(join(dir, "pypi"));
  const http = createServer((req, res) => {
    const { host = "" } = req.headers;
    seen.push(`${req.method} ${host}${req.url}`);
    if (host === "git.example.com") return gitBackend(repositories, req, res);
    req.resume();
    if (host === "npm.example.com") return npmRegistry(tarball, req, res);
    if (host === "pypi.example.com") return pythonIndex(wheel, req, res);
    res.end("hello from upstream\n");
  });
  const server = createTls(upstreamOf(ca), (socket) => http.emit("connection", socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    close() {
      server.close();
      http.closeAllConnections();
    },
  };
}

function run(program: string, args: string[], cwd: string): void {
  const { status, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", HOME: cwd },
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

function makeRepository(dir: string): string {
  mkdirSync(dir, { recursive: true });
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  run("/usr/bin/git", ["init", "-q", "work"], dir);
  writeFileSync(join(dir, "work/README"), "cloned through the gateway\n");
  run("/usr/bin/git", ["add", "."], join(dir, "work"));
  run("/usr/bin/git", [...who, "commit", "-qm", "one"], join(dir, "work"));
  run("/usr/bin/git", ["clone", "-q", "--bare", "work", "tiny.git"], dir);
  run("/usr/bin/git", ["config", "http.receivepack", "true"], join(dir, "tiny.git"));
  return dir;
}

/** CGI, as far as `git http-backend` needs it. */
function gitBackend(root: string, req: IncomingMessage, res: ServerResponse): void {
  const url = new URL(req.url ?? "/", "https://git.example.com");
  const child = spawn("/usr/bin/git", ["http-backend"], {
    env: {
      ...{ PATH: "/usr/bin:/bin", GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: "1", REMOTE_USER: "t" },
      ...{ PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1), REQUEST_METHOD: req.method ?? "" },
      CONTENT_TYPE: req.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: req.headers["content-encoding"] ?? "",
      ...(req.headers["content-length"] ? { CONTENT_LENGTH: req.headers["content-length"] } : {}),
      GIT_PROTOCOL: String(req.headers["git-protocol"] ?? ""),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  req.pipe(child.stdin);
  child.stdin.on("error", () => {});
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.on("close", () => {
    const all = Buffer.concat(pieces);
    const end = all.indexOf("\r\n\r\n");
    for (const line of all.toString("latin1", 0, end).split("\r\n")) {
      const [name = "", value = ""] = line.split(": ");
      if (name === "Status") res.statusCode = Number.parseInt(value, 10);
      else res.setHeader(name, value);
    }
    res.end(all.subarray(end + 4));
  });
}

function makeTarball(dir: string): Buffer {
  mkdirSync(join(dir, "package"), { recursive: true });
  writeFileSync(join(dir, "package/package.json"), '{"name":"tiny","version":"1.0.0","main":"index.js"}');
  writeFileSync(join(dir, "package/index.js"), 'module.exports = "from npm";\n');
  run("/bin/tar", ["-czf", "tiny.tgz", "package"], dir);
  return readFileSync(join(dir, "tiny.tgz"));
}

function npmRegistry(tarball: Buffer, req: IncomingMessage, res: ServerResponse): void {
  if (req.url?.endsWith(".tgz")) return void res.end(tarball);
  if (req.url !== "/tiny") return void res.writeHead(404).end("{}");
  const dist = {
    tarball: "https://npm.example.com/tiny/-/tiny-1.0.0.tgz",
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  };
  res.setHeader("content-type", "application/json");
  res.end(
    JSON.stringify({
      name: "tiny",
      "dist-tags": { latest: "1.0.0" },
      versions: { "1.0.0": { name: "tiny", version: "1.0.0", dist } },
    }),
  );
}

/** A wheel is a zip; Python makes it. Undefined where there is no Python. */
function makeWheel(dir: string): Buffer | undefined {
  mkdirSync(dir, { recursive: true });
  const script = `
import zipfile
with zipfile.ZipFile("tiny-1.0-py3-none-any.whl", "w") as z:
    z.writestr("tiny.py", "SAYS = 'from the index'\\n")
    z.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    z.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("tiny-1.0.dist-info/RECORD", "")
`;
  const { status } = spawnSync("/usr/bin/python3", ["-c", script], { cwd: dir });
  return status === 0 ? readFileSync(join(dir, "tiny-1.0-py3-none-any.whl")) : undefined;
}

function pythonIndex(wheel: Buffer | undefined, req: IncomingMessage, res: ServerResponse): void {
  if (req.url?.endsWith(".whl")) return void res.end(wheel);
  const name = "tiny-1.0-py3-none-any.whl";
  res.setHeader("content-type", "text/html");
  res.end(`<!DOCTYPE html><html><body><a href="/files/${name}">${name}</a></body></html>`);
}

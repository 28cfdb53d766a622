/**
 * A small internet for tests that must really resolve and dial: this process's own network namespace gets a resolver
 * on loopback and a route to one "public" host, which lives in a second namespace behind a veth pair. Nothing outside
 * can be reached and no product code knows of it. Root only; run the program itself by `inOwnNetwork`.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Set in a program that runs inside. */
const INSIDE = "NEMOCLAW_TEST_INTERNET";

/** The public host's address (TEST-NET would be refused by the guard, as it should). */
export const PUBLIC_HOST = "93.184.216.34";
const OUR_END = "93.184.216.33";

/** Why there can't be one here, or false. */
export function noInternet(): string | false {
  if (process.getuid?.() !== 0) return "needs root (network namespaces)";
  if (spawnSync("ip", ["-V"]).status !== 0) return "needs iproute2";
  return spawnSync("unshare", ["-n", "true"]).status === 0
    ? false
    : "no network namespace can be made here (unshare -n fails)";
}

/** Whether this process has a namespace of its own. */
export const hasOwnNetwork = (): boolean => process.env[INSIDE] === "1";

/** Runs a program of Node (`args` are Node's, `more` its own) in network and mount namespaces of its own. */
export function inOwnNetwork(
  file: string,
  args: string[] = [],
  more: string[] = [],
): Promise<{ code: number; output: string }> {
  // Without NODE_TEST_CONTEXT, or an inner test run would report to a parent that doesn't listen.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(
    "unshare",
    ["-n", "-m", "--propagation", "private", process.execPath, ...args, file, ...more],
    {
      env: { ...env, [INSIDE]: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (output += String(piece)));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code: code ?? 1, output })));
}

/** One request that the public host got. */
export interface Visit {
  method: string;
  url: string;
  host: string;
  /** Milliseconds since the epoch at which its connection was accepted. */
  connectedAt: number;
}

/** The running internet. */
export interface Internet {
  readonly visits: Visit[];
  /** Points a name at an address; default: every `.test` name is the public host. */
  point(name: string, address: string): void;
  close(): Promise<void>;
}

const UPSTREAM = `
import { createServer } from "node:http";
const at = new WeakMap();
const server = createServer((req, res) => {
  console.log(JSON.stringify({ method: req.method, url: req.url, host: req.headers.host, connectedAt: at.get(req.socket) }));
  res.end("hello from the public host\\n");
});
server.on("connection", (socket) => at.set(socket, performance.timeOrigin + performance.now()));
server.listen(80, "${PUBLIC_HOST}", () => console.log("up"));
`;

/** Builds it inside of `inOwnNetwork`. */
export async function startInternet(): Promise<Internet> {
  if (!hasOwnNetwork()) throw new Error("startInternet only runs inside inOwnNetwork");
  const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
  const dir = mkdtempSync(join(tmpdir(), "nc-net-"));
  ip("link", "set", "lo", "up");
  // The other side: a namespace that lives as long as its server.
  writeFileSync(join(dir, "upstream.mjs"), UPSTREAM);
  const gate = `ip link set lo up; read _; ip addr add ${PUBLIC_HOST}/30 dev nc1; ip link set nc1 up; exec "$0" "$1"`;
  const far = spawn("unshare", ["-n", "sh", "-c", gate, process.execPath, join(dir, "upstream.mjs")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await moved(far);
  ip("link", "add", "nc0", "type", "veth", "peer", "name", "nc1", "netns", String(far.pid));
  ip("addr", "add", `${OUR_END}/30`, "dev", "nc0");
  ip("link", "set", "nc0", "up");
  far.stdin?.write("\n");
  const visits: Visit[] = [];
  await new Promise<void>((resolve, reject) => {
    far.once("close", () => reject(new Error("the public host did not start")));
    createInterface({ input: far.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      if (line === "up") resolve();
      else visits.push(JSON.parse(line) as Visit);
    });
  });
  const names = new Map<string, string>();
  const dns = createSocket("udp4");
  dns.on("message", (query, peer) => {
    const answer = answerTo(
      query,
      (name) => names.get(name) ?? (name.endsWith(".test") ? PUBLIC_HOST : undefined),
    );
    if (answer) dns.send(answer, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => dns.bind(53, "127.0.0.1", resolve));
  writeFileSync(join(dir, "resolv.conf"), "nameserver 127.0.0.1\n");
  execFileSync("mount", ["--bind", join(dir, "resolv.conf"), "/etc/resolv.conf"]);
  return {
    visits,
    point: (name, address) => void names.set(name, address),
    async close() {
      dns.close();
      far.removeAllListeners("close");
      far.kill("SIGKILL");
      execFileSync("umount", ["/etc/resolv.conf"]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Resolves once the child is in its own network namespace. */
async function moved(child: ChildProcess): Promise<void> {
  const { readlinkSync } = await import("node:fs");
  const ours = readlinkSync("/proc/self/ns/net");
  for (let i = 0; i < 500; i++) {
    try {
      if (readlinkSync(`/proc/${child.pid}/ns/net`) !== ours) return;
    } catch {
      // not there yet
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the second network namespace did not come up");
}

/** One answer to one question: A for known names, nothing for other types, NXDOMAIN for unknown names (RFC 1035 §4). */
function answerTo(query: Buffer, addressOf: (name: string) => string | undefined): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  while (at < query.length && query[at] !== 0) {
    const length = query[at] ?? 0;
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  const type = query.readUInt16BE(at + 1);
  const address = addressOf(labels.join(".").toLowerCase());
  const found = address !== undefined && type === 1;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | (address === undefined ? 3 : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  header.fill(0, 8);
  const record = found
    ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split(".").map(Number)])
    : Buffer.alloc(0);
  return Buffer.concat([header, query.subarray(12, end), record]);
}

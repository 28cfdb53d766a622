/**
 * Everything that is measured, each a process of its own: ours and the floor on a unix socket (where the product
 * listens) and on loopback, Debian's Squid and tinyproxy and npm's proxy-chain on loopback. A peer that can't be had
 * here is left out with the reason.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensurePrograms } from "../../scripts/lib/debian.mjs";
import { type Child, startChild } from "../lib/child.ts";
import type { Place } from "./load.ts";
import { HOST } from "./policy.ts";
import { treeCpuMs, treePssMB } from "./processes.ts";

/** What is behind the proxies: a port per kind of answer. */
export interface Upstream {
  readonly byte: number;
  readonly stream: number;
  readonly http: number;
}

/** A running proxy. */
export interface Peer {
  readonly place: Place;
  /** Names of the upstream's ports for CONNECT; undefined for the upstream itself. */
  readonly byte?: string;
  readonly stream?: string;
  /** For plain requests. */
  readonly url: string;
  cpuMs(): number;
  pssMB(): number;
  close(): Promise<void>;
}

/** All names, in the order of the table. */
export const NAMES = [
  "direct",
  "floor",
  "ours",
  "floor, TCP",
  "ours, TCP",
  "squid",
  "tinyproxy",
  "proxy-chain",
] as const;
export type Name = (typeof NAMES)[number];

/** Starts peers. */
export class Peers {
  private readonly home: string;
  private readonly upstream: Upstream;
  /** Why a peer is left out. */
  readonly missing = new Map<Name, string>();
  private starts = 0;

  constructor(home: string, upstream: Upstream) {
    this.home = home;
    this.upstream = upstream;
  }

  /** Installs what comes from Debian, where that is possible. */
  async prepare(): Promise<void> {
    for (const program of ["squid", "tinyproxy"] as const) {
      try {
        await ensurePrograms({ [program]: program }, { yes: false });
      } catch (err) {
        this.missing.set(program, (err as Error).message);
      }
    }
  }

  /** A fresh process. Squid drops to a user of its own when started by root, so its folder is open to it. */
  async start(name: Name): Promise<Peer> {
    const { byte, stream, http } = this.upstream;
    const named = {
      byte: `127.0.0.1:${byte}`,
      stream: `127.0.0.1:${stream}`,
      url: `http://127.0.0.1:${http}/`,
    };
    const file = (at: string) => join(import.meta.dirname, at);
    const dir = join(this.home, `p${this.starts++}`);
    switch (name) {
      case "direct":
        return {
          place: { host: "127.0.0.1", port: byte },
          url: named.url,
          cpuMs: () => 0,
          pssMB: () => 0,
          close: async () => {},
        };
      case "floor":
      case "floor, TCP": {
        const child = await startChild(file("floor.ts"), [`${dir}.sock`]);
        return ofChild(child, name === "floor" ? { path: `${dir}.sock` } : undefined, named);
      }
      case "ours":
      case "ours, TCP": {
        const args = [dir, byte, stream, http].map(String);
        const child = await startChild(file("ours.ts"), args);
        return ofChild(child, name === "ours" ? { path: `${dir}.sock` } : undefined, {
          byte: `${HOST}:443`,
          stream: `${HOST}:8443`,
          url: `http://${HOST}/`,
        });
      }
      case "proxy-chain":
        return ofChild(await startChild(file("chain.ts")), undefined, named);
      case "squid": {
        const port = await freePort();
        writeFileSync(`${dir}.conf`, squidConf(dir, port));
        chmodSync(this.home, 0o777);
        return ofProgram("squid", ["-N", "-f", `${dir}.conf`], port, named);
      }
      case "tinyproxy": {
        const port = await freePort();
        writeFileSync(`${dir}.conf`, tinyproxyConf(dir, port));
        return ofProgram("tinyproxy", ["-d", "-c", `${dir}.conf`], port, named);
      }
    }
  }
}

type Named = Required<Pick<Peer, "byte" | "stream" | "url">>;

function ofChild(child: Child, local: Place | undefined, named: Named): Peer {
  return {
    place: local ?? { host: "127.0.0.1", port: Number(child.hello["port"]) },
    ...named,
    cpuMs: () => child.cpuMs(),
    pssMB: () => treePssMB(child.pid),
    close: () => child.close(),
  };
}

async function ofProgram(program: string, args: string[], port: number, named: Named): Promise<Peer> {
  const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin`;
  const child = spawn(program, args, { stdio: "ignore", env: { ...process.env, PATH } });
  await answering(program, child, port);
  const pid = child.pid!;
  return {
    place: { host: "127.0.0.1", port },
    ...named,
    cpuMs: () => treeCpuMs(pid),
    pssMB: () => treePssMB(pid),
    close: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  };
}

async function answering(program: string, child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`${program} doesn't listen`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** No cache, a log line per request as Debian has it, one worker. */
const squidConf = (dir: string, port: number) => `
http_port 127.0.0.1:${port}
http_access allow localhost
http_access deny all
cache deny all
access_log daemon:${dir}.access.log
cache_log ${dir}.cache.log
pid_filename ${dir}.pid
coredump_dir ${dir}
netdb_filename none
pinger_enable off
max_filedescriptors 16384
shutdown_lifetime 0 seconds
visible_hostname bench
`;

const tinyproxyConf = (dir: string, port: number) => `
Port ${port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 600
MaxClients 4000
LogFile "${dir}.log"
LogLevel Info
`;

/**
 * The sandboxes of a home while nothing runs in them: for backup, restore and removal. The caller holds the home's lock,
 * or keeps the service from starting anything. Must never touch the files of a sandbox whose processes live.
 */
import { readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import type { Paths } from "../../lib/paths.ts";
import { SandboxId, SandboxInfo } from "../driver.ts";
import { isRoot, makeDirectory, writeAtomic } from "../host/files.ts";
import { isAlive } from "../host/proc.ts";
import { UID_BASE, uidOf } from "../host/uids.ts";
import { findBwrap } from "../process/bwrap.ts";
import { confinedWork } from "../process/confined.ts";
import { packHome, type Running, unpackHome } from "./tar.ts";

const END_MS = 10_000;

/** A record as stored; what a driver adds of its own goes with it. */
const Stored = z.looseObject({ v: z.literal(1), ...SandboxInfo.shape });

/** See the module's header. */
export class RestingHomes {
  readonly #paths: Paths;

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** Principals that have files here. */
  principals(): string[] {
    return list(dirname(this.#paths.user("x").dir)).filter((name) => SandboxId.safeParse(name).success);
  }

  /** Text of a sandbox's record; undefined when there is none. @throws Fault `sandbox-record` when it is damaged */
  record(id: SandboxId): string | undefined {
    const file = this.#recordFile(id);
    try {
      const text = readFileSync(file, "utf8");
      Stored.parse(JSON.parse(text));
      return text;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Fault({
        code: "sandbox-record",
        message: `${file} is damaged`,
        hint: "nemoclaw doctor",
        cause: error,
      });
    }
  }

  /** Ends agents that outlived their service. Returns how many there were. */
  async endAll(): Promise<number> {
    const alive = this.principals().flatMap((id) => {
      const text = this.record(id);
      const info = text === undefined ? undefined : Stored.parse(JSON.parse(text));
      return info && info.pid > 0 && isAlive(info.pid, info.startTime) ? [info] : [];
    });
    for (const { pid } of alive) process.kill(pid, "SIGKILL"); // The kernel ends all else in its PID namespace.
    for (
      const until = performance.now() + END_MS;
      alive.some((one) => isAlive(one.pid, one.startTime));
      await sleep(10)
    ) {
      if (performance.now() < until) continue;
      throw new Fault({
        code: "sandbox-alive",
        message: `processes of ${alive.length} sandboxes do not end`,
      });
    }
    return alive.length;
  }

  /** Everything in a principal's home. */
  pack(id: SandboxId): Running<Readable> {
    this.#requireRest(id);
    return packHome(this.#paths.user(id).home, this.#uid(id));
  }

  /** Removes all files of a principal's home; record and home itself stay. */
  async empty(id: SandboxId): Promise<void> {
    this.#requireRest(id);
    this.prepare(id);
    await confinedWork(findBwrap()).empty(this.#paths.user(id).home, this.#uid(id));
  }

  /** Makes a principal's home, with a host uid of this machine's. */
  prepare(id: SandboxId): void {
    const user = this.#paths.user(id);
    makeDirectory(user.dir, isRoot ? 0o711 : 0o700);
    makeDirectory(user.home, 0o700, this.#uid(id));
  }

  /** Makes the principal's home and takes files into it. */
  unpack(id: SandboxId): Running<Writable> {
    this.prepare(id);
    return unpackHome(this.#paths.user(id).home, this.#uid(id));
  }

  /** Stores a record that another machine made: stopped, with this machine's uid and sockets of its own. */
  adopt(id: SandboxId, text: string): void {
    const rest = {
      state: "stopped",
      pid: 0,
      startTime: 0,
      bootId: "",
      lastStop: "asked",
      oomKills: 0,
      runName: newId("s"),
    };
    const info = Stored.parse({ ...(JSON.parse(text) as object), ...rest, id, uid: this.#uid(id) });
    makeDirectory(this.#paths.launcher.records, 0o700);
    writeAtomic(this.#recordFile(id), `${JSON.stringify(info, null, 1)}\n`);
  }

  /** Removes a principal's files and record. Its uid is never given out again. */
  async remove(id: SandboxId): Promise<void> {
    this.#requireRest(id);
    const user = this.#paths.user(id);
    if (list(user.dir).includes("home")) {
      await confinedWork(findBwrap()).empty(user.home, this.#uid(id));
      rmdirSync(user.home);
    }
    rmSync(user.dir, { recursive: true, force: true });
    rmSync(this.#recordFile(id), { force: true });
  }

  #requireRest(id: SandboxId): void {
    const text = this.record(id);
    const info = text === undefined ? undefined : Stored.parse(JSON.parse(text));
    if (info && info.pid > 0 && isAlive(info.pid, info.startTime))
      throw new Fault({ code: "sandbox-alive", message: `${info.name} still runs (pid ${info.pid})` });
  }

  #uid(id: SandboxId): number {
    return isRoot ? uidOf(this.#paths.uids, id, UID_BASE) : (process.getuid?.() ?? 0);
  }

  #recordFile(id: SandboxId): string {
    return join(this.#paths.launcher.records, `${id}.json`);
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/**
 * Where the conformance suite plays: each driver, with the service as root and as an ordinary user. Docker's stages share
 * one daemon, which this file starts when the first is used and which must leave nothing behind.
 */
import assert from "node:assert/strict";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import type { LauncherOptions } from "../../../src/sandbox/launcher/index.ts";
import { Dockerd, noDockerd } from "../../helpers/dockerd.ts";
import { Host, ORDINARY_UID, RUN_AS, type RunAs } from "../../sandbox/harness.ts";

/** One driver in one role. */
export interface Stage {
  driver: "process" | "docker";
  as: RunAs;
  name: string;
  /** A new installation whose sandboxes are made by this driver. */
  host(overrides?: Partial<LauncherOptions>): Promise<Host>;
  /** What Docker puts into every environment. */
  hostName(info: SandboxInfo): string[];
  /** What bubblewrap puts into every environment. */
  workingDirectory: string[];
}

const DRIVERS = ["process", "docker"] as const;

/** Drivers that were asked for (`npm run test:driver -- process docker`), or all. */
export function wantedDrivers(
  text: string | undefined = process.env["NEMOCLAW_TEST_DRIVERS"],
): Stage["driver"][] {
  const words = text?.split(/[\s,]+/).filter(Boolean) ?? [];
  const unknown = words.find((word) => !(DRIVERS as readonly string[]).includes(word));
  if (unknown !== undefined) throw new Error(`no driver is called ${unknown}: ${DRIVERS.join(", ")}`);
  return words.length > 0 ? DRIVERS.filter((driver) => words.includes(driver)) : [...DRIVERS];
}

/** Stages that can be played here; why Docker's can't, if so. */
export function stages(): { stages: Stage[]; dockerMissing: string | undefined } {
  const wanted = wantedDrivers();
  const dockerMissing = wanted.includes("docker") ? noDockerd() : undefined;
  const drivers = dockerMissing === undefined ? wanted : wanted.filter((driver) => driver !== "docker");
  return {
    stages: drivers.flatMap((driver) => RUN_AS.map((as) => stageOf(driver, as))),
    dockerMissing,
  };
}

function stageOf(driver: Stage["driver"], as: RunAs): Stage {
  return {
    ...{ driver, as, name: `${driver}, service run as ${as === "root" ? "root" : "an ordinary user"}` },
    async host(overrides = {}) {
      if (driver === "process") return new Host(as, overrides);
      const { socket } = await theDaemon();
      // As an ordinary user measuring takes a container each time.
      return new Host(as, {
        driver,
        docker: { socket },
        diskMs: as === "user" ? 3_000 : 1_000,
        ...overrides,
      });
    },
    hostName: (info) => (driver === "docker" ? [`HOSTNAME=${info.name}`] : []),
    workingDirectory: driver === "process" ? ["PWD=/home/sandbox"] : [],
  };
}

let daemon: Promise<Dockerd> | undefined;

/** The daemon of all stages. Its socket belongs to the ordinary user's group, as Debian's does to `docker`. */
export function theDaemon(): Promise<Dockerd> {
  daemon ??= (async () => {
    const made = new Dockerd(["--group", String(ORDINARY_UID)]);
    await made.start();
    return made;
  })();
  return daemon;
}

/** Ends it. @throws AssertionError when a test has left a container, or the daemon anything at all */
export async function removeDaemon(): Promise<void> {
  const running = await daemon;
  if (!running) return;
  const left = await running.docker.listContainers({ all: true });
  await running.remove();
  assert.deepEqual(
    left.map(({ Names }) => Names),
    [],
  );
  daemon = undefined;
}

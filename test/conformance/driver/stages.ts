/**
 * Where the conformance suite plays: each driver, with the service as root and as an ordinary user. Docker's stages share
 * one daemon, which this file starts when the first is used and which must leave nothing behind.
 */
import assert from "node:assert/strict";
import type { SandboxInfo } from "../../../src/sandbox/driver.ts";
import type { LauncherOptions } from "../../../src/sandbox/launcher/index.ts";
import { Dockerd, noDockerd } from "../../helpers/dockerd.ts";
import { noPodman, Podman } from "../../helpers/podman.ts";
import { Host, ORDINARY_UID, RUN_AS, type RunAs } from "../../sandbox/harness.ts";

/** One driver in one role. */
export interface Stage {
  driver: "process" | "docker" | "podman";
  as: RunAs;
  name: string;
  /** A new installation whose sandboxes are made by this driver. */
  host(overrides?: Partial<LauncherOptions>): Promise<Host>;
  /** What Docker puts into every environment. */
  hostName(info: SandboxInfo): string[];
  /** What Podman puts into every environment. */
  engineMarks: string[];
  /** What bubblewrap puts into every environment. */
  workingDirectory: string[];
}

const DRIVERS = ["process", "docker", "podman"] as const;
/** Played when none is named. Podman is an experiment, and not installed everywhere: it has to be asked for. */
const USUAL: readonly Stage["driver"][] = ["process", "docker"];

/** Drivers that were asked for (`npm run test:driver -- process docker`), or all. */
export function wantedDrivers(
  text: string | undefined = process.env["NEMOCLAW_TEST_DRIVERS"],
): Stage["driver"][] {
  const words = text?.split(/[\s,]+/).filter(Boolean) ?? [];
  const unknown = words.find((word) => !(DRIVERS as readonly string[]).includes(word));
  if (unknown !== undefined) throw new Error(`no driver is called ${unknown}: ${DRIVERS.join(", ")}`);
  return words.length > 0 ? DRIVERS.filter((driver) => words.includes(driver)) : [...USUAL];
}

/** Why a driver can't be played here; undefined when it can. */
const MISSING: Record<Stage["driver"], () => string | undefined> = {
  process: () => undefined,
  docker: noDockerd,
  podman: noPodman,
};

/** Stages that can be played here; of the other wanted drivers why they can't. */
export function stages(): { stages: Stage[]; missing: { driver: Stage["driver"]; why: string }[] } {
  const found = wantedDrivers().map((driver) => ({ driver, why: MISSING[driver]() }));
  return {
    stages: found
      .filter(({ why }) => why === undefined)
      .flatMap(({ driver }) => RUN_AS.map((as) => stageOf(driver, as))),
    missing: found.flatMap(({ driver, why }) => (why === undefined ? [] : [{ driver, why }])),
  };
}

function stageOf(driver: Stage["driver"], as: RunAs): Stage {
  return {
    ...{ driver, as, name: `${driver}, service run as ${as === "root" ? "root" : "an ordinary user"}` },
    async host(overrides = {}) {
      if (driver === "process") return new Host(as, overrides);
      const docker =
        driver === "podman"
          ? { socket: (await thePodman()).socket, engine: driver }
          : { socket: (await theDaemon()).socket };
      // As an ordinary user measuring takes a container each time.
      return new Host(as, {
        driver: "docker",
        docker,
        diskMs: as === "user" ? 3_000 : 1_000,
        ...overrides,
      });
    },
    hostName: (info) => (driver === "process" ? [] : [`HOSTNAME=${info.name}`]),
    engineMarks: driver === "podman" ? ["TERM=xterm", "container=podman"] : [],
    workingDirectory: driver === "process" ? ["PWD=/home/sandbox"] : [],
  };
}

let daemon: Promise<Dockerd> | undefined;
let podman: Promise<Podman> | undefined;

/** The daemon of all stages. Its socket belongs to the ordinary user's group, as Debian's does to `docker`. */
export function theDaemon(): Promise<Dockerd> {
  daemon ??= (async () => {
    const made = new Dockerd(["--group", String(ORDINARY_UID)]);
    await made.start();
    return made;
  })();
  return daemon;
}

/** The Podman service of its stages. */
export function thePodman(): Promise<Podman> {
  podman ??= (async () => {
    const made = new Podman(ORDINARY_UID);
    await made.start();
    return made;
  })();
  return podman;
}

/** Ends both. @throws AssertionError when a test has left a container, or the daemon anything at all */
export async function removeDaemons(): Promise<void> {
  await removeDaemon(await daemon);
  daemon = undefined;
  await removeDaemon(await podman);
  podman = undefined;
}

async function removeDaemon(running: Dockerd | Podman | undefined): Promise<void> {
  if (!running) return;
  const left = await running.docker.listContainers({ all: true });
  await running.remove();
  assert.deepEqual(
    left.map(({ Names }) => Names),
    [],
  );
}

/** Checks of the running service: each process, each protection, what of it lies in swap; and the console's port. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";
import type { Examined } from "./examined.ts";
import { listenerOf } from "./port-owner.ts";

/** One finding per process that isn't well, else one for all. */
export function checkServices({ service, hangs }: Examined): Finding[] {
  const name = "service";
  if (hangs)
    return [
      fail(
        name,
        "it takes questions and does not answer",
        "nemoclaw logs; the lock's line says which process to end",
      ),
    ];
  if (!service) return [ok(name, "not running (nemoclaw start)")];
  const ill = service.services.filter(({ state }) => state !== "ready");
  if (ill.length === 0) return [ok(name, `${service.services.length} processes ready, pid ${service.pid}`)];
  return ill.map(({ name: which, state, trouble }) => {
    const detail = `${state}${trouble ? `: ${trouble}` : ""}`;
    const fix = `nemoclaw logs (only lines of ${which} matter)`;
    return state === "starting" || state === "stopping"
      ? warn(`service ${which}`, detail, "look again in a few seconds")
      : fail(`service ${which}`, detail, fix);
  });
}

/** What the launcher's self-test saw from inside a sandbox. */
export function checkProtections({ service, config }: Examined): Finding[] {
  const chosen = config?.sandbox.protections === "best_effort";
  const layers = service?.layers ?? [];
  const missing = layers.filter(({ active, required }) => required && !active);
  if (layers.length === 0) return [];
  if (missing.length === 0)
    return [
      ok(
        "protections",
        `${layers.filter((layer) => layer.required).length} layers active, probed from inside`,
      ),
    ];
  return missing.map(({ name, detail, fix }) => {
    const make = chosen ? warn : fail;
    return make(`protection ${name}`, detail, fix ?? "docs/security.md");
  });
}

/** Keys and tokens must not lie on a disk: the processes that hold them should have nothing in swap. */
export function checkSwapped({ service }: Examined): Finding[] {
  if (!service) return [];
  const swapped = service.services
    .filter(({ name, pid }) => (name === "gateway" || name.endsWith("-bridge")) && pid > 0)
    .flatMap(({ name, pid }) => {
      const kilobytes = swapOf(pid);
      return kilobytes > 0 ? [`${name} ${kilobytes} kB`] : [];
    });
  return swapped.length === 0
    ? [ok("swapped secrets", "nothing of gateway and bridges is in swap")]
    : [
        warn(
          "swapped secrets",
          swapped.join(", "),
          "use zram or encrypted swap, then: nemoclaw stop, nemoclaw start",
        ),
      ];
}

function swapOf(pid: number): number {
  try {
    return Number(/^VmSwap:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** A fixed port of the console's page must be free, or ours. */
export async function checkPort({ config, service }: Examined): Promise<Finding[]> {
  const port = config?.console.port ?? 0;
  if (port === 0) return [];
  const name = "console port";
  const problem = await tryPort(port);
  if (problem === undefined) return [ok(name, `127.0.0.1:${port} is free`)];
  const owner = listenerOf(port);
  const ours = service?.services.find((one) => one.name === "console")?.pid;
  if (owner && owner.pid === ours) return [ok(name, `127.0.0.1:${port}`)];
  const who = owner ? `pid ${owner.pid} (${owner.command})` : "another program";
  return [
    problem === "EADDRINUSE"
      ? fail(
          name,
          `127.0.0.1:${port} is taken by ${who}`,
          "end it, or choose another console.port (NEMOCLAW_PORT); 0 takes any free one",
        )
      : fail(
          name,
          `127.0.0.1:${port} can't be used: ${problem}`,
          "choose a console.port above 1023; 0 takes any free one",
        ),
  ];
}

/** The system's code when nobody may listen there now. */
function tryPort(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(undefined)));
  });
}

/** Sandboxes in OpenShell's words: phases, columns, facts. Pure; shapes as reference §2.2 gives them. */

/** A sandbox as far as it is known. */
export interface PhaseFacts {
  /** As the launcher recorded it; undefined before the first start. */
  readonly recorded?: "stopped" | "running" | "parked" | undefined;
  /** As the worker has it now; absent while no worker answers. */
  readonly state?: string | undefined;
  readonly agent?: string | undefined;
  readonly off?: boolean | undefined;
}

/**
 * `Ready` takes a turn now or within a second, `Stopped` has files only, `Pending` was never started, `Error` runs without
 * its agent.
 */
export function phaseOf({ recorded, state, agent, off }: PhaseFacts): string {
  if (state === undefined) {
    if (recorded === undefined) return "Pending";
    return recorded === "stopped" ? "Stopped" : "Ready";
  }
  if (off || state === "cold") return "Stopped";
  if (state === "waking") return "Starting";
  if (agent === "failed") return "Error";
  return "Ready";
}

/** A sandbox as these commands show it. */
export interface SandboxShown {
  id: string;
  name: string;
  phase: string;
  /** Unix milliseconds; 0 = never made. */
  created_at_ms: number;
  /** Rises when its record changes. */
  resource_version: number;
  labels: Record<string, string>;
}

const stamp = (ms: number) => (ms === 0 ? "-" : new Date(ms).toISOString().slice(0, 19).replace("T", " "));

/** `sandbox list`. */
export function phaseTable(all: readonly SandboxShown[]): string {
  const rows = [
    ["NAME", "CREATED", "PHASE"],
    ...all.map(({ name, created_at_ms: at, phase }) => [name, stamp(at), phase]),
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  return rows
    .map(([name = "", created = "", phase = ""]) => `${name.padEnd(width)}  ${created.padEnd(19)}  ${phase}`)
    .join("\n");
}

/** `sandbox get`. */
export function sandboxText(one: SandboxShown, policy: string | undefined): string {
  return [
    "Sandbox:",
    "",
    `  Id: ${one.id}`,
    `  Name: ${one.name}`,
    `  Phase: ${one.phase}`,
    `  Resource version: ${one.resource_version}`,
    "  Labels:",
    ...Object.entries(one.labels).map(([name, value]) => `    ${name}: ${value}`),
    ...(policy === undefined
      ? ["", "Policy: unknown while no gateway runs (nemoclaw start)"]
      : [
          "",
          "Policy:",
          "",
          ...policy
            .trimEnd()
            .split("\n")
            .map((line) => `  ${line}`),
        ]),
  ].join("\n");
}

/**
 * From what the self-test saw to layers, and from layers to "may we serve?". Pure.
 * Must never call a layer active that was not seen to hold.
 */
import type { Layer } from "../driver.ts";

/** What the self-test reports and what surrounds it. */
export interface Evidence {
  /** Output of inside/selftest.pl: `NAME RESULT` lines. */
  output: string;
  /** The host's own namespaces, by name: those that the driver promises to separate. */
  hostNamespaces: Readonly<Record<string, string>>;
  asRoot: boolean;
  uid: number;
  /** `cgroup v1`, `cgroup v2`; or why there is none. */
  cgroups: { kind: string } | { missing: string };
  pidsLimit: number;
  /** Why the home could not be measured; empty when it could. */
  diskProblem: string;
}

const [EPERM, EACCES, EROFS, ENETUNREACH, SIGKILL] = ["1", "13", "30", "101", "9"];
const CGROUP_FIX =
  "run the service as root, or give it a delegated control group (NEMOCLAW_CGROUP; systemd: Delegate=yes)";

/** Judges the evidence: one layer each, required ones marked. */
export function judgeEvidence(evidence: Evidence): Layer[] {
  const seen = new Map(evidence.output.split("\n").map((line) => line.split(" ", 2) as [string, string]));
  const is = (name: string, ...wanted: (string | undefined)[]) =>
    wanted.includes(seen.get(name) ?? "nothing");
  const shared = Object.entries(evidence.hostNamespaces).filter(
    ([name, host]) => !seen.get(`ns-${name}`)?.startsWith(`${name}:`) || is(`ns-${name}`, host),
  );
  const noCaps =
    is("CapEff", "0000000000000000") && is("CapBnd", "0000000000000000") && is("NoNewPrivs", "1");
  const cgroup = (active: boolean, what: string) =>
    "missing" in evidence.cgroups
      ? { active: false, detail: evidence.cgroups.missing, fix: CGROUP_FIX }
      : {
          active,
          detail: active ? evidence.cgroups.kind : `${evidence.cgroups.kind}, but ${what}`,
          fix: CGROUP_FIX,
        };
  const layer = (name: string, active: boolean, good: string, bad: string, fix: string): Layer => ({
    ...{ name, active, detail: active ? good : bad, required: true },
    ...(active ? {} : { fix }),
  });
  const abi = Number(seen.get("landlock-abi"));
  const forks = Number(seen.get("forks"));
  const caps: [string, ReturnType<typeof cgroup>][] = [
    ["memory-cap", cgroup(is("hog-signal", SIGKILL), "a memory hog was not stopped")],
    ["pids-cap", cgroup(forks > 0 && forks < evidence.pidsLimit, "a fork bomb was not stopped")],
  ];
  return [
    layer(
      "namespaces",
      shared.length === 0 && noCaps && is("usr", EROFS),
      `${Object.keys(evidence.hostNamespaces).join(", ")}; no capabilities`,
      shared.length > 0
        ? `shared with the host: ${shared.map(([name]) => name)}`
        : "the sandbox has rights left",
      "allow unprivileged user namespaces",
    ),
    layer(
      "no-network",
      is("interfaces", "lo") && is("connect", ENETUNREACH),
      "loopback only",
      `interfaces: ${seen.get("interfaces") ?? "unknown"}`,
      "allow network namespaces",
    ),
    layer(
      "seccomp",
      is("Seccomp", "2") && is("keyctl", EPERM) && is("unshare", EPERM) && is("agent-unix-socket", EPERM),
      "filter mode, probed",
      "calls that must be refused went through",
      "a kernel with CONFIG_SECCOMP_FILTER",
    ),
    layer(
      "landlock",
      is("stage", "0") &&
        is("agent-root-dir", EACCES) &&
        is("agent-init-environ", EACCES) &&
        is("agent-home", "done"),
      `Landlock ABI ${abi}`,
      abi >= 1 ? `Landlock ABI ${abi}, but it did not hold` : "this kernel has no Landlock",
      "Linux 5.13 or later with landlock in the kernel parameter lsm=",
    ),
    ...caps.map(([name, { active, detail, fix }]) => ({
      ...{ name, active, detail, required: true },
      ...(active ? {} : { fix }),
    })),
    {
      name: "uid-separation",
      active: evidence.asRoot,
      detail: evidence.asRoot
        ? `one host uid each (this one ${evidence.uid})`
        : "all sandboxes share one host uid",
      required: false,
      ...(evidence.asRoot ? {} : { fix: "run the service as root" }),
    },
    {
      name: "disk-limit",
      active: evidence.diskProblem === "",
      detail: evidence.diskProblem || "measured every few seconds",
      required: true,
      ...(evidence.diskProblem ? { fix: "see the detail; du(1) runs in a sandbox of its own" } : {}),
    },
  ];
}

/** What an operator may choose. */
export type Compatibility = "hard_requirement" | "best_effort";

/**
 * Whether to serve with these layers. Each missing required one is a problem; problems forbid serving unless the
 * operator chose best_effort. While only the operator is let in, missing caps are problems but forbid nothing.
 */
export function judgeLayers(
  layers: readonly Layer[],
  mode: Compatibility,
  onlyOperator: boolean,
): { serve: boolean; problems: string[] } {
  const missing = layers.filter((layer) => layer.required && !layer.active);
  const forbidding = missing.filter(
    ({ name }) => !(onlyOperator && (name === "memory-cap" || name === "pids-cap")),
  );
  return {
    serve: layers.length > 0 && (mode === "best_effort" || forbidding.length === 0),
    problems: missing.map(
      ({ name, detail, fix }) => `${name} is missing: ${detail}${fix ? ` (${fix})` : ""}`,
    ),
  };
}

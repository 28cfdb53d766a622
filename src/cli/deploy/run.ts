/**
 * `nemoclaw deploy`: look at the machine, copy the release, install, onboard, start, show status. Each step looks whether
 * it is done already, so a deploy that was cut off is run again, and one that is complete changes nothing.
 */
import { createReadStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Fault } from "../../lib/errors.ts";
import { describeFinding, worst } from "../preflight/finding.ts";
import { judgeMachine, type RemoteFacts, readFacts } from "./probe.ts";
import { packRelease, type Release } from "./release.ts";
import * as scripts from "./scripts.ts";
import type { RemoteResult, Ssh } from "./ssh.ts";

/** What the operator chose. */
export interface DeployPlan {
  readonly ssh: Ssh;
  readonly destination: string;
  /** By their variables (scripts.SETTINGS). */
  readonly settings: ReadonlyMap<string, string>;
  /** By their variables. They go by standard input, and nowhere else. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Absent: this copy is packed. */
  readonly release?: Release | undefined;
  readonly verify: boolean;
  readonly dryRun: boolean;
  readonly tell: (line: string) => void;
}

/** What we read of the remote status. */
const Status = z.looseObject({
  state: z.string(),
  version: z.string(),
  services: z.array(z.looseObject({ name: z.string(), state: z.string(), trouble: z.string() })),
  warnings: z.array(z.string()),
});
export type RemoteStatus = z.infer<typeof Status>;

/** A first start installs the agent's runtime. */
const HEALTHY_MS = 10 * 60_000;
const LOOK_MS = 1_000;

/** Resolves with the remote status; undefined after a dry run. @throws Fault that names the step */
export async function deploy(plan: DeployPlan): Promise<RemoteStatus | undefined> {
  const { ssh, destination, tell, dryRun } = plan;
  const facts = readFacts((await must(ssh.run(scripts.PROBE), "looking at the machine")).out);
  const findings = judgeMachine(facts);
  for (const finding of findings) tell(describeFinding(finding));
  if (worst(findings) === "fail")
    throw new Fault({
      code: "deploy-machine",
      message: `${destination} won't do: ${findings
        .filter(({ verdict }) => verdict === "fail")
        .map(({ name }) => name)
        .join(", ")}`,
      hint: "mend it as said above, then deploy again",
    });
  const onboards = plan.settings.size > 0 || plan.secrets.size > 0 || facts["configured"] !== "yes";
  if (onboards && facts["configured"] !== "yes" && !plan.settings.has("NEMOCLAW_PROVIDER"))
    throw new Fault({
      code: "usage",
      message: `nothing is set up on ${destination} yet, and no provider was named`,
      hint: "say --provider NAME (demo needs no key)",
    });
  const release = plan.release ?? (await packRelease());
  try {
    const steps = stepsFor(plan, facts, release, onboards);
    for (const { title, skip, act } of steps) {
      if (skip) tell(`✓ ${title}: done already`);
      else if (dryRun) tell(`would: ${title}`);
      else {
        tell(`· ${title}`);
        await act();
      }
    }
  } finally {
    release.remove();
  }
  return dryRun ? undefined : healthy(ssh);
}

interface Step {
  title: string;
  skip: boolean;
  act: () => Promise<unknown>;
}

function stepsFor(
  plan: DeployPlan,
  facts: RemoteFacts,
  release: { file: string; sha256: string },
  onboards: boolean,
): Step[] {
  const { ssh, settings, secrets, verify, tell } = plan;
  const quoted = (line: string) => tell(`    ${line}`);
  const installed = facts["current"] === `versions/${release.sha256.slice(0, 12)}`;
  const lines = (map: ReadonlyMap<string, string>) =>
    [...map].map(([name, value]) => `${name}=${value}\n`).join("");
  const onboard = verify ? scripts.ONBOARD : scripts.ONBOARD_UNVERIFIED;
  const systemd = facts["systemd"] === "yes";
  const start = systemd ? scripts.START_UNIT : installed && !onboards ? scripts.START : scripts.RESTART;
  return [
    {
      title: `copy the release (${release.sha256.slice(0, 12)})`,
      skip: installed || facts["archive"] === release.sha256,
      act: async () => {
        const { out } = await must(
          ssh.run(scripts.COPY, createReadStream(release.file)),
          "copying the release",
        );
        if (out.trim() !== release.sha256)
          throw new Fault({ code: "deploy-copy", message: "the release arrived damaged", retryable: true });
      },
    },
    {
      title: "install it",
      skip: installed,
      act: () => must(ssh.run(scripts.INSTALL, "", quoted), "installing"),
    },
    {
      title: `onboard${settings.size > 0 ? ` (${[...settings.keys()].join(", ")})` : ""}${secrets.size > 0 ? `, secrets by standard input: ${[...secrets.keys()].join(", ")}` : ""}`,
      skip: !onboards,
      act: () => must(ssh.run(onboard, `${lines(settings)}\n${lines(secrets)}`, quoted), "onboarding"),
    },
    {
      title: systemd ? "start it under systemd" : "start it in the background",
      skip: false,
      act: () => must(ssh.run(start, systemd ? scripts.UNIT : "", quoted), "starting"),
    },
  ];
}

/** Waits until all processes are ready. @throws Fault `deploy-unhealthy` that says which isn't */
async function healthy(ssh: Ssh): Promise<RemoteStatus> {
  for (const until = performance.now() + HEALTHY_MS; ; await sleep(LOOK_MS)) {
    const { status, out } = await ssh.run(scripts.STATUS);
    const now = status === 0 ? Status.safeParse(JSON.parse(out)).data : undefined;
    if (now?.state === "ready") return now;
    if (performance.now() < until && now?.state !== "degraded") continue;
    const ill = now?.services.filter((one) => one.state !== "ready") ?? [];
    throw new Fault({
      code: "deploy-unhealthy",
      message: ill.length
        ? `it runs there, but ${ill.map(({ name, state, trouble }) => `${name} is ${state}${trouble ? ` (${trouble})` : ""}`).join(", ")}`
        : "it does not run there",
      hint: "on that machine: nemoclaw doctor; nemoclaw logs",
    });
  }
}

async function must(running: Promise<RemoteResult>, what: string): Promise<RemoteResult> {
  const result = await running;
  if (result.status === 0) return result;
  const last = result.err.trim().split("\n").slice(-2).join(" ");
  throw new Fault({
    code: "deploy-step",
    message: `${what} failed there (exit code ${result.status}): ${last || "it said nothing"}`,
    hint: "mend it and deploy again: what is done is not done twice",
  });
}

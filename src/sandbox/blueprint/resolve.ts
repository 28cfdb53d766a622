/**
 * Reads and checks `blueprint.yaml` and the lock beside it.
 * Must never touch the network and never accept a lock other than the recorded one.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { describeError, Fault } from "../../lib/errors.ts";
import { type AgentSource, BlueprintFile, type Profile, runtimeDigest, sha256 } from "./schema.ts";

/** A blueprint whose parts belong together. */
export interface Blueprint {
  /** Names the runtime's directory: sha256 in hex. */
  digest: string;
  agent: AgentSource;
  policy: { unknown: "ask" | "deny"; default?: { file: string; text: string } };
  profiles: Record<string, Profile> & { default: Profile };
  /** Exact bytes of `package.json` and `package-lock.json`, as they will be installed. */
  manifest: Buffer;
  lock: Buffer;
  /** Number of packages in the lock. */
  packages: number;
}

/** Only what is checked here; npm reads the rest. */
const Lock = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      integrity: z.string().optional(),
      inBundle: z.boolean().optional(),
      link: z.boolean().optional(),
    }),
  ),
});

/** Resolves the blueprint of the project at `projectRoot`. Throws Faults `blueprint-invalid` and `blueprint-lock-mismatch`. */
export async function resolveBlueprint(projectRoot: string): Promise<Blueprint> {
  const file = join(projectRoot, "blueprint.yaml");
  const parsed = BlueprintFile.safeParse(parseYaml(file, await read(file)));
  if (!parsed.success) throw invalid(file, z.prettifyError(parsed.error));
  const { agent, policy, profiles } = parsed.data;

  const lockFile = join(projectRoot, agent.source, "package-lock.json");
  const [manifest, lock] = await Promise.all([
    read(join(projectRoot, agent.source, "package.json")),
    read(lockFile),
  ]);
  const policyFile = policy.file && {
    file: policy.file,
    text: (await read(join(projectRoot, policy.file))).toString("utf8"),
  };
  const found = sha256(lock);
  if (found !== agent.lockDigest) {
    throw new Fault({
      code: "blueprint-lock-mismatch",
      message: `${lockFile} is not the lock that blueprint.yaml records: found ${found}, recorded ${agent.lockDigest}`,
      hint: "restore the file from the release, or record the new digest in blueprint.yaml if you changed it on purpose",
    });
  }
  return {
    digest: runtimeDigest(agent, manifest, lock),
    agent,
    policy: { unknown: policy.unknown, ...(policyFile ? { default: policyFile } : {}) },
    profiles: profiles as Blueprint["profiles"],
    manifest,
    lock,
    packages: checkLock(lockFile, lock, agent),
  };
}

/** Every package must be pinned by a sha512 and the agent must have the blueprint's version. Returns how many there are. */
function checkLock(file: string, bytes: Buffer, agent: AgentSource): number {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw invalid(file, describeError(error));
  }
  const lock = Lock.safeParse(json);
  if (!lock.success) throw invalid(file, z.prettifyError(lock.error));
  const packages = Object.entries(lock.data.packages).filter(([path]) => path !== "");
  // A bundled package has no digest of its own: its bytes are part of its parent's.
  const loose = packages.find(([, p]) => p.link || !(p.inBundle || p.integrity?.startsWith("sha512-")));
  if (loose) throw invalid(file, `${loose[0]} is not pinned by a sha512 integrity`);
  const locked = lock.data.packages[`node_modules/${agent.package}`]?.version;
  if (locked !== agent.version) {
    throw invalid(
      file,
      `${agent.package} is locked at ${locked ?? "nothing"}, blueprint.yaml wants ${agent.version}`,
    );
  }
  return packages.length;
}

function parseYaml(file: string, bytes: Buffer): unknown {
  try {
    return parse(bytes.toString("utf8"));
  } catch (error) {
    throw invalid(file, describeError(error));
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw invalid(file, describeError(error));
  }
}

function invalid(file: string, why: string): Fault {
  return new Fault({ code: "blueprint-invalid", message: `${file}: ${why}` });
}

/**
 * `blueprint.yaml`: its schema and its digest. Pure; reads no file.
 * A blueprint is data that is shipped with the product: unknown keys are errors.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { AgentSpec, Limits } from "../driver.ts";

/** The runtime of the agent: everything that decides which bytes are installed. */
export const AgentSource = z.strictObject({
  package: z.string().regex(/^(@[a-z0-9._-]+\/)?[a-z0-9._-]+$/),
  version: z.string().regex(/^[0-9][A-Za-z0-9.+-]*$/),
  node: z.string().regex(/^\d+\.\d+\.\d+$/),
  source: z.string().regex(/^[A-Za-z0-9._-]+$/),
  lockDigest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});
export type AgentSource = z.infer<typeof AgentSource>;

/** What a new sandbox gets unless its operator says otherwise. */
export const Profile = z.strictObject({
  model: AgentSpec.shape.model,
  limits: Limits,
});
export type Profile = z.infer<typeof Profile>;

/** The whole file. */
export const BlueprintFile = z.strictObject({
  version: z.literal(1),
  agent: AgentSource,
  policy: z.strictObject({
    unknown: z.enum(["ask", "deny"]),
    /** The default policy, from the project's folder. What it says is the gateway's matter. */
    file: z
      .string()
      .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/)
      .refine((path) => !path.split("/").includes(".."))
      .optional(),
  }),
  profiles: z
    .record(z.string().regex(/^[a-z0-9-]{1,63}$/), Profile)
    .refine((p) => "default" in p, "a profile `default` is required"),
});
export type BlueprintFile = z.infer<typeof BlueprintFile>;

/** `sha256:` and the hex digest of some bytes. */
export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return `sha256:${hash.digest("hex")}`;
}

/** Digest of a runtime: the agent section (key order doesn't matter) and the exact bytes of manifest and lock. */
export function runtimeDigest(agent: AgentSource, manifest: Uint8Array, lock: Uint8Array): string {
  const section = JSON.stringify(Object.entries(agent).sort(([a], [b]) => (a < b ? -1 : 1)));
  return sha256(section, "\0", manifest, "\0", lock).slice("sha256:".length);
}

/**
 * What is stored of policies (DESIGN §5), as zod schemas: revisions of the policy of `default` or of one principal,
 * written by the gateway's user only (acl.ts). The store knows texts and names; what they mean is the gateway's matter.
 */
import { z } from "zod";
import { PrincipalId } from "./records.ts";

/** Whose policy: everybody's, or one principal's. */
export const PolicyTarget = z.union([z.literal("default"), PrincipalId]);
export type PolicyTarget = z.infer<typeof PolicyTarget>;

/** Revisions that are kept per target. */
export const POLICY_KEEP = 50;

/** A preset in force. Its hosts come from the product, but for registries, which the operator's machine named. */
export const PolicyPreset = z.looseObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  /** Host and port of the registries that `$registry` stood for when it was added. */
  registries: z.array(z.object({ host: z.string().max(253), port: z.number() })).max(64),
  /** Of a preset that doesn't come with the product. */
  text: z
    .string()
    .max(256 * 1024)
    .optional(),
});
export type PolicyPreset = z.infer<typeof PolicyPreset>;

/** Everything about a revision but its text. */
export const PolicyRevisionInfo = z.looseObject({
  v: z.number(),
  number: z.number(),
  /** SHA-256 of what it means. */
  hash: z.string(),
  /** Who, as the caller says: a user's name, or `file` and a host. */
  by: z.string().max(128),
  note: z.string().max(256),
  presets: z.array(z.string()),
  /** The revision that this one brought back. */
  rollbackOf: z.number().optional(),
  createdAt: z.number(),
});
export type PolicyRevisionInfo = z.infer<typeof PolicyRevisionInfo>;

/** What it says. */
export const PolicyBody = z.looseObject({
  /** Name of the file, for messages. */
  file: z.string().max(512),
  text: z.string(),
  presets: z.array(PolicyPreset),
});
export type PolicyBody = z.infer<typeof PolicyBody>;

/** A whole revision. */
export type PolicyRevision = Pick<
  PolicyRevisionInfo,
  "v" | "number" | "hash" | "by" | "note" | "rollbackOf" | "createdAt"
> &
  PolicyBody;

/** A revision that is to be added. */
export type NewPolicyRevision = Pick<PolicyRevisionInfo, "hash" | "by" | "note" | "rollbackOf"> & PolicyBody;

/**
 * What policy files may say, as zod schemas: OpenShell's `version: 1`, the short `egress:` form and presets. Unknown
 * keys are errors. Parts of OpenShell's schema that this gateway doesn't enforce are refused by name: a policy that is
 * silently weaker than it reads is worse than none. Shapes and limits only; meaning is given by `from-file.ts`.
 */
import { z } from "zod";
import { globFault } from "./glob.ts";

/** Refuses a known key, unless it is written with the value that means "off". */
function unsupported(why: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, context) => {
      if (value === undefined || value === false) return;
      context.addIssue({
        code: "custom",
        message: `is part of the OpenShell schema but is not enforced here: ${why}`,
      });
    });
}

const glob = z
  .string()
  .min(1)
  .superRefine((value, context) => {
    const fault = globFault(value);
    if (fault) context.addIssue({ code: "custom", message: fault });
  });

const port = z.number().int().min(1).max(65_535);
const ports = z.array(port).min(1).max(64);
/** RFC 9110 token, written in upper case as it is matched. */
const method = z
  .string()
  .regex(/^(\*|[A-Za-z!#$%&'+.^_`|~0-9-]{1,32})$/, "expected an HTTP method or *")
  .transform((text) => text.toUpperCase());

const query = z.record(
  z.string().min(1).max(256),
  z.union([glob, z.strictObject({ glob }), z.strictObject({ any: z.array(glob).min(1).max(64) })], {
    error: "expected a glob, {glob: one} or {any: [globs]}",
  }),
);

const graphql = unsupported("GraphQL bodies are not parsed");
const rpc = unsupported("tool calls are not parsed");
const httpMatch = z.strictObject({
  method,
  path: glob.default("/**"),
  query: query.optional(),
  operation_type: graphql,
  operation_name: graphql,
  fields: graphql,
  tool: rpc,
  params: rpc,
});

const secrets = unsupported(
  "placeholders are only replaced by `nemoclaw credentials`, in headers of inspected requests",
);

/** One endpoint. */
export const Endpoint = z.strictObject({
  host: z.string().min(1).max(300).optional(),
  port: port.optional(),
  ports: ports.optional(),
  path: glob.optional(),
  protocol: z.string().max(32).optional(),
  tls: z.enum(["auto", "skip", "terminate", "passthrough"]).optional(),
  enforcement: z.enum(["enforce", "audit"]).optional(),
  access: z.enum(["read-only", "read-write", "full"]).optional(),
  rules: z
    .array(z.strictObject({ allow: httpMatch }))
    .min(1)
    .max(256)
    .optional(),
  deny_rules: z.array(httpMatch).max(256).optional(),
  allowed_ips: z.array(z.string().max(64)).min(1).max(256).optional(),
  allow_encoded_slash: z.boolean().optional(),
  /** Ours: a TLS client may leave out the server name. */
  sni: z.enum(["strict", "optional"]).optional(),
  websocket_credential_rewrite: secrets,
  request_body_credential_rewrite: secrets,
  allow_uninspected_credentials: secrets,
  credential_signing: secrets,
  signing_service: secrets,
  signing_region: secrets,
  credential_binding: secrets,
  persisted_queries: graphql,
  graphql_persisted_queries: graphql,
  graphql_max_body_bytes: graphql,
  mcp: rpc,
  json_rpc: rpc,
});
export type Endpoint = z.infer<typeof Endpoint>;

const ruleName = z
  .string()
  .regex(/^(?!__proto__$)[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/, "expected a name of letters, digits, . _ : -");

const NetworkPolicies = z.record(
  ruleName,
  z.strictObject({
    name: z.string().max(200).optional(),
    endpoints: z.array(Endpoint).min(1).max(256),
    binaries: z
      .array(z.strictObject({ path: glob }))
      .max(256)
      .optional(),
  }),
);
export type NetworkPolicies = z.infer<typeof NetworkPolicies>;

const path = z
  .string()
  .max(4_096)
  .refine((text) => text.startsWith("/"), "must be an absolute path")
  .refine((text) => !text.split("/").includes(".."), "must not contain ..")
  .refine((text) => !text.includes("\0"), "must not contain NUL");
const account = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine((text) => text === "sandbox" || (/^[1-9]\d{0,9}$/.test(text) && Number(text) <= 4_294_967_295), {
    error: 'must be "sandbox" or a numeric id from 1 to 4294967295 (never root)',
  });

/** OpenShell's policy file. */
export const OpenShellFile = z.strictObject({
  version: z.literal(1, { error: "expected version: 1" }),
  filesystem_policy: z
    .strictObject({
      include_workdir: z.boolean().default(false),
      read_only: z.array(path).max(256).default([]),
      read_write: z
        .array(path.refine((text) => !/^\/+\.?\/*$/.test(text), "must not be the whole file system"))
        .max(256)
        .default([]),
    })
    .optional(),
  landlock: z
    .strictObject({ compatibility: z.enum(["best_effort", "hard_requirement"]).optional() })
    .optional(),
  process: z.strictObject({ run_as_user: account.optional(), run_as_group: account.optional() }).optional(),
  network_policies: NetworkPolicies.optional(),
  network_middlewares: unsupported("there are no middlewares"),
  inference: unsupported("it left the policy file; use `openshell inference set`"),
});
export type OpenShellFile = z.infer<typeof OpenShellFile>;

const anyPort = z.union([port, z.literal("*")], { error: 'expected a port from 1 to 65535, or "*"' });
const shortEntry = z.strictObject({
  host: z.string().min(1).max(300),
  port: anyPort.optional(),
  ports: ports.optional(),
});

/** The short form. */
export const ShortFile = z.strictObject({
  egress: z.strictObject({
    allowed: z.array(shortEntry).max(1_024).default([]),
    denied: z.array(shortEntry).max(1_024).default([]),
  }),
});
export type ShortFile = z.infer<typeof ShortFile>;

/** A preset: OpenShell's form, plus what this project adds to describe it. */
export const PresetFile = z.strictObject({
  preset: z.strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
    description: z.string().min(1).max(300),
    /** Ours: shown as “lets data out”. */
    lets_data_out: z.boolean().optional(),
    /** Ours: `$registry` in hosts stands for the hosts in this client's configuration. */
    registry: z.enum(["npm", "pip", "docker"]).optional(),
  }),
  network_policies: NetworkPolicies,
});
export type PresetFile = z.infer<typeof PresetFile>;

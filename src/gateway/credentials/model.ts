/**
 * What a credential is: a secret, the one place where it is put, and who may have it put there. Schema first; what an
 * operator types is checked here once, what lies on disk again.
 */
import { z } from "zod";
import { parseHost } from "../egress/guard/index.ts";
import { compileGlob, globFault } from "../policy/glob.ts";
import { compileSecret, type SecretPattern } from "./scrubber.ts";

/** The text that stands for a secret in a sandbox: `nemoclaw-credential:NAME`. It is worth nothing by itself. */
export const PLACEHOLDER = "nemoclaw-credential:";

/** Headers that frame or route a request: a secret in one of them would bend it. */
const NOT_FOR_SECRETS =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept-encoding|range|if-range|proxy-.*|http2-settings|sec-websocket-.*)$/i;

const glob = z.string().refine((text) => text.startsWith("/") && globFault(text) === undefined, {
  message: "must be a path that begins with a slash, with * for any text",
});

/** Where `{}` stands, the secret goes. */
const HEADER = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/;

/** A credential as the operator gives it. */
export const Credential = z.strictObject({
  name: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/, "lower-case letters, digits and hyphens"),
  host: z.string().transform((text, context) => {
    const parsed = parseHost(text);
    if (parsed.ok) return parsed.value.host;
    context.addIssue({ code: "custom", message: "must be one exact host, without port or wildcard" });
    return z.NEVER;
  }),
  port: z.number().int().min(1).max(65_535).default(443),
  header: z
    .string()
    .max(512)
    .refine((text) => HEADER.test(text) && text.split("{}").length === 2, {
      message: "must read like `Authorization: Bearer {}`, with one {} for the secret",
    })
    .refine((text) => !NOT_FOR_SECRETS.test(text.slice(0, text.indexOf(":"))), {
      message: "this header belongs to the connection and can't carry a secret",
    }),
  /** Empty: any method. */
  methods: z.array(z.string().regex(/^[A-Z]{1,32}$/, "methods are upper case")).default([]),
  paths: z.array(glob).min(1).default(["/**"]),
  /** Sandbox ids or names, or `profile:NAME`. */
  for: z.array(z.string().regex(/^(profile:)?[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/)).min(1),
  /** At least 8 characters: shorter ones can't be told from ordinary text in answers. */
  secret: z.string().regex(/^[\x21-\x7e]{8,4096}$/, "8 to 4096 visible characters, on one line"),
});
export type Credential = z.infer<typeof Credential>;

/** A credential without its secret: what may be shown. */
export type PublicCredential = Omit<Credential, "secret">;

/** Leaves the secret out. */
export function publicPart({ secret: _secret, ...rest }: Credential): PublicCredential {
  return rest;
}

/** The environment variable that holds the placeholder inside. */
export function variableOf(name: string): string {
  return `NEMOCLAW_CREDENTIAL_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** A credential, ready to be judged by. */
export interface CompiledCredential {
  readonly credential: Credential;
  /** In lower case. */
  readonly headerName: string;
  readonly headerValue: string;
  readonly paths: readonly ((path: string) => boolean)[];
  readonly pattern: SecretPattern;
}

/** Compiles. */
export function compileCredential(credential: Credential): CompiledCredential {
  const [, name, template] = HEADER.exec(credential.header)!;
  return {
    credential,
    headerName: name!.toLowerCase(),
    headerValue: template!.replace("{}", () => credential.secret),
    paths: credential.paths.map((path) => compileGlob(path)),
    pattern: compileSecret(credential.secret),
  };
}

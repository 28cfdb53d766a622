/**
 * The one policy model that both dialects become, and the values that go in and out of a decision. Data only: it can be
 * written as JSON, hashed and compared. Compiled by `compile.ts`; never evaluated as it is.
 */

/** Where a rule comes from. Only `operator` (the operator's own policy file) may open private addresses. */
export type Origin = "operator" | "preset" | "approval";

/** `l4`: the connection alone is judged. `rest` and `websocket`: each request inside it. */
export type Protocol = "l4" | "rest" | "websocket";

/** One pattern for requests. */
export interface HttpMatch {
  /** Upper case, or `*`. `WEBSOCKET_TEXT` stands for a WebSocket client's messages. */
  readonly method: string;
  /** Glob over the canonical path. */
  readonly path: string;
  /** Globs per parameter: allow rules need every value of the parameter to match one, denials any. */
  readonly query?: Readonly<Record<string, readonly string[]>>;
}

/** What one endpoint of a policy allows. */
export interface EndpointRule {
  /** Name for people and logs: the policy's key, `egress.allowed[0]`, `preset:github`. */
  readonly name: string;
  readonly origin: Origin;
  /** Host pattern; absent: address literals within `allowedIps`. */
  readonly host?: string;
  readonly ports: readonly number[] | "any";
  readonly protocol: Protocol;
  /** False: requests that match nothing are let through and audited as such (`enforcement: audit`). */
  readonly enforce: boolean;
  /** Only requests whose path matches belong to this endpoint. */
  readonly path?: string;
  readonly allow: readonly HttpMatch[];
  readonly deny: readonly HttpMatch[];
  readonly allowedIps?: readonly string[];
  /** Bytes pass unseen: no TLS check, any protocol. */
  readonly tlsSkip: boolean;
  /** A TLS client may leave out the server name. */
  readonly sniOptional: boolean;
  readonly allowEncodedSlash: boolean;
  /** Globs over the program's path; absent: any program, known or not. */
  readonly binaries?: readonly string[];
}

/** A destination that nobody but the operator can open. Host absent: any host. */
export interface Denial {
  readonly name: string;
  readonly host?: string;
  readonly ports: readonly number[] | "any";
}

/** Sections that are fixed when a sandbox is created; the sandbox component enforces them. */
export interface StaticSections {
  readonly filesystem?: {
    readonly includeWorkdir: boolean;
    readonly readOnly: readonly string[];
    readonly readWrite: readonly string[];
  };
  readonly landlock?: "best_effort" | "hard_requirement";
  readonly process?: { readonly runAsUser?: string; readonly runAsGroup?: string };
}

/** A loaded policy. */
export interface PolicyModel {
  readonly rules: readonly EndpointRule[];
  readonly denials: readonly Denial[];
  readonly fixed: StaticSections;
}

/** Something the operator should know or mend, with its place: `file:line:column`. */
export interface Notice {
  readonly at: string;
  readonly message: string;
}

/** A loaded file, or everything that is wrong with it. Nothing in between. */
export type Loaded<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Notice[] }
  | { readonly ok: false; readonly problems: readonly Notice[] };

/** One line per notice. */
export function formatNotices(notices: readonly Notice[]): string {
  return notices.map(({ at, message }) => `${at}: ${message}`).join("\n");
}

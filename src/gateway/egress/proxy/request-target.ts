/**
 * Where a request wants to go, from its head: absolute form at the proxy, origin form inside a tunnel, CONNECT. The
 * Host header must say the same as the target. Strict and pure: what is doubtful is a fault, answered 400.
 */
import { type Authority, type AuthorityFault, parseAuthority } from "../guard/index.ts";
import { type RequestHead, valuesOf } from "./head.ts";
import { type CanonicalPath, canonicalPath, type PathFault } from "./path.ts";

/** Why a target was refused. */
export type TargetFault =
  | AuthorityFault
  | PathFault
  | "no_host"
  | "several_hosts"
  | "host_mismatch"
  | "https_not_tunnelled"
  | "bad_scheme"
  | "not_absolute"
  | "fragment"
  | "body_on_connect";

/** A destination with a path. */
export interface RequestTarget {
  readonly authority: Authority;
  readonly path: CanonicalPath;
  /** The path and query as they were written. */
  readonly written: string;
}

/** A value or a fault. */
export type TargetResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: TargetFault };

const refuse = (fault: TargetFault): { readonly ok: false; readonly fault: TargetFault } => ({
  ok: false,
  fault,
});

/** node:http names the proxy itself in CONNECT's Host unless told otherwise; nobody but us ever sees that header. */
const FORWARDER = new Set(["127.0.0.1:3128", "localhost:3128"]);

/** CONNECT's `host:port`. */
export function connectTarget(head: RequestHead): TargetResult<Authority> {
  const parsed = parseAuthority(head.target);
  if (!parsed.ok) return parsed;
  const host = hostHeader(head);
  if (!host.ok) return host;
  // Mostly it repeats the target letter by letter.
  if (host.value !== undefined && host.value !== head.target && !FORWARDER.has(host.value)) {
    // Some clients leave the port out of CONNECT's Host.
    const named = parseAuthority(host.value, parsed.value.port);
    if (!named.ok) return named;
    if (!sameAuthority(named.value, parsed.value)) return refuse("host_mismatch");
  }
  const body =
    valuesOf(head.headers, "transfer-encoding").length > 0 ||
    valuesOf(head.headers, "content-length").some((v) => v !== "0");
  return body ? refuse("body_on_connect") : parsed;
}

/**
 * A request's destination. `inside`: the tunnel that carries it, whose authority it must keep to; its scheme gives the
 * default port.
 */
export function requestTarget(
  head: RequestHead,
  inside?: { authority: Authority; tls: boolean },
): TargetResult<RequestTarget> {
  const { target } = head;
  const defaultPort = inside?.tls ? 443 : 80;
  const host = hostHeader(head);
  if (!host.ok) return host;
  if (target.includes("#")) return refuse("fragment");

  let written: string;
  let authority: Authority;
  if (target.startsWith("/")) {
    if (!inside) return refuse("not_absolute");
    authority = inside.authority;
    written = target;
  } else {
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(target);
    if (!scheme) return refuse("not_absolute");
    const name = scheme[1]!.toLowerCase();
    if (name === "https" && !inside?.tls) return refuse("https_not_tunnelled");
    if (name !== (inside?.tls ? "https" : "http")) return refuse("bad_scheme");
    const rest = target.slice(scheme[0].length);
    const end = rest.search(/[/?]/);
    const parsed = parseAuthority(end < 0 ? rest : rest.slice(0, end), defaultPort);
    if (!parsed.ok) return parsed;
    authority = parsed.value;
    written = end < 0 ? "/" : rest[end] === "?" ? `/${rest.slice(end)}` : rest.slice(end);
    if (inside && !sameAuthority(authority, inside.authority)) return refuse("host_mismatch");
  }

  if (host.value !== undefined) {
    const named = parseAuthority(host.value, defaultPort);
    if (!named.ok) return named;
    if (!sameAuthority(named.value, authority)) return refuse("host_mismatch");
  }
  const path = canonicalPath(written);
  return path.ok ? { ok: true, value: { authority, path: path.value, written } } : refuse(path.fault);
}

/** The one Host header. HTTP/1.1 needs it; HTTP/1.0 may go without. */
function hostHeader(head: RequestHead): TargetResult<string | undefined> {
  const hosts = valuesOf(head.headers, "host");
  if (hosts.length > 1) return refuse("several_hosts");
  if (hosts.length === 0) return head.minor === 1 ? refuse("no_host") : { ok: true, value: undefined };
  return { ok: true, value: hosts[0]! };
}

function sameAuthority(a: Authority, b: Authority): boolean {
  return a.host === b.host && a.port === b.port;
}

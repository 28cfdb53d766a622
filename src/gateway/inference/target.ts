/**
 * Reads where a request on a model connection wants to go: absolute or origin form. Strict and pure; whatever is
 * doubtful is a fault, and the request is answered 400 and never passed on.
 */
import { type AuthorityFault, parseAuthority } from "../egress/guard/index.ts";

/** A destination, or why there is none. */
export type TargetResult =
  | { ok: true; host: string; port: number; path: string }
  | { ok: false; fault: AuthorityFault | "bad_target" | "host_mismatch" | "no_host" | "several_hosts" };

/** Characters that may stand in a path and query (RFC 3986), percent-encoding included. */
const PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/;

/** `rawHeaders` decides on Host: a second one, hidden by the parser's merging, is a fault. */
export function targetOf(url: string, rawHeaders: string[]): TargetResult {
  const hosts: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === "host") hosts.push(rawHeaders[i + 1] ?? "");
  }
  if (hosts.length > 1) return { ok: false, fault: "several_hosts" };
  const host = hosts[0];
  if (host === undefined) return { ok: false, fault: "no_host" };
  const named = parseAuthority(host, 80);
  if (!named.ok) return named;
  if (url.startsWith("/")) {
    return PATH.test(url)
      ? { ok: true, host: named.value.host, port: named.value.port, path: url }
      : { ok: false, fault: "bad_target" };
  }
  if (url.slice(0, 7).toLowerCase() !== "http://") return { ok: false, fault: "bad_target" };
  const rest = url.slice(7);
  const slash = rest.search(/[/?]/);
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "/" : rest[slash] === "?" ? `/${rest.slice(slash)}` : rest.slice(slash);
  const parsed = parseAuthority(authority, 80);
  if (!parsed.ok) return parsed;
  if (!PATH.test(path)) return { ok: false, fault: "bad_target" };
  if (parsed.value.host !== named.value.host || parsed.value.port !== named.value.port) {
    return { ok: false, fault: "host_mismatch" };
  }
  return { ok: true, host: parsed.value.host, port: parsed.value.port, path };
}

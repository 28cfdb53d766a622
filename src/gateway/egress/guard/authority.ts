/**
 * The one parser for `host:port`. Strict: ASCII letters, digits and hyphens in labels, at most one trailing dot, a
 * decimal port without sign or leading zero, nothing else. What it doesn't accept never reaches a policy or a resolver.
 * Pure. A name it returns is canonical: lower case, no trailing dot; an address is canonical by `ip.ts`.
 */
import { type Ip, parseIpv4, parseIpv6 } from "./ip.ts";

/** Why a host or authority was refused. Stable: logged, audited, tested. */
export type AuthorityFault =
  | "empty"
  | "too_long"
  | "bad_character"
  | "userinfo"
  | "bad_brackets"
  | "bad_ipv6"
  | "zone_id"
  | "bad_label"
  | "numeric_host"
  | "no_port"
  | "bad_port";

/** A destination by host alone. */
export interface Host {
  /** Canonical text: the only spelling that is matched, logged and shown. IPv6 without brackets. */
  readonly host: string;
  readonly kind: "name" | "ipv4" | "ipv6";
  /** The address when the host is a literal. */
  readonly ip?: Ip;
  /** True when a label is punycode: shown flagged to whoever decides. */
  readonly idn: boolean;
}

/** A destination. */
export interface Authority extends Host {
  readonly port: number;
}

/** A value or the reason why there is none. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: AuthorityFault };

const refuse = (fault: AuthorityFault): { readonly ok: false; readonly fault: AuthorityFault } => ({
  ok: false,
  fault,
});

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const PORT = /^[1-9][0-9]{0,4}$/;
/** The whole alphabet of an authority. One test up front keeps every later step in ASCII. */
const ALPHABET = /^[A-Za-z0-9.\-:[\]]*$/;

/** Longest accepted input: 253 of a name, a dot, a colon and five digits; brackets fit in too. */
const MAX_AUTHORITY = 260;

/**
 * Parses `host:port`. `defaultPort` is taken when the port is absent (`http://host/`); without one a missing port is a
 * fault (CONNECT).
 */
export function parseAuthority(text: string, defaultPort?: number): Parsed<Authority> {
  if (text === "") return refuse("empty");
  if (text.length > MAX_AUTHORITY) return refuse("too_long");
  const odd = alphabetFault(text);
  if (odd) return refuse(odd);

  let hostText = text;
  let portText: string | undefined;
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    if (close < 0) return refuse("bad_brackets");
    hostText = text.slice(0, close + 1);
    const rest = text.slice(close + 1);
    if (rest !== "" && !rest.startsWith(":")) return refuse("bad_brackets");
    if (rest !== "") portText = rest.slice(1);
  } else {
    const colon = text.indexOf(":");
    if (colon >= 0) {
      hostText = text.slice(0, colon);
      portText = text.slice(colon + 1);
    }
  }

  const host = parseHost(hostText);
  if (!host.ok) return host;
  const port = parsePort(portText, defaultPort);
  return typeof port === "number" ? { ok: true, value: { ...host.value, port } } : refuse(port.fault);
}

/** Parses a host alone: a name, a dotted quad, or IPv6 in brackets. */
export function parseHost(text: string): Parsed<Host> {
  if (text === "") return refuse("empty");
  const odd = alphabetFault(text);
  if (odd) return refuse(odd);
  if (text.startsWith("[")) {
    if (!text.endsWith("]")) return refuse("bad_brackets");
    const ip = parseIpv6(text.slice(1, -1));
    if (ip) return { ok: true, value: { host: ip.text, kind: "ipv6", ip, idn: false } };
    return refuse(text.includes(":") ? "bad_ipv6" : "bad_brackets");
  }
  if (text.includes("]") || text.includes("[")) return refuse("bad_brackets");
  if (text.includes(":")) return refuse("bad_port");

  const quad = parseIpv4(text);
  if (quad) return { ok: true, value: { host: text, kind: "ipv4", ip: quad, idn: false } };
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  if (name.length > 253) return refuse("too_long");
  const labels = name.split(".");
  let idn = false;
  for (const label of labels) {
    if (!LABEL.test(label)) return refuse("bad_label");
    if (label.startsWith("xn--")) idn = true;
  }
  // inet_aton reads 127.1, 2130706433, 0177.0.0.1 and 0x7f.1 as addresses; here a numeric last label is a quad or nothing.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) return refuse("numeric_host");
  return { ok: true, value: { host: name, kind: "name", idn } };
}

function alphabetFault(text: string): AuthorityFault | undefined {
  if (ALPHABET.test(text)) return undefined;
  if (text.includes("@")) return "userinfo";
  return text.startsWith("[") && text.includes("%") ? "zone_id" : "bad_character";
}

function parsePort(
  text: string | undefined,
  defaultPort: number | undefined,
): number | { fault: AuthorityFault } {
  if (text === undefined) return defaultPort ?? { fault: "no_port" };
  if (!PORT.test(text)) return { fault: "bad_port" };
  const port = Number(text);
  return port <= 65535 ? port : { fault: "bad_port" };
}

/** `host:port` as it goes into a Host header or a card. */
export function formatAuthority(
  target: { host: string; kind: Host["kind"]; port: number },
  defaultPort?: number,
): string {
  const host = target.kind === "ipv6" ? `[${target.host}]` : target.host;
  return target.port === defaultPort ? host : `${host}:${target.port}`;
}

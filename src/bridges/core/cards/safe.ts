/**
 * Other people's text on a card: made harmless, visible and short. Pure.
 * A host or path shows each character that is not plain ASCII as `\u{…}`; nothing can turn the reading direction, break
 * the line, hide a letter or push the end of a name out of sight.
 */
import { domainToASCII } from "node:url";
import type { ApprovalFacts } from "../../../store/index.ts";
import { withoutMark } from "./marker.ts";

/** Visible length of a host on a card, and of the part of it that somebody registers. */
const HOST_UNITS = 100;
const DOMAIN_UNITS = 80;
/** Bidi controls, zero-width and other unseen characters, halves of characters, line ends. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u{115F}\u{1160}\u{3164}\u{FFA0}]/gu;

/** The target of a request in three pieces, of which the middle is shown in bold. */
export interface Target {
  before: string;
  domain: string;
  after: string;
}

/** Printable ASCII as it is, anything else as `\u{…}`. */
export function asAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, escaped);
}

/** A sentence of the sandbox's as one line: letters of all scripts, nothing unseen, no tower of accents, no card's sign. */
export function asLine(text: string, most: number): string {
  const line = withoutMark(text)
    .replace(/[\s\u0085]+/g, " ")
    .replace(UNSEEN, escaped)
    .replace(/(\p{M}{2})\p{M}+/gu, "$1")
    .trim();
  const letters = [...line];
  return letters.length <= most ? line : `${letters.slice(0, most - 1).join("")}…`;
}

/** Cuts the middle out of ASCII text. */
export function cutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))}`;
}

/** `host:port` with the registered part apart; a long name loses its middle, never its end. */
export function targetOf(facts: Pick<ApprovalFacts, "host" | "domain" | "kind" | "port">): Target {
  const host = hostText(facts.host);
  const domain = hostText(facts.domain);
  const after = `:${facts.port}`;
  if (facts.kind === "ipv6") return { before: "", domain: `[${host.replace(/^\[|\]$/g, "")}]`, after };
  if (domain === "" || !host.endsWith(`.${domain}`)) {
    return { before: "", domain: cutMiddle(host, HOST_UNITS), after };
  }
  const sub = host.slice(0, host.length - domain.length);
  const room = Math.max(16, HOST_UNITS - Math.min(domain.length, DOMAIN_UNITS));
  return { before: cutMiddle(sub, room), domain: cutMiddle(domain, DOMAIN_UNITS), after };
}

/** A target as one text. */
export function targetText(facts: Pick<ApprovalFacts, "host" | "domain" | "kind" | "port">): string {
  const { before, domain, after } = targetOf(facts);
  return before + domain + after;
}

/** A program's path, short; "" when it is unknown. */
export function programText(binary: string | undefined): string {
  return cutMiddle(asAscii(binary ?? "").trim(), 60);
}

/** Method and path without query, short; undefined for a tunnel. */
export function requestText(facts: Pick<ApprovalFacts, "method" | "path" | "scheme">): string | undefined {
  if (facts.scheme === "tunnel" || facts.method === undefined) return undefined;
  const path = (facts.path ?? "").split(/[?#]/)[0] ?? "";
  return `${asAscii(facts.method)} ${cutMiddle(asAscii(path), 80)}`.trim();
}

/** Lower-case ASCII letters, digits and what else a host may have; other letters as punycode, the rest as `\u{…}`. */
function hostText(host: string): string {
  const lower = host.toLowerCase();
  // The standard's own conversion drops unseen characters silently: such a host is shown with them.
  const ascii = /[^\x21-\x7e]/.test(lower) && lower.search(UNSEEN) < 0 ? domainToASCII(lower) : "";
  return (ascii === "" ? lower : ascii).replace(/[^a-z0-9._:[\]-]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/**
 * From a decision to one line of JSON, by hand where it pays (one row per request). The line is printable ASCII whatever
 * is in the row: a host can't end it, colour a terminal or look like another field. Never a query, never a secret.
 */
import { redact } from "../../lib/redact.ts";
import type { AuditRow } from "../egress/proxy/index.ts";

/** A value that a note may hold. */
export type NoteValue = string | number | boolean | null | undefined;

/** What else is on record, besides decisions. */
export type NoteKind =
  /** A tap on a card by somebody who may not decide. */
  | "tap.refused"
  | "approval.decided"
  /** A person's word about a command inside a sandbox; opens nothing outside. */
  | "command.decided"
  | "rule.added"
  | "rule.revoked"
  | "policy.revision"
  | "policy.refused"
  | "credential.added"
  | "credential.changed"
  | "credential.removed"
  /** Written by the log itself: rows that found no room, a cut line from before, anchors that somebody removed. */
  | "audit.lost"
  | "audit.torn"
  | "audit.unanchored";

/** Longest text in a row, in UTF-16 units. Hosts, paths and reasons are shorter by their own rules. */
const MAX_TEXT = 1_024;
/** Most fields of a note. */
const MAX_FIELDS = 32;

/** Printable ASCII without quote and backslash: stands in JSON as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const NOT_ASCII = /[\u007f-\uffff]/g;

/** A JSON string of printable ASCII only. */
function quoted(text: string): string {
  const cut = text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
  if (PLAIN.test(cut)) return `"${cut}"`;
  return JSON.stringify(cut).replace(
    NOT_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `,"name":"text"`, or nothing. */
function text(name: string, value: string | undefined): string {
  return value === undefined ? "" : `,"${name}":${quoted(value)}`;
}

/** `,"name":5`, or nothing. */
function number(name: string, value: number | undefined): string {
  return value === undefined ? "" : `,"${name}":${Number.isFinite(value) ? value : "null"}`;
}

/** A path as it may be kept: whoever made the row has cut the query already; here nobody can forget it. */
function bare(path: string): string {
  return redact(path.split(/[?#]/, 1)[0] as string);
}

/** A row behind its number: `,"time":…}`. The line is `{"seq":N` + this. */
export function rowTail(row: AuditRow, time: string, user: string): string {
  return (
    `,"time":"${time}","event":"${row.event}"` +
    text("id", row.id) +
    text("user", user) +
    text("sandbox", row.sandboxId) +
    text("program", row.binary) +
    text("scheme", row.scheme) +
    text("host", row.host) +
    number("port", row.port) +
    text("address", row.address) +
    text("method", row.method) +
    (row.path === undefined ? "" : text("path", bare(row.path))) +
    text("verdict", row.verdict) +
    text("reason", row.reason) +
    text("layer", row.layer) +
    text("rule", row.rule) +
    text("policyHash", row.policyHash) +
    text("approvalId", row.approvalId) +
    text("decidedBy", row.decidedBy) +
    (row.sni === null ? ',"sni":null' : text("sni", row.sni)) +
    number("bytesUp", row.bytesUp) +
    number("bytesDown", row.bytesDown) +
    number("ms", row.ms) +
    "}"
  );
}

/** A note behind its number. `sandboxId` among the fields becomes the row's `user` and `sandbox`. */
export function noteTail(
  kind: NoteKind,
  fields: Readonly<Record<string, NoteValue>>,
  time: string,
  userOf: (sandboxId: string) => string,
): string {
  const { sandboxId, ...others } = fields;
  const about =
    typeof sandboxId === "string" ? text("user", userOf(sandboxId)) + text("sandbox", sandboxId) : "";
  const inner = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .slice(0, MAX_FIELDS)
    .map(([name, value]) => `${quoted(name)}:${noteValue(name, value)}`);
  return `,"time":"${time}","event":"note","kind":${quoted(kind)}${about},"fields":{${inner.join(",")}}}`;
}

function noteValue(name: string, value: NoteValue): string {
  if (typeof value === "string") return quoted(name === "path" ? bare(value) : redact(value));
  return JSON.stringify(value) ?? "null";
}

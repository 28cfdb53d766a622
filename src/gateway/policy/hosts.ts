/**
 * Host patterns of rules: exact, `*.x` (exactly one label, never the apex), `**.x` (one or more labels, never the apex)
 * and `*-y.x` (one label that ends in `-y`). A bare `*` and `*.com` are refused: they'd say "everywhere". Pure.
 */
import { parseHost } from "../egress/guard/index.ts";

/** A parsed pattern. `text` is canonical. */
export type HostPattern =
  | { readonly kind: "exact"; readonly text: string; readonly host: string; readonly literal: boolean }
  | { readonly kind: "one" | "deep"; readonly text: string; readonly suffix: string }
  | { readonly kind: "dashed"; readonly text: string; readonly suffix: string; readonly ending: string };

/** A pattern or a sentence that says what is wrong with it. */
export type ParsedPattern =
  | { readonly ok: true; readonly pattern: HostPattern }
  | { readonly ok: false; readonly message: string };

/**
 * Reads a pattern. `wide` accepts a wildcard above a top-level domain (`*.com`), which only denials may have.
 */
export function parseHostPattern(text: string, wide = false): ParsedPattern {
  const refuse = (message: string): ParsedPattern => ({ ok: false, message });
  const shown = JSON.stringify(text.slice(0, 80));
  if (/^\*+$/.test(text)) return refuse(`host ${shown} means every host; name hosts, or use *.example.com`);
  const star = text.indexOf("*");
  if (star < 0) {
    const bare = text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
    const host = parseHost(bare);
    if (!host.ok)
      return refuse(`host ${shown} is not a host name or address (${host.fault})${idnHint(text)}`);
    return {
      ok: true,
      pattern: {
        kind: "exact",
        text: host.value.host,
        host: host.value.host,
        literal: host.value.kind !== "name",
      },
    };
  }
  const shape = /^(\*\*|\*)(-[a-z0-9-]*[a-z0-9])?\.([^*]+)$/i.exec(text);
  if (!shape || (shape[1] === "**" && shape[2])) {
    return refuse(
      `host ${shown}: a wildcard may only be the whole first label (*. or **.) or its beginning (*-name.)`,
    );
  }
  const suffix = parseHost(shape[3]!);
  if (!suffix.ok || suffix.value.kind !== "name")
    return refuse(`host ${shown}: the part after the wildcard is not a host name`);
  if (!wide && !suffix.value.host.includes("."))
    return refuse(
      `host ${shown} covers a whole top-level domain; name at least two labels after the wildcard`,
    );
  const ending = shape[2]?.toLowerCase();
  return {
    ok: true,
    pattern: ending
      ? { kind: "dashed", text: `*${ending}.${suffix.value.host}`, suffix: suffix.value.host, ending }
      : {
          kind: shape[1] === "**" ? "deep" : "one",
          text: `${shape[1]}.${suffix.value.host}`,
          suffix: suffix.value.host,
        },
  };
}

function idnHint(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for "not ASCII"
  if (/^[\x00-\x7f]*$/.test(text)) return "";
  try {
    return `; write its ASCII form, ${new URL(`http://${text}`).hostname}`;
  } catch {
    return "; write its ASCII form";
  }
}

/** Whether a canonical host matches. The reference for the compiled index, and what `explain` uses. */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  if (pattern.kind === "exact") return pattern.host === host;
  if (!host.endsWith(`.${pattern.suffix}`)) return false;
  const head = host.slice(0, -pattern.suffix.length - 1);
  if (head === "") return false;
  if (pattern.kind === "deep") return true;
  if (head.includes(".")) return false;
  const ending = endingOf(pattern);
  return head.length > ending.length && head.endsWith(ending);
}

/** Whether some host matches both. */
export function overlaps(a: HostPattern, b: HostPattern): boolean {
  if (a.kind === "exact") return matchesHost(b, a.host);
  if (b.kind === "exact") return matchesHost(a, b.host);
  if (a.kind !== "deep" && b.kind !== "deep") {
    if (a.suffix !== b.suffix) return false;
    const [left, right] = [endingOf(a), endingOf(b)];
    return left.endsWith(right) || right.endsWith(left);
  }
  // A deep pattern covers everything below its suffix; the other must have room there.
  const [deep, other] = a.kind === "deep" ? [a, b] : [b, a];
  if (deep.suffix === other.suffix || other.suffix.endsWith(`.${deep.suffix}`)) return true;
  if (other.kind === "deep") return deep.suffix.endsWith(`.${other.suffix}`);
  // One label over a shorter suffix never reaches below the deep one's.
  return false;
}

/** What the one label must end in; every label ends in "". */
function endingOf(pattern: HostPattern): string {
  return pattern.kind === "dashed" ? pattern.ending : "";
}

/** Which rule is tried first when several match: the narrower one. */
export function specificity(pattern: HostPattern | undefined): number {
  return pattern ? { exact: 0, dashed: 1, one: 2, deep: 3 }[pattern.kind] : 4;
}

/**
 * Globs of the policy file, compiled once to a function. Two dialects: for paths and query values `*` and `**` both
 * cross `/` (OpenShell's meaning); for programs `*` stops at `/` and `**` crosses. `?` is one character, `[a-z]` and
 * `[!a-z]` are classes. No regular expressions: matching is linear for the shapes in use and never worse than
 * quadratic, whatever pattern and text are.
 */

/** True when the whole text matches. */
export type GlobTest = (text: string) => boolean;

type Token =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "any" }
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    }
  | { readonly kind: "star"; readonly crosses: boolean };

/** Compiles a glob. `segments`: `*` stops at `/`. */
export function compileGlob(pattern: string, segments = false): GlobTest {
  const tokens = tokenize(pattern, segments);
  const stars = tokens.filter((token) => token.kind === "star");
  const plain = tokens.every((token) => token.kind === "char" || token.kind === "star");
  const last = tokens.at(-1);
  if (plain && stars.length === 0) return (text) => text === pattern;
  if (plain && stars.length === 1 && last?.kind === "star" && last.crosses) {
    const prefix = tokens
      .slice(0, -1)
      .map((token) => (token.kind === "char" ? token.char : ""))
      .join("");
    return prefix === "" ? () => true : (text) => text.startsWith(prefix);
  }
  return (text) => matchTokens(tokens, text);
}

/** A sentence when the pattern can't be meant, else undefined. */
export function globFault(pattern: string): string | undefined {
  if (pattern.length > 512) return "longer than 512 characters";
  const open = pattern.replace(/\[!?[^\]]+\]/g, "").search(/[[\]]/);
  return open >= 0 ? "an unclosed or empty [class]" : undefined;
}

function tokenize(pattern: string, segments: boolean): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    const close = char === "[" ? pattern.indexOf("]", pattern[i + 1] === "!" ? i + 3 : i + 2) : -1;
    if (char === "*") {
      let count = 1;
      while (pattern[i + 1] === "*") {
        count++;
        i++;
      }
      tokens.push({ kind: "star", crosses: !segments || count > 1 });
    } else if (char === "?") tokens.push({ kind: "any" });
    else if (close > 0) {
      tokens.push(classToken(pattern.slice(i + 1, close)));
      i = close;
    } else tokens.push({ kind: "char", char });
  }
  return tokens;
}

function classToken(body: string): Token {
  const negated = body.startsWith("!");
  const chars = negated ? body.slice(1) : body;
  const ranges: [string, string][] = [];
  for (let i = 0; i < chars.length; i++) {
    if (chars[i + 1] === "-" && i + 2 < chars.length) {
      ranges.push([chars[i]!, chars[i + 2]!]);
      i += 2;
    } else ranges.push([chars[i]!, chars[i]!]);
  }
  return { kind: "class", negated, ranges };
}

function fits(token: Token, char: string): boolean {
  switch (token.kind) {
    case "char":
      return token.char === char;
    case "any":
      return char !== "/";
    case "class":
      return char !== "/" && token.ranges.some(([from, to]) => char >= from && char <= to) !== token.negated;
    case "star":
      return false;
  }
}

/**
 * Set simulation over the tokens: which token positions are alive after each character. Each step costs at most one
 * pass over the pattern, so text × pattern is the bound.
 */
function matchTokens(tokens: readonly Token[], text: string): boolean {
  let alive = new Uint8Array(tokens.length + 1);
  let next = new Uint8Array(tokens.length + 1);
  const settle = (set: Uint8Array) => {
    for (let i = 0; i < tokens.length; i++) if (set[i] && tokens[i]!.kind === "star") set[i + 1] = 1;
  };
  alive[0] = 1;
  settle(alive);
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    next.fill(0);
    let survivors = 0;
    for (let i = 0; i < tokens.length; i++) {
      if (!alive[i]) continue;
      const token = tokens[i]!;
      const star = token.kind === "star";
      if (star ? !token.crosses && char === "/" : !fits(token, char)) continue;
      next[star ? i : i + 1] = 1;
      survivors++;
    }
    if (survivors === 0) return false;
    settle(next);
    [alive, next] = [next, alive];
  }
  return alive[tokens.length] === 1;
}

/**
 * Takes a secret out of bytes that stream by, whoever echoes it: as it is, with any of its characters percent-encoded or
 * escaped for JSON, in hex, in base64 at any alignment and with line breaks, split anywhere. What is found is covered
 * with asterisks of the same length, so no length that was announced changes. Pure: bytes in, bytes out.
 *
 * Only what might still become the secret is held back, so that event streams go on at once. What a server does to a
 * secret beyond these spellings (its own encryption, one half now and one later) can't be found: docs/credentials.md.
 */

/** One position of a spelling: the ways to write it, each as pairs of equal bytes (lower, upper case). */
type Way = readonly (readonly [number, number])[];
type Spelling = readonly (readonly Way[])[];

/** A possible occurrence that isn't complete: where in its spelling it is, and where it began. */
interface Thread {
  readonly spelling: Spelling;
  readonly unit: number;
  readonly way: Way;
  readonly at: number;
  readonly start: number;
}

const MASK = 0x2a;

const exact = (text: string): Way => [...Buffer.from(text, "latin1")].map((byte) => [byte, byte] as const);
const anyCase = (text: string): Way =>
  [...text].map((char) => [char.toLowerCase().charCodeAt(0), char.toUpperCase().charCodeAt(0)] as const);

/** Every spelling that is searched for. */
function spellings(secret: string): Spelling[] {
  const bytes = Buffer.from(secret, "latin1");
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  const written = [...bytes].map((byte) => [
    exact(String.fromCharCode(byte)),
    [...exact("%"), ...anyCase(hex(byte))],
    [...exact("\\"), ...anyCase(`u00${hex(byte)}`)],
    ...(/[A-Za-z0-9]/.test(String.fromCharCode(byte)) ? [] : [exact(`\\${String.fromCharCode(byte)}`)]),
  ]);
  const inHex = [...bytes].map((byte) => [anyCase(hex(byte))]);
  return [written, inHex, ...base64Cores(bytes).map((core) => [...core].map(base64Unit))];
}

/** Base64 at the three alignments, without the characters that depend on neighbouring bytes; standard and URL form. */
function base64Cores(bytes: Buffer): string[] {
  const cores = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    return encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
  });
  return [...new Set(cores.flatMap((core) => [core, core.replaceAll("+", "-").replaceAll("/", "_")]))];
}

/** A character of base64, maybe on the next line, maybe percent-encoded or escaped for JSON. */
function base64Unit(char: string, index: number): readonly Way[] {
  const code = char.charCodeAt(0).toString(16);
  const plain = [exact(char)];
  if (/[+/]/.test(char)) plain.push([...exact("%"), ...anyCase(code)], exact(`\\${char}`));
  if (index === 0) return plain;
  return [...plain, ...["\n", "\r\n", "\\n", "\\r\\n"].map((line) => exact(line + char))];
}

/** What is searched for, made once per secret. */
export interface SecretPattern {
  readonly spellings: readonly Spelling[];
  /** First bytes of all spellings, and first pairs: what most bytes aren't, and nearly all pairs. */
  readonly first: Uint8Array;
  readonly pairs: Uint8Array;
}

/** Makes the pattern of a secret. */
export function compileSecret(secret: string): SecretPattern {
  const pattern = {
    spellings: spellings(secret),
    first: new Uint8Array(256),
    pairs: new Uint8Array(65_536),
  };
  for (const [unit = [], following = []] of pattern.spellings) {
    for (const way of unit) {
      const second = way.length > 1 ? [way[1]!] : following.map((next) => next[0]!);
      for (const byte of way[0]!) {
        pattern.first[byte] = 1;
        for (const next of second.flat()) pattern.pairs[(byte << 8) | next] = 1;
      }
    }
  }
  return pattern;
}

/** Scrubs one stream; a fresh one for each message. */
export class Scrubber {
  readonly #pattern: SecretPattern;
  /** In the order of their start. */
  #threads: Thread[] = [];
  #held: Buffer = Buffer.alloc(0);

  constructor(pattern: SecretPattern) {
    this.#pattern = pattern;
  }

  /** Takes bytes; gives those that are certain. Writes into what it is given. */
  push(chunk: Buffer): Buffer {
    const { first, pairs } = this.#pattern;
    const base = this.#held.length;
    const bytes = base > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    let threads = this.#threads;
    for (let i = base; i < bytes.length; i++) {
      const byte = bytes[i]!;
      const next = bytes[i + 1];
      // The last byte of a piece may go on in the next one.
      const begins = next === undefined ? first[byte] === 1 : pairs[(byte << 8) | next] === 1;
      if (threads.length > 0 || begins) threads = this.#step(threads, begins, i, bytes);
    }
    const oldest = threads[0]?.start ?? bytes.length;
    const certain = bytes.subarray(0, oldest);
    this.#held = bytes.subarray(oldest);
    this.#threads = threads.map((thread) => ({ ...thread, start: thread.start - oldest }));
    return certain;
  }

  /** What was held back: at the end it can't become the secret any more. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    this.#threads = [];
    return rest;
  }

  /** A whole text, Latin-1 (a header, a reason phrase). */
  text(value: string): string {
    const done = this.push(Buffer.from(value, "latin1"));
    return Buffer.concat([done, this.end()]).toString("latin1");
  }

  #step(threads: readonly Thread[], begins: boolean, i: number, bytes: Buffer): Thread[] {
    const byte = bytes[i]!;
    const next: Thread[] = [];
    // Threads come in the order of their start, so of two in the same place the longer one stays.
    const seen = new Map<Way, Set<number>>();
    const add = (thread: Thread) => {
      const places = seen.get(thread.way);
      if (places?.has(thread.at)) return;
      if (places) places.add(thread.at);
      else seen.set(thread.way, new Set([thread.at]));
      next.push(thread);
    };
    const advance = (spelling: Spelling, unit: number, way: Way, at: number, start: number) => {
      const pair = way[at]!;
      if (byte !== pair[0] && byte !== pair[1]) return;
      if (at + 1 < way.length) return add({ spelling, unit, way, at: at + 1, start });
      const following = spelling[unit + 1];
      if (!following) bytes.fill(MASK, start, i + 1);
      else for (const one of following) add({ spelling, unit: unit + 1, way: one, at: 0, start });
    };
    for (const { spelling, unit, way, at, start } of threads) advance(spelling, unit, way, at, start);
    if (begins)
      for (const spelling of this.#pattern.spellings)
        for (const way of spelling[0]!) advance(spelling, 0, way, 0, i);
    return next;
  }
}

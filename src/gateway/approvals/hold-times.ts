/**
 * How long a connection may be held before its client gives up by itself: then it is better to answer 403 with words
 * that the agent can act on, and to keep the card open for the next try. As data, by program; docs/approvals.md says
 * where each figure is from.
 */

/** OpenClaw's web_fetch waits 30 s (its documentation, tools/web-fetch); curl, git, npm and Node wait 300 s or more (measured). */
const DEFAULT_MS = 25_000;

/** pip gives up after 15 s of silence and tries again (measured: 104 s in all); its program is Python. */
const BY_PROGRAM: readonly (readonly [name: RegExp, ms: number])[] = [[/^(python|pip)[0-9.]*$/, 12_000]];

/** Milliseconds for a program by its path; unknown programs get the default. */
export function holdTimeOf(binary: string | undefined): number {
  const name = binary?.split("/").at(-1) ?? "";
  return BY_PROGRAM.find(([pattern]) => pattern.test(name))?.[1] ?? DEFAULT_MS;
}

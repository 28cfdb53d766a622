/** What the processes of a load test say to each other: messages carry a token, and the answer names it. */

/** Sent by the load worker when a turn begins. */
export interface Begun {
  /** By {@link now}. */
  at: number;
  tokens: string[];
}

/** Milliseconds that mean the same in all processes of this machine, finer than a millisecond. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Tokens (`tag-person-number`) of a text, in its order. */
export const tokensIn = (text: string): string[] => text.match(/\b[a-z]+-\d+-\d+\b/g) ?? [];

/** Tokens that an answer of the load worker names, in its order. */
export const answeredIn = (text: string): string[] =>
  [...text.matchAll(/answer to ([a-z]+-\d+-\d+)\./g)].map(([, token]) => token!);

/** How many messages a notice says were refused, since too many waited. */
export function refusedIn(text: string): number {
  if (!text.includes("already waiting")) return 0;
  return Number(/did not take the last (\d+)\./.exec(text)?.[1] ?? 1);
}

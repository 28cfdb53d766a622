/**
 * Questions to servers outside: short, bounded, and each answer's `Date` header is kept, since a clock that runs wrong
 * shows there first. Must never put a secret into an error: URLs with tokens are not repeated.
 */

/** A question may take this long. Milliseconds. */
const ANSWER_MS = 8_000;
const MAX_BYTES = 256 * 1024;

/** An answer, or why there was none. */
export type Answer =
  | { readonly kind: "answered"; readonly status: number; readonly body: unknown }
  | { readonly kind: "unreachable"; readonly why: string };

/** How far our clock is from a server's, at most one second wrong. */
export interface Skew {
  readonly server: string;
  /** Positive: ours is ahead. */
  readonly ms: number;
}

/** Asks, and remembers what time the servers had. */
export class Outside {
  readonly skews: Skew[] = [];

  /** GET; `body` is the parsed JSON, undefined when it is none. Never rejects. */
  async get(url: string, headers: Record<string, string> = {}, limitMs = ANSWER_MS): Promise<Answer> {
    const sent = Date.now();
    try {
      const response = await fetch(url, {
        headers,
        redirect: "manual",
        signal: AbortSignal.timeout(limitMs),
      });
      const middle = (sent + Date.now()) / 2;
      const date = Date.parse(response.headers.get("date") ?? "");
      // The header has whole seconds, cut off: half a second later on average (RFC 9110 §6.6.1).
      if (!Number.isNaN(date)) this.skews.push({ server: new URL(url).host, ms: middle - date - 500 });
      return { kind: "answered", status: response.status, body: await json(response) };
    } catch (error) {
      return { kind: "unreachable", why: reason(error) };
    }
  }
}

async function json(response: Response): Promise<unknown> {
  const text = (await response.text()).slice(0, MAX_BYTES);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The system's code where there is one: `ECONNREFUSED` says more than "fetch failed". */
function reason(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } };
  if (name === "TimeoutError") return "no answer in time";
  return cause?.code ?? cause?.message ?? "no connection";
}

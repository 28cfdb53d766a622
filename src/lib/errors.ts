/**
 * Errors, told apart by cause (DESIGN §11).
 * Two faces: `userMessage` is short, polite and safe to show in a chat; `message` and `cause` are for the operator.
 * Expected outcomes (denied, busy, expired) are values, never exceptions.
 */

/** What a caller may know about a failure. */
export interface FaultInit {
  /** Stable machine-readable code, kebab-case, e.g. `redis-unreachable`. */
  code: string;
  /** Operator's sentence: what happened and where. */
  message: string;
  /** User's sentence; a generic one is used when absent. Must hold no internals. */
  userMessage?: string;
  /** What to do next, for the operator (a command or a setting). */
  hint?: string;
  /** Whether trying again may help. Default false. */
  retryable?: boolean;
  /** Milliseconds to wait before a retry, when the other side said so. */
  retryAfterMs?: number;
  /** True when the effect is known not to have happened. Default true. */
  certain?: boolean;
  cause?: unknown;
}

/** The one base class of errors that this project throws. */
export class Fault extends Error {
  readonly code: string;
  readonly userMessage: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly certain: boolean;

  constructor(init: FaultInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "Fault";
    this.code = init.code;
    this.userMessage = init.userMessage ?? "Something went wrong on our side. Please try again.";
    this.hint = init.hint;
    this.retryable = init.retryable ?? false;
    this.retryAfterMs = init.retryAfterMs;
    this.certain = init.certain ?? true;
  }
}

/** Any thrown value as one line for an operator; never a stack trace. */
export function describeError(error: unknown): string {
  if (error instanceof Fault) return error.hint ? `${error.message} (${error.hint})` : error.message;
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code && !error.message.includes(code) ? `${code}: ${error.message}` : error.message;
  }
  return String(error);
}

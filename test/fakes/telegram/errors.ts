/** How the Bot API says no: always a code and a wording, sometimes parameters. */

/** A refusal; the server turns it into `{ok: false, …}`. */
export class ApiError extends Error {
  readonly code: number;
  readonly parameters: Record<string, number> | undefined;

  constructor(code: number, description: string, parameters?: Record<string, number>) {
    super(description);
    this.code = code;
    this.parameters = parameters;
  }
}

/** 400 with Telegram's prefix. */
export const badRequest = (text: string): ApiError => new ApiError(400, `Bad Request: ${text}`);
/** 403 with Telegram's prefix. */
export const forbidden = (text: string): ApiError => new ApiError(403, `Forbidden: ${text}`);
/** 429 with `retry_after` in whole seconds. */
export const tooMany = (seconds: number): ApiError =>
  new ApiError(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });

/** How Discord's REST API says no: an HTTP status, a numeric code, a wording, sometimes errors per field. */

/** A refusal; the server turns it into `{message, code, …}`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: number;
  readonly extra: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: number,
    message: string,
    extra: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.extra = extra;
    this.headers = headers;
  }
}

/** 50035 with the field's own error, as Discord nests it. */
export function invalidForm(path: string, code: string, message: string): ApiError {
  const leaf = { _errors: [{ code, message }] };
  const errors = path
    .split(".")
    .reduceRight<Record<string, unknown>>((inner, key) => ({ [key]: inner }), leaf);
  return new ApiError(400, 50_035, "Invalid Form Body", { errors });
}

/** What is not Discord's own rule but ours: every request that breaks it fails. */
export const forbiddenHere = (rule: string): ApiError => new ApiError(400, 0, `FAKE: ${rule}`);

export const unauthorized = (): ApiError => new ApiError(401, 0, "401: Unauthorized");
export const unknownRoute = (): ApiError => new ApiError(404, 0, "404: Not Found");
export const unknownChannel = (): ApiError => new ApiError(404, 10_003, "Unknown Channel");
export const unknownMessage = (): ApiError => new ApiError(404, 10_008, "Unknown Message");
export const unknownWebhook = (): ApiError => new ApiError(404, 10_015, "Unknown Webhook");
export const unknownInteraction = (): ApiError => new ApiError(404, 10_062, "Unknown interaction");
export const invalidWebhookToken = (): ApiError => new ApiError(401, 50_027, "Invalid Webhook Token");
export const alreadyAcknowledged = (): ApiError =>
  new ApiError(400, 40_060, "Interaction has already been acknowledged.");
export const emptyMessage = (): ApiError => new ApiError(400, 50_006, "Cannot send an empty message");
export const missingAccess = (): ApiError => new ApiError(403, 50_001, "Missing Access");
export const cannotSendToUser = (): ApiError =>
  new ApiError(403, 50_007, "Cannot send messages to this user");
export const notAuthor = (): ApiError =>
  new ApiError(403, 50_005, "Cannot edit a message authored by another user");
export const threadArchived = (): ApiError => new ApiError(400, 50_083, "Thread is archived");
export const tooLarge = (): ApiError => new ApiError(413, 40_005, "Request entity too large");

/** 429; `global` for the bot's overall limit. */
export function tooMany(seconds: number, global: boolean, scope: "user" | "global" | "shared"): ApiError {
  return new ApiError(
    429,
    0,
    "You are being rate limited.",
    { retry_after: seconds, global },
    {
      "retry-after": String(Math.ceil(seconds)),
      "x-ratelimit-scope": scope,
      ...(global ? { "x-ratelimit-global": "true" } : {}),
    },
  );
}

/** Whether an answer can be searched for a secret: whole, and in no encoding but the plain one. Pure. */
import type { IncomingMessage } from "node:http";

/** False: it must not be passed on. */
export function canBeScrubbed(
  { statusCode, headers }: Pick<IncomingMessage, "statusCode" | "headers">,
  method: string,
): boolean {
  if (method === "HEAD" || statusCode === 204 || statusCode === 304) return true;
  // Pieces of a whole could each hold a part of it.
  if (statusCode === 206) return false;
  const plain = (value: string | undefined, allowed: string) =>
    value === undefined || value.trim().toLowerCase() === allowed;
  return plain(headers["content-encoding"], "identity") && plain(headers["transfer-encoding"], "chunked");
}

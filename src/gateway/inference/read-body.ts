/**
 * Reads a request body up to a cap. What is over the cap is read on and thrown away for a while, since a client whose
 * connection is closed while it still writes sees a reset instead of the answer, and tries again for minutes.
 */
import type { IncomingMessage } from "node:http";

/** OpenShell's cap too. */
export const MAX_REQUEST = 10 * 1024 * 1024;
/** How much and how long is thrown away before the connection is cut. */
const MAX_DISCARD = 64 * 1024 * 1024;
const DISCARD_MS = 5_000;

/** The body, or why there is none. */
export type BodyResult = { kind: "ok"; body: Buffer } | { kind: "too-large" } | { kind: "gone" };

/** Collects the body. */
export function readBody(req: IncomingMessage, cap: number = MAX_REQUEST): Promise<BodyResult> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let size = 0;
    let limit: NodeJS.Timeout | undefined;
    const done = (result: BodyResult) => {
      clearTimeout(limit);
      resolve(result);
    };
    const cut = () => {
      req.pause();
      done({ kind: "too-large" });
    };
    const discard = () => {
      chunks = [];
      limit ??= setTimeout(cut, DISCARD_MS);
    };
    if (Number(req.headers["content-length"] ?? 0) > cap) discard();
    req.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_DISCARD) cut();
      else if (size > cap) discard();
      if (limit === undefined) chunks.push(chunk);
    });
    req.on("end", () => {
      if (limit !== undefined) return done({ kind: "too-large" });
      done({ kind: "ok", body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) });
    });
    req.on("error", () => done({ kind: "gone" }));
    req.on("close", () => done({ kind: "gone" }));
  });
}

/**
 * Reads a request body up to a cap. Owns nothing else; never waits longer than the server's own request time-out.
 */
import type { IncomingMessage } from "node:http";

/** OpenShell's cap too. */
export const MAX_REQUEST = 10 * 1024 * 1024;

/** The body, or why there is none. */
export type BodyResult = { kind: "ok"; body: Buffer } | { kind: "too-large" } | { kind: "gone" };

/** Collects the body; stops reading at the cap. */
export function readBody(req: IncomingMessage, cap: number = MAX_REQUEST): Promise<BodyResult> {
  if (Number(req.headers["content-length"] ?? 0) > cap) return Promise.resolve({ kind: "too-large" });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > cap) {
        req.pause();
        resolve({ kind: "too-large" });
      } else chunks.push(chunk);
    });
    req.on("end", () =>
      resolve({ kind: "ok", body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) }),
    );
    req.on("error", () => resolve({ kind: "gone" }));
    req.on("close", () => resolve({ kind: "gone" }));
  });
}

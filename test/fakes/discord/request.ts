/** Reads a REST request: JSON, or multipart with `payload_json` and `files[n]`. */
import type { IncomingMessage } from "node:http";
import { ApiError } from "./errors.ts";

/** A file that came with a request. */
export interface Upload {
  name: string;
  bytes: Buffer;
}

/** A request's body. */
export interface Body {
  json: Record<string, unknown>;
  /** By the number in `files[n]`. */
  files: Map<number, Upload>;
}

/** All bytes of a request's body. */
export async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Parses a body. @throws ApiError 50109 for what is no JSON */
export function readBody(contentType: string, bytes: Buffer): Body {
  if (bytes.length === 0) return { json: {}, files: new Map() };
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary !== undefined) return readMultipart(bytes, boundary);
  if (!contentType.startsWith("application/json"))
    throw new ApiError(
      400,
      50_035,
      `Invalid Form Body: Expected "Content-Type" header to be application/json`,
    );
  return { json: parse(bytes.toString("utf8")), files: new Map() };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return (Array.isArray(value) ? { list: value } : value) as Record<string, unknown>;
  } catch {
    throw new ApiError(400, 50_109, "The request body contains invalid JSON.");
  }
}

function readMultipart(bytes: Buffer, boundary: string): Body {
  const files = new Map<number, Upload>();
  let json: Record<string, unknown> = {};
  const mark = Buffer.from(`--${boundary}`);
  for (let at = bytes.indexOf(mark); at >= 0; ) {
    const next = bytes.indexOf(mark, at + mark.length);
    if (next < 0) break;
    const part = bytes.subarray(at + mark.length + 2, next - 2);
    const split = part.indexOf("\r\n\r\n");
    const head = part.subarray(0, split).toString("utf8");
    const content = Buffer.from(part.subarray(split + 4));
    const name = /\bname="([^"]*)"/i.exec(head)?.[1] ?? "";
    const number = /^files\[(\d+)\]$/.exec(name)?.[1];
    if (name === "payload_json") json = parse(content.toString("utf8"));
    else if (number !== undefined)
      files.set(Number(number), { name: /filename="([^"]*)"/i.exec(head)?.[1] ?? "file", bytes: content });
    at = next;
  }
  return { json, files };
}

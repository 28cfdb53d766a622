/** Reads a Bot API request: JSON, form or multipart with `attach://` files. */
import type { IncomingMessage } from "node:http";
import { badRequest } from "./errors.ts";

/** A file that came with a request. */
export interface Upload {
  name: string;
  bytes: Buffer;
}

/** All bytes of a request's body. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Parameters of a request: query, then body. */
export function readParams(url: URL, contentType: string, body: Buffer): Record<string, unknown> {
  const params: Record<string, unknown> = Object.fromEntries(url.searchParams);
  if (body.length === 0) return params;
  if (contentType.startsWith("application/json")) {
    try {
      return { ...params, ...(JSON.parse(body.toString("utf8")) as Record<string, unknown>) };
    } catch {
      throw badRequest("can't parse JSON object");
    }
  }
  if (contentType.startsWith("application/x-www-form-urlencoded")) {
    return { ...params, ...Object.fromEntries(new URLSearchParams(body.toString("utf8"))) };
  }
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined)
    throw badRequest(`FAKE: content type ${contentType || "(none)"} not understood`);
  return { ...params, ...readMultipart(body, boundary) };
}

function readMultipart(body: Buffer, boundary: string): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const uploads = new Map<string, Upload>();
  const mark = Buffer.from(`--${boundary}`);
  for (let at = body.indexOf(mark); at >= 0; ) {
    const next = body.indexOf(mark, at + mark.length);
    if (next < 0) break;
    const part = body.subarray(at + mark.length + 2, next - 2);
    const split = part.indexOf("\r\n\r\n");
    const head = part.subarray(0, split).toString("utf8");
    const content = Buffer.from(part.subarray(split + 4));
    const name = /name="([^"]*)"/i.exec(head)?.[1] ?? "";
    const file = /filename="?([^"\r\n;]*)"?/i.exec(head)?.[1];
    if (file === undefined) fields[name] = content.toString("utf8");
    else uploads.set(name, { name: decodeURIComponent(file), bytes: content });
    at = next;
  }
  for (const [name, value] of Object.entries(fields)) {
    const attached = typeof value === "string" ? /^attach:\/\/(.+)$/.exec(value)?.[1] : undefined;
    if (attached === undefined) continue;
    const upload = uploads.get(attached);
    if (!upload) throw badRequest(`file "${attached}" not found in the request`);
    fields[name] = upload;
    uploads.delete(attached);
  }
  for (const [name, value] of Object.entries(fields))
    if (typeof value === "string" && value.includes('"attach://')) fields[name] = mediaIn(value, uploads);
  for (const [name, upload] of uploads) fields[name] = upload;
  return fields;
}

/** An InputMedia in JSON: its `media` names a file of the same request. */
function mediaIn(json: string, uploads: Map<string, Upload>): unknown {
  const value = JSON.parse(json) as { media?: string };
  const name = /^attach:\/\/(.+)$/.exec(value.media ?? "")?.[1] ?? "";
  const upload = uploads.get(name);
  if (!upload) throw badRequest(`file "${name}" not found in the request`);
  uploads.delete(name);
  return { ...value, media: upload };
}

/**
 * What exactly a vendor is sent: the caller's bytes with our model and stream options, and headers made here. Nothing of
 * the caller's headers passes but Anthropic's version and known beta flags. Pure.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Inspected } from "./inspect.ts";
import { ANTHROPIC_BETAS } from "./request-anthropic.ts";
import { type Edit, spliced } from "./splice.ts";
import type { ResolvedTarget } from "./targets.ts";
import type { VendorRequest } from "./vendor-call.ts";

/** The request for one target. */
export function vendorRequest(
  target: ResolvedTarget,
  request: Inspected,
  body: Buffer,
  callerHeaders: IncomingHttpHeaders,
): VendorRequest {
  const edits: Edit[] = [{ key: "model", value: target.model }];
  if (request.dialect === "openai") {
    // Without it a cancelled or finished stream can't be accounted.
    if (request.stream) edits.push({ key: "stream_options", value: { include_usage: true } });
    const wanted = target.provider.maxTokensField;
    const other = wanted === "max_tokens" ? "max_completion_tokens" : "max_tokens";
    if (wanted && request.outline.fields.has(other)) edits.push({ key: other, rename: wanted });
  }
  return {
    path: target.path,
    headers: headersFor(target, request, callerHeaders),
    body: spliced(body, request.outline, edits),
    stream: request.stream,
  };
}

function headersFor(
  target: ResolvedTarget,
  request: Inspected,
  caller: IncomingHttpHeaders,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept: request.stream ? "text/event-stream" : "application/json",
    // Answers are read along with, so they must come uncompressed.
    "accept-encoding": "identity",
    "user-agent": "nemoclaw-bridge",
  };
  if (target.key !== undefined && target.auth === "bearer") headers["authorization"] = `Bearer ${target.key}`;
  if (target.key !== undefined && target.auth === "x-api-key") headers["x-api-key"] = target.key;
  if (request.dialect === "anthropic") {
    const version = caller["anthropic-version"];
    headers["anthropic-version"] =
      typeof version === "string" && /^\d{4}-\d{2}-\d{2}$/.test(version) ? version : "2023-06-01";
    const betas = String(caller["anthropic-beta"] ?? "")
      .split(",")
      .map((flag) => flag.trim())
      .filter((flag) => ANTHROPIC_BETAS.has(flag));
    if (betas.length > 0) headers["anthropic-beta"] = betas.join(",");
  }
  return headers;
}

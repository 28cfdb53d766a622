/**
 * The built-in demo model's face to the router: serves a reply as JSON or as an event stream, in both dialects, with
 * back-pressure, and stops when the caller is gone. Reaches no network; costs nothing.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "../call-types.ts";
import type { Inspected } from "../inspect.ts";
import { beginStream, sendJson } from "../reply.ts";
import type { Tokens } from "../usage.ts";
import { readConversation } from "./conversation.ts";
import { type Framer, framerFor } from "./frames.ts";
import { type DemoReply, replyTo } from "./reply.ts";

/** How the demo is to behave in this call. */
export interface DemoOptions {
  /** Say "ready" and nothing else. */
  warmup: boolean;
  /** Pause between the pieces of slow answers. */
  slowMs: number;
}

const READY: DemoReply = { kind: "text", pieces: ["ready"], slow: false };

/** Answers one call. */
export async function answerDemo(
  call: Call,
  request: Inspected,
  body: Buffer,
  options: DemoOptions,
): Promise<{ tokens: Tokens & { estimated: boolean }; cancelled: boolean }> {
  const reply = options.warmup ? READY : replyTo(readConversation(JSON.parse(body.toString("utf8"))));
  const said = reply.kind === "text" ? reply.pieces.join("") : reply.lead + JSON.stringify(reply.args);
  const tokens = { input: Math.ceil(body.length / 4), output: Math.ceil(said.length / 4), estimated: true };
  const framer = framerFor(request.dialect, call.ref, tokens, request.wantsUsage);
  const slowMs = reply.kind === "text" && reply.slow ? options.slowMs : 0;
  if (!request.stream) {
    const pieces = reply.kind === "text" ? reply.pieces.length : 0;
    const finished = slowMs === 0 || (await pause(slowMs * pieces, call.signal));
    if (finished) sendJson(call.res, 200, framer.whole(reply));
    return { tokens, cancelled: !finished };
  }
  return { tokens, cancelled: !(await stream(call, framer, reply, slowMs)) };
}

/** False when the caller went away. */
async function stream(call: Call, framer: Framer, reply: DemoReply, slowMs: number): Promise<boolean> {
  const { res, signal } = call;
  beginStream(res);
  const write = async (frame: string): Promise<boolean> => {
    if (signal.aborted) return false;
    if (!res.write(frame)) await once(res, "drain", { signal }).catch(() => undefined);
    return !signal.aborted;
  };
  if (!(await write(framer.start(reply)))) return false;
  const pieces = reply.kind === "text" ? reply.pieces : [reply.lead];
  for (const piece of pieces) {
    if (!(await write(framer.text(piece)))) return false;
    if (slowMs > 0 && !(await pause(slowMs, signal))) return false;
  }
  if (signal.aborted) return false;
  res.end(framer.end(reply));
  return true;
}

/** False when it was cut short. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

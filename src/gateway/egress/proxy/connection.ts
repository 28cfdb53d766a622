/**
 * One connection of a sandbox, from its first byte to its last: heads are read strictly, CONNECT becomes a tunnel,
 * everything else a forwarded request, one policy decision each. Holds no policy itself.
 */
import type { Socket } from "node:net";
import type { Cancel } from "../../../lib/cancel.ts";
import type { Authority } from "../guard/index.ts";
import { type Client, ESTABLISHED, type Inside, type Shared } from "./client.ts";
import { forward } from "./forward.ts";
import { framingOf } from "./framing.ts";
import { parseHeadText, type RequestHead, valuesOf } from "./head.ts";
import type { ProxyLimits } from "./limits.ts";
import { Program } from "./program.ts";
import { ByteReader, type HeadRead } from "./reader.ts";
import { finishWith, type Reply, reply, replyBytes } from "./replies.ts";
import { connectTarget, requestTarget } from "./request-target.ts";
import { openTunnel } from "./tunnel.ts";

/** Serves a connection until it ends. `gone` aborts when it is closed. */
export async function serveConnection(socket: Socket, gone: Cancel, shared: Shared): Promise<void> {
  socket.on("error", () => socket.destroy());
  const reader = new ByteReader(socket, gone);
  const first = await reader.bytes(shared.limits.keepAliveMs);
  if (first?.[0] === PREFIX_BYTE) {
    const sourcePort = await readSourcePort(reader, first, shared.limits);
    if (sourcePort !== undefined && shared.programOf) {
      const program = new Program(shared.programOf, sourcePort);
      return serveRequests({ socket, reader, gone, program }, shared);
    }
  } else if (first) reader.unread(first);
  return serveRequests({ socket, reader, gone }, shared);
}

/** Requests one after the other: at the proxy, or inside a tunnel. */
export async function serveRequests(client: Client, shared: Shared, inside?: Inside): Promise<void> {
  const { socket, reader } = client;
  const end = (answer?: Reply, headOnly = false) => {
    reader.release();
    inside?.upstream?.destroy();
    finishWith(socket, answer && replyBytes(answer, headOnly));
  };
  const serve = (within: Inside, inner: Client) => serveRequests(inner, shared, within);
  for (;;) {
    const reading = reader.head(shared.limits, shared.limits.keepAliveMs);
    const read = reading instanceof Promise ? await reading : reading;
    if (read.kind !== "head") return end(unreadHead(read.kind));
    const text = read.bytes.toString("latin1");
    const known = inside ? undefined : shared.connects.get(text);
    if (known) return openTunnel(client, known, shared, end, serve);
    const parsed = parseHeadText(text);
    if (!parsed.ok) return end(badRequest(parsed.fault));
    const { head } = parsed;
    if (head.headers.length > shared.limits.headLines) return end(reply("header_too_large"));

    if (head.method === "CONNECT") {
      const target = inside ? ({ ok: false, fault: "tunnel_in_tunnel" } as const) : connectTarget(head);
      if (!target.ok) return end(badRequest(target.fault));
      if (isInference(target.value, shared)) {
        socket.write(ESTABLISHED);
        return handOver(client, shared, true);
      }
      remember(text, head, target.value, shared);
      return openTunnel(client, target.value, shared, end, serve);
    }
    const framing = framingOf(head);
    if (!framing.ok) return end(badRequest(framing.fault));
    const target = requestTarget(head, inside);
    if (!target.ok) return end(badRequest(target.fault));
    if (!inside && isInference(target.value.authority, shared)) {
      reader.unread(read.bytes);
      return handOver(client, shared, false);
    }
    const outcome = await forward(client, head, target.value, framing.framing, shared, inside);
    if (outcome.kind === "refused") return end(outcome.reply, head.method === "HEAD");
    if (outcome.kind === "taken") return;
    if (outcome.kind === "close") return end();
    if (outcome.kind === "broken") {
      socket.destroy();
      return end();
    }
  }
}

/** How many heads are remembered, and how long ones: those of clients that send no more than they must. */
const KNOWN_HEADS = 256;
const KNOWN_HEAD = 300;

/**
 * A program names the same few destinations in the same words: reading them anew costs more than a look in a map.
 * Whatever may be a secret isn't kept.
 */
function remember(text: string, { headers }: RequestHead, target: Authority, { connects }: Shared): void {
  if (text.length > KNOWN_HEAD || valuesOf(headers, "proxy-authorization").length > 0) return;
  if (connects.size >= KNOWN_HEADS) connects.clear();
  connects.set(text, target);
}

function isInference(target: Authority, { inference }: Shared): boolean {
  return inference !== undefined && target.host === inference.host && target.port === 80;
}

/** The model's own server takes the connection, with every byte that was read from it. */
function handOver({ socket, reader }: Client, { inference }: Shared, tunnelled: boolean): void {
  reader.release();
  inference!.serve(socket, tunnelled);
}

/** The answer when no head could be read; none when the client just left. */
function unreadHead(kind: Exclude<HeadRead["kind"], "head">): Reply | undefined {
  switch (kind) {
    case "closed":
    case "truncated":
      return undefined;
    case "timeout":
      return reply("header_timeout");
    case "too_large":
      return reply("header_too_large");
    case "bad_line_ending":
    case "not_http":
      return badRequest(kind);
  }
}

function badRequest(fault: string): Reply {
  return reply("bad_request", { fault });
}

/** PROXY protocol v1, of which only the source port is taken: the forwarder in the guest may write it, or UNKNOWN. */
const PREFIX = "PROXY ";
const PREFIX_LINE = /^PROXY (?:UNKNOWN|TCP4 127\.0\.0\.1 127\.0\.0\.1 ([1-9]\d{0,4}) \d{1,5})$/;
const PREFIX_BYTE = PREFIX.charCodeAt(0);
const MAX_PREFIX = 107;

/** The client's source port in the sandbox, if the connection says it. It's a claim: see `ProgramLookup`. */
async function readSourcePort(
  reader: ByteReader,
  first: Buffer,
  limits: ProxyLimits,
): Promise<number | undefined> {
  for (let bytes = first; ; ) {
    const text = bytes.toString("latin1", 0, MAX_PREFIX);
    const end = text.indexOf("\r\n");
    const candidate = text.startsWith(PREFIX) || PREFIX.startsWith(text);
    const match = candidate && end >= 0 ? PREFIX_LINE.exec(text.slice(0, end)) : null;
    if (match) reader.unread(bytes.subarray(end + 2));
    else if (!candidate || end >= 0 || bytes.length >= MAX_PREFIX) reader.unread(bytes);
    else {
      const more = await reader.bytes(limits.headMs);
      if (more) {
        bytes = Buffer.concat([bytes, more]);
        continue;
      }
      reader.unread(bytes);
    }
    return match?.[1] ? Number(match[1]) : undefined;
  }
}

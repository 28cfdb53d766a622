/**
 * One request, forwarded: judged, dialled, its end-to-end headers and body sent, the answer sent back. The guest's side
 * is read by this project's strict reader, the other side by Node's HTTP client; neither side's framing reaches the
 * other.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Cancel } from "../../../lib/cancel.ts";
import { formatAuthority } from "../guard/index.ts";
import { sendBody } from "./body.ts";
import type { Client, Inside, Shared } from "./client.ts";
import { endToEnd, type Framing } from "./framing.ts";
import type { Wanted } from "./gatekeeper.ts";
import { type HeaderLine, membersOf, type RequestHead, valuesOf } from "./head.ts";
import { queryOf } from "./path.ts";
import { relay } from "./relay.ts";
import { type Reply, reply } from "./replies.ts";
import type { RequestTarget } from "./request-target.ts";
import { sendResponse } from "./response.ts";

/** What became of the request. `taken`: the connection belongs to a WebSocket now. `broken`: cut in mid-answer. */
export type Outcome =
  | { readonly kind: "next" | "close" | "taken" | "broken" }
  | { readonly kind: "refused"; readonly reply: Reply };

/** Forwards one request. */
export async function forward(
  client: Client,
  head: RequestHead,
  target: RequestTarget,
  framing: Framing,
  shared: Shared,
  inside?: Inside,
): Promise<Outcome> {
  const { gatekeeper, open } = shared;
  const upgrade = isWebSocket(head);
  const { path, barePath, encodedSlash, search } = target.path;
  const predialled = inside?.upstream?.destroyed === false ? inside.upstream : undefined;
  const wanted: Wanted = {
    authority: target.authority,
    scheme: inside?.tls ? "https" : "http",
    ...(client.binary === undefined ? {} : { binary: client.binary }),
    ...(inside ? { inside: { granted: inside.granted, dialled: predialled !== undefined } } : {}),
    request: {
      method: head.method,
      path,
      barePath,
      encodedSlash,
      query: queryOf(search),
      upgrade,
      tunnelled: inside !== undefined,
    },
  };
  const started = performance.now();
  const left = client.reader.watchEnd(client.gone);
  const admitted = await gatekeeper.admit(wanted, client.gone, left.signal);
  left.stop();
  if (!admitted.ok) return { kind: "refused", reply: admitted.reply };
  if (inside) inside.upstream = undefined;
  const dialled = predialled
    ? await gatekeeper.record(predialled, admitted.row)
    : await gatekeeper.dial(admitted, client.gone);
  if (!dialled.ok) return { kind: "refused", reply: dialled.reply };
  const { socket } = dialled;

  let settled = admitted.decision.layer === "standing" || admitted.decision.layer === "session";
  const remove = open.add({
    allowed: () => {
      const now = gatekeeper.decide(wanted).decision;
      if (now.verdict === "allow") settled = true;
      return now.verdict === "allow" || (now.verdict === "ask" && (!settled || inside?.granted === true));
    },
    close: () => {
      socket.destroy();
      client.socket.destroy();
    },
  });
  try {
    return await exchange(client, head, target, framing, upgrade, socket, shared);
  } finally {
    remove();
    gatekeeper.closed(admitted.row, socket.bytesWritten, socket.bytesRead, performance.now() - started);
    socket.destroy();
  }
}

type Ending =
  | { readonly kind: "response"; readonly message: IncomingMessage }
  | { readonly kind: "upgrade"; readonly message: IncomingMessage; readonly rest: Buffer }
  | { readonly kind: "failed" | "timeout" | "gone" | "malformed" | "truncated" };

async function exchange(
  client: Client,
  head: RequestHead,
  target: RequestTarget,
  framing: Framing,
  upgrade: boolean,
  socket: Socket,
  shared: Shared,
): Promise<Outcome> {
  const { limits } = shared;
  if (membersOf(head.headers, "expect").includes("100-continue"))
    client.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  const upstream = httpRequest({
    createConnection: () => socket,
    method: head.method,
    path: `${target.path.path}${target.path.search}`,
    headers: upstreamHeaders(head, target, framing, upgrade).flat() as unknown as Record<string, string>,
    setHost: false,
    insecureHTTPParser: false,
    maxHeaderSize: 64 * 1024,
  });
  const body = sendBody(client.reader, framing, upstream);
  const ending = await waitForAnswer(upstream, body, client.gone, limits.responseMs);
  switch (ending.kind) {
    case "response": {
      const whole = await sendResponse(client, head, ending.message, limits.idleMs);
      if (!whole) return { kind: "broken" };
      const sent = await Promise.race([body, Promise.resolve("pending" as const)]);
      const keep =
        head.minor === 1 && sent === "done" && !membersOf(head.headers, "connection").includes("close");
      upstream.destroy();
      return { kind: keep ? "next" : "close" };
    }
    case "upgrade":
      return switchProtocols(client, ending.message, ending.rest, socket, upgrade, limits.idleMs);
    case "malformed":
      upstream.destroy();
      return { kind: "refused", reply: reply("bad_request", { fault: "bad_chunk" }) };
    case "timeout":
      upstream.destroy();
      return { kind: "refused", reply: reply("upstream_timeout") };
    case "failed":
      return { kind: "refused", reply: reply("upstream_unreachable") };
    case "gone":
    case "truncated":
      upstream.destroy();
      return { kind: "broken" };
  }
}

/** The first of: an answer, a failure, a body that can't go on, a client that left, the time. */
function waitForAnswer(
  upstream: ClientRequest,
  body: Promise<"done" | "malformed" | "truncated" | "stopped">,
  gone: Cancel,
  responseMs: number,
): Promise<Ending> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (ending: Ending) => {
      clearTimeout(timer);
      gone.removeEventListener("abort", leave);
      resolve(ending);
    };
    const leave = () => settle({ kind: "gone" });
    gone.addEventListener("abort", leave, { once: true });
    if (gone.aborted) leave();
    upstream.once("response", (message) => settle({ kind: "response", message }));
    upstream.once("upgrade", (message: IncomingMessage, _socket, rest: Buffer) =>
      settle({ kind: "upgrade", message, rest }),
    );
    upstream.on("error", () => settle({ kind: "failed" }));
    upstream.once("close", () => settle({ kind: "failed" }));
    void body.then((result) => {
      if (result === "malformed" || result === "truncated") settle({ kind: result });
      else timer = setTimeout(() => settle({ kind: "timeout" }), responseMs);
    });
  });
}

/** What upstream is told: end-to-end headers, one Host, our own framing. */
function upstreamHeaders(
  head: RequestHead,
  target: RequestTarget,
  framing: Framing,
  upgrade: boolean,
): HeaderLine[] {
  const kept = endToEnd(head.headers).filter(([name]) => !/^(host|content-length|expect)$/i.test(name));
  const lines: HeaderLine[] = [["Host", formatAuthority(target.authority, 80)], ...kept];
  if (framing.kind === "length") lines.push(["Content-Length", String(framing.length)]);
  if (framing.kind === "chunked") lines.push(["Transfer-Encoding", "chunked"]);
  if (upgrade) lines.push(["Connection", "Upgrade"], ["Upgrade", "websocket"]);
  else lines.push(["Connection", "close"]);
  return lines;
}

function isWebSocket(head: RequestHead): boolean {
  return (
    head.method === "GET" &&
    head.minor === 1 &&
    membersOf(head.headers, "connection").includes("upgrade") &&
    valuesOf(head.headers, "upgrade").join().toLowerCase() === "websocket"
  );
}

/** 101: from here on the two sockets are joined. An answer to an upgrade that wasn't asked for is a broken upstream. */
async function switchProtocols(
  client: Client,
  message: IncomingMessage,
  rest: Buffer,
  socket: Socket,
  asked: boolean,
  idleMs: number,
): Promise<Outcome> {
  if (!asked) return { kind: "refused", reply: reply("upstream_unreachable") };
  const lines = [`HTTP/1.1 ${message.statusCode} ${message.statusMessage}`];
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    lines.push(`${message.rawHeaders[i]}: ${message.rawHeaders[i + 1]}`);
  client.socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (rest.length > 0) client.socket.write(rest);
  client.reader.release();
  await relay(client.socket, socket, idleMs);
  return { kind: "taken" };
}

/**
 * One request, forwarded: judged, dialled, its end-to-end headers and body sent, the answer sent back. The guest's side
 * is read by this project's strict reader, the other side by Node's HTTP client; neither side's framing reaches the
 * other.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type Cancel, Canceller } from "../../../lib/cancel.ts";
import { canBeScrubbed } from "../../credentials/answer.ts";
import type { CredentialUse, CredentialVerdict } from "../../credentials/ports.ts";
import { formatAuthority } from "../guard/index.ts";
import { keep, takeKept, watchRelease } from "../inspect/kept.ts";
import { sendBody } from "./body.ts";
import type { Client, Inside, Shared } from "./client.ts";
import { endToEnd, type Framing } from "./framing.ts";
import { type Admitted, type Dialled, named, type Refused, type Wanted } from "./gatekeeper.ts";
import { type HeaderLine, membersOf, type RequestHead, valuesOf } from "./head.ts";
import type { Open } from "./open.ts";
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
  const kept = takeKept(inside, head.method, framing);
  const predialled = inside?.upstream?.destroyed === false ? inside.upstream : kept?.socket;
  const wanted: Wanted = {
    authority: target.authority,
    scheme: inside?.tls ? "https" : "http",
    ...(client.program ? { program: client.program } : {}),
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
  const credential = judgeUse(shared, {
    authority: target.authority,
    inspected: inside?.tls === true,
    ...{ method: head.method, path, barePath, target: `${path}${search}`, headers: head.headers },
  });
  if (credential.kind === "refused") {
    const { decision, hash } = gatekeeper.decide(wanted);
    const row = { ...gatekeeper.row(wanted, decision, hash), reason: credential.reason };
    const answer = reply("credential_endpoint_mismatch");
    return {
      kind: "refused",
      reply: (await gatekeeper.refuse({ ...row, credential: credential.name }, answer)).reply,
    };
  }
  const asked = await gatekeeper.admit(wanted, client.gone, client.reader.watchEnd());
  client.reader.unwatch();
  if (!asked.ok) {
    kept?.socket.destroy();
    return { kind: "refused", reply: asked.reply };
  }
  const facts = {
    ...(credential.kind === "put" ? { credential: credential.name } : {}),
    ...(kept?.address === undefined ? {} : { address: kept.address }),
  };
  const admitted = { ...asked, row: { ...asked.row, ...facts } };
  if (inside) inside.upstream = undefined;
  const dialled = predialled
    ? await gatekeeper.record(predialled, named(admitted))
    : await dial(shared, admitted, client.gone);
  if (!dialled.ok) return { kind: "refused", reply: dialled.reply };
  const { socket } = dialled;

  let settled = admitted.decision.layer === "standing" || admitted.decision.layer === "session";
  const entry: Open = {
    place: -1,
    allowed: () => {
      const now = gatekeeper.decide(wanted).decision;
      if (now.verdict === "allow") settled = true;
      return now.verdict === "allow" || (now.verdict === "ask" && (!settled || inside?.granted === true));
    },
    close: () => {
      socket.destroy();
      client.socket.destroy();
    },
  };
  open.add(entry);
  let { row } = admitted;
  let stays = false;
  const [up, down] = [socket.bytesWritten, socket.bytesRead];
  try {
    const upstream =
      inside?.tls && !kept
        ? await shared.inspection!.secure(socket, target.authority, client.gone, shared.limits.dialMs)
        : { ok: true as const, socket };
    if (!upstream.ok) {
      row = { ...row, reason: `${upstream.code}: ${upstream.detail}` };
      return { kind: "refused", reply: reply(upstream.code) };
    }
    const request = { head, target, framing, upgrade, tls: inside?.tls === true, credential };
    const released = watchRelease(upstream.socket);
    const outcome = await exchange(client, request, upstream.socket, shared);
    if (inside?.tls && outcome.kind === "next" && (await released()) && !client.gone.aborted) {
      inside.kept = keep(upstream.socket, kept?.address ?? dialled.address);
      stays = inside.kept !== undefined;
    }
    const ended = kept && outcome.kind === "refused" && outcome.reply.code === "upstream_unreachable";
    if (!ended || admitted.decision.layer !== "standing") return outcome;
  } finally {
    open.remove(entry);
    const [bytesUp, bytesDown] = [socket.bytesWritten - up, socket.bytesRead - down];
    gatekeeper.closed({ ...admitted, row }, bytesUp, bytesDown, performance.now() - started);
    if (!stays) socket.destroy();
  }
  // The connection ended while it waited, and nothing came of the request: it goes once more, on one of its own.
  return forward(client, head, target, framing, shared, inside);
}

/** Dials; given up when the client is gone. */
async function dial({ gatekeeper }: Shared, admitted: Admitted, gone: Cancel): Promise<Dialled | Refused> {
  const own = new Canceller();
  const leave = () => own.abort();
  gone.addEventListener("abort", leave, { once: true });
  if (gone.aborted) leave();
  const dialled = await gatekeeper.dial(admitted, own);
  gone.removeEventListener("abort", leave);
  return dialled;
}

type Ending =
  | { readonly kind: "response"; readonly message: IncomingMessage }
  | { readonly kind: "upgrade"; readonly message: IncomingMessage; readonly rest: Buffer }
  | { readonly kind: "failed" | "timeout" | "gone" | "malformed" | "truncated" };

/** A request that may go. */
interface Going {
  readonly head: RequestHead;
  readonly target: RequestTarget;
  readonly framing: Framing;
  readonly upgrade: boolean;
  readonly tls: boolean;
  readonly credential: Exclude<CredentialVerdict, { kind: "refused" }>;
}

async function exchange(client: Client, going: Going, socket: Socket, shared: Shared): Promise<Outcome> {
  const { limits } = shared;
  const { head, target, framing, upgrade, credential } = going;
  const scrubber = credential.kind === "put" ? credential.scrubber : undefined;
  if (membersOf(head.headers, "expect").includes("100-continue"))
    client.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  const upstream = httpRequest({
    createConnection: () => socket,
    method: head.method,
    path: `${target.path.path}${target.path.search}`,
    headers: upstreamHeaders(going).flat() as unknown as Record<string, string>,
    setHost: false,
    insecureHTTPParser: false,
    maxHeaderSize: 64 * 1024,
  });
  // Without an agent Node's client would end the socket with the answer; this leaves it to us (kept.ts).
  upstream.shouldKeepAlive = going.tls;
  const body = sendBody(client.reader, framing, upstream);
  const ending = await waitForAnswer(upstream, body, client.gone, limits.responseMs);
  switch (ending.kind) {
    case "response": {
      if (scrubber && !canBeScrubbed(ending.message, head.method)) {
        upstream.destroy();
        return { kind: "refused", reply: reply("response_unscrubbable") };
      }
      const whole = await sendResponse(client, head, ending.message, limits.idleMs, scrubber);
      if (!whole) return { kind: "broken" };
      const sent = await Promise.race([body, Promise.resolve("pending" as const)]);
      const keep =
        head.minor === 1 && sent === "done" && !membersOf(head.headers, "connection").includes("close");
      upstream.destroy();
      return { kind: keep ? "next" : "close" };
    }
    case "upgrade":
      if (scrubber) return { kind: "refused", reply: reply("response_unscrubbable") };
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

const NO_CREDENTIAL = { kind: "none" } as const;

function judgeUse({ credentials }: Shared, use: CredentialUse): CredentialVerdict {
  return credentials?.judge(use) ?? NO_CREDENTIAL;
}

/** What upstream is told: end-to-end headers, one Host, our own framing. */
function upstreamHeaders({ head, target, framing, upgrade, tls, credential }: Going): HeaderLine[] {
  const headers = credential.kind === "put" ? credential.headers : head.headers;
  const kept = endToEnd(headers).filter(([name]) => !/^(host|content-length|expect)$/i.test(name));
  const lines: HeaderLine[] = [["Host", formatAuthority(target.authority, tls ? 443 : 80)], ...kept];
  if (framing.kind === "length") lines.push(["Content-Length", String(framing.length)]);
  if (framing.kind === "chunked") lines.push(["Transfer-Encoding", "chunked"]);
  if (upgrade) lines.push(["Connection", "Upgrade"], ["Upgrade", "websocket"]);
  else lines.push(["Connection", tls ? "keep-alive" : "close"]);
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
  await new Promise<void>((resolve) => relay(client, socket, idleMs, resolve));
  return { kind: "taken" };
}

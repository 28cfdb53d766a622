/**
 * A tunnel whose requests are judged one by one: nothing is dialled for it. Its first bytes are judged, TLS is ended
 * here, and each allowed request dials for itself. Upstream never sees a byte of what wasn't allowed.
 */
import { Canceller } from "../../../lib/cancel.ts";
import type { Authority } from "../guard/index.ts";
import { type Client, ESTABLISHED, type Inside, type Shared } from "../proxy/client.ts";
import { judgeFirstBytes } from "../proxy/first-bytes.ts";
import type { Admitted, Wanted } from "../proxy/gatekeeper.ts";
import type { Open } from "../proxy/open.ts";
import { ByteReader } from "../proxy/reader.ts";
import { type Reply, reply } from "../proxy/replies.ts";
import type { Inspection } from "./ports.ts";
import { terminateTls } from "./terminate.ts";

/** What the tunnel is about. */
export interface InspectedTunnel {
  readonly authority: Authority;
  readonly wanted: Wanted;
  readonly admitted: Admitted;
  readonly inspection: Inspection;
}

/** Serves it to its end. `refuse` answers and ends the connection; `serve` reads requests inside. */
export async function serveInspected(
  client: Client,
  tunnel: InspectedTunnel,
  shared: Shared,
  refuse: (answer: Reply) => void,
  serve: (client: Client, inside: Inside) => Promise<void>,
): Promise<void> {
  const { socket, reader } = client;
  const { gatekeeper, limits, open } = shared;
  const { authority, wanted, admitted, inspection } = tunnel;
  const { row, decision } = admitted;
  const started = performance.now();

  if (!(await gatekeeper.recordAlone(row))) return refuse(reply("audit_unavailable"));
  if (socket.destroyed) return;
  const entry: Open = {
    place: -1,
    allowed: () => gatekeeper.decide(wanted).decision.verdict === "allow",
    close: () => socket.destroy(),
  };
  open.add(entry);
  // Bytes are counted by the requests inside, which have rows of their own.
  socket.once("close", () => {
    open.remove(entry);
    gatekeeper.closed(admitted, 0, 0, performance.now() - started);
  });

  socket.write(ESTABLISHED);
  const first = await judgeFirstBytes(reader, authority, decision, limits);
  const inside = { authority, granted: false };
  if (first.kind === "http") return serve(client, { ...inside, tls: false });
  if (first.kind !== "tls") {
    if (first.kind === "refused")
      await gatekeeper.refuse({ ...row, ...refusal(first) }, reply("policy_denied"));
    return void socket.destroy();
  }
  reader.release();
  const terminated = await terminateTls(socket, inspection.contextFor(authority), limits.headMs);
  if (!terminated.ok) {
    await gatekeeper.refuse({ ...row, reason: terminated.reason, sni: first.sni }, reply("policy_denied"));
    return;
  }
  const plain = terminated.socket;
  const gone = new Canceller();
  plain.once("close", () => gone.abort());
  if (plain.destroyed) gone.abort();
  const within: Client = {
    socket: plain,
    reader: new ByteReader(plain, gone),
    gone,
    ...(client.program ? { program: client.program } : {}),
  };
  const requests: Inside = { ...inside, tls: true };
  plain.once("close", () => requests.kept?.socket.destroy());
  return serve(within, requests);
}

function refusal(first: { reason: string; sni?: string | null }): { reason: string; sni?: string | null } {
  return { reason: first.reason, ...(first.sni === undefined ? {} : { sni: first.sni }) };
}

/**
 * CONNECT: admitted, dialled, answered 200, then judged by its first bytes before upstream sees any. What goes through
 * afterwards is either opaque (TLS to the named host) or requests that are judged one by one.
 */
import type { Authority } from "../guard/index.ts";
import { serveInspected } from "../inspect/tunnel.ts";
import { type Client, ESTABLISHED, type Inside, type Shared } from "./client.ts";
import { judgeFirstBytes } from "./first-bytes.ts";
import type { Wanted } from "./gatekeeper.ts";
import type { Open } from "./open.ts";
import { relay } from "./relay.ts";
import { type Reply, reply } from "./replies.ts";

/** Port whose tunnels can only hold TLS. */
const TLS_PORT = 443;

/** Opens a tunnel and serves it to its end. `end` answers and ends the connection; `serve` reads requests inside. */
export async function openTunnel(
  client: Client,
  authority: Authority,
  shared: Shared,
  end: (answer: Reply) => void,
  serve: (inside: Inside, inner: Client) => Promise<void>,
): Promise<void> {
  const { socket, reader, gone, program } = client;
  const { gatekeeper, limits, open } = shared;
  const freeSlot = open.slot(limits.tunnels);
  if (!freeSlot) return end(reply("too_many_connections"));
  // The two sockets are joined: their end is the relay's business.
  let blind = false;
  gone.addEventListener("abort", () => {
    if (!blind) freeSlot();
  });
  const refuse = (answer: Reply) => {
    freeSlot();
    end(answer);
  };
  const wanted: Wanted = program ? { authority, scheme: "tunnel", program } : { authority, scheme: "tunnel" };
  const started = performance.now();

  const left = reader.watchEnd();
  const admitted = await gatekeeper.admit(wanted, left, left);
  if (!admitted.ok) return refuse(admitted.reply);
  const { decision, until } = admitted;
  if (decision.inspect && shared.inspection) {
    reader.unwatch();
    const tunnel = { authority, wanted, admitted, inspection: shared.inspection };
    return serveInspected(client, tunnel, shared, refuse, (inner, inside) => serve(inside, inner));
  }
  if (decision.inspect && authority.port === TLS_PORT) {
    return refuse(
      (
        await gatekeeper.refuse(
          { ...admitted.row, reason: "inspection_unavailable" },
          reply("inspection_unavailable"),
        )
      ).reply,
    );
  }
  const dialled = await gatekeeper.dial(admitted, left);
  reader.unwatch();
  if (!dialled.ok) return refuse(dialled.reply);
  const upstream = dialled.socket;

  let settled = decision.layer === "standing" || decision.layer === "session";
  const entry: Open = {
    place: -1,
    allowed: () => {
      const now = gatekeeper.decide(wanted).decision;
      // What is to be judged request by request from now on can't go on unseen.
      if (blind && now.inspect && !now.opaque) return false;
      if (now.verdict === "allow") settled = true;
      // What a person let through just now may not have become a rule or grant yet; once it has, that decides.
      return now.verdict === "allow" || (now.verdict === "ask" && !settled);
    },
    close: () => {
      upstream.destroy();
      socket.destroy();
    },
  };
  open.add(entry);
  const expire = entry.close;
  until?.addEventListener("abort", expire, { once: true });
  const closed = () =>
    gatekeeper.closed(admitted, upstream.bytesWritten, upstream.bytesRead, performance.now() - started);
  if (upstream.closed) closed();
  else upstream.on("close", closed);
  const over = () => {
    freeSlot();
    open.remove(entry);
    until?.removeEventListener("abort", expire);
    upstream.destroy();
  };
  // The client's end is the tunnel's: requests inside it may outlive the first upstream connection.
  gone.addEventListener("abort", () => {
    if (!blind) over();
  });
  // It may have gone while the row was written: then nobody is called any more.
  if (gone.aborted) return over();
  if (socket.destroyed || until?.aborted) return expire();

  socket.write(ESTABLISHED);
  if (!decision.opaque) {
    const first = await judgeFirstBytes(reader, authority, decision, limits);
    if (first.kind === "http") {
      const inside: Inside = { authority, tls: false, granted: decision.layer !== "standing", upstream };
      return serve(inside, client);
    }
    if (first.kind !== "tls" || decision.inspect) {
      const reason =
        first.kind === "refused"
          ? first.reason
          : first.kind === "closed"
            ? undefined
            : "inspection_unavailable";
      if (reason)
        await gatekeeper.refuse(
          { ...admitted.row, reason, ...("sni" in first ? { sni: first.sni } : {}) },
          reply("policy_denied"),
        );
      upstream.destroy();
      socket.destroy();
      return;
    }
  }
  blind = true;
  relay(client, upstream, limits.idleMs, over);
}

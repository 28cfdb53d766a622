/**
 * 127.0.0.1:3128 → egress.sock: what HTTP(S)_PROXY points at. A pipe of bytes: it neither parses nor decides, and it
 * puts one line in front that says which port the client has, so that the host can look up the program.
 * The one exception is `intercept`: while it returns a server, the agent's model calls go there (warmup.ts).
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { log, reason } from "./log.ts";

const UNAVAILABLE = (() => {
  const body =
    '{"error":{"type":"gateway_unavailable","message":"The gateway of this sandbox is restarting. Try again."}}\n';
  return (
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/json\r\nConnection: close\r\n" +
    `Content-Length: ${body.length}\r\n\r\n${body}`
  );
})();

const MODEL_CALL = /^(CONNECT inference\.local:80 |[A-Z]+ http:\/\/inference\.local(:80)?\/)/;

/** Something that takes over a client's connection. */
export interface Interceptor {
  take(client: Socket): void;
}

/** Starts the forwarder; resolves when it listens. */
export async function startForwarder(
  port: number,
  egressSocket: string,
  intercept: () => Interceptor | undefined,
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (client) => {
    client.on("error", () => client.destroy());
    if (!intercept()) return forward(client, egressSocket);
    client.once("data", (first) => {
      client.pause();
      client.unshift(first);
      const taker = MODEL_CALL.test(first.toString("latin1", 0, 64)) ? intercept() : undefined;
      if (taker) taker.take(client);
      else forward(client, egressSocket);
    });
  });
  await new Promise<void>((resolve, rejected) => {
    server.once("error", rejected);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

/**
 * PROXY protocol v1. Never left out: else the client's own first bytes could pass for it. A client may bind any address
 * of 127/8, and another program may have the same port on 127.0.0.1: such a client is nobody.
 */
function sourceLine(client: Socket): string {
  const { remoteAddress, remotePort, localPort } = client;
  return remoteAddress === "127.0.0.1" && remotePort
    ? `PROXY TCP4 127.0.0.1 127.0.0.1 ${remotePort} ${localPort}\r\n`
    : "PROXY UNKNOWN\r\n";
}

/** Half-close and back-pressure are pipe()'s: an end is passed on as an end, a slow reader stops the other side. */
function forward(client: Socket, egressSocket: string): void {
  let connected = false;
  const upstream = connect({ path: egressSocket, allowHalfOpen: true }, () => {
    connected = true;
    upstream.cork(); // the line travels with the client's first bytes when they are here already
    upstream.write(sourceLine(client));
    client.pipe(upstream);
    setImmediate(() => upstream.uncork());
    upstream.pipe(client);
  });
  upstream.on("error", (error) => {
    if (connected) return client.destroy();
    log("warn", "egress-unreachable", { err: reason(error) });
    client.end(UNAVAILABLE);
    client.resume();
  });
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => connected && !client.writableEnded && client.destroy());
}

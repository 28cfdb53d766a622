/**
 * The floor: what a proxy costs in Node that decides nothing, checks nothing and records nothing. CONNECT and plain
 * requests by node:http, two pipes per tunnel. Listens on a unix socket and on loopback. Ends with its stdin.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

const [socketPath = ""] = process.argv.slice(2);

/** Both listeners serve the same; each needs a server of its own. */
function server() {
  const made = createServer({ noDelay: true }, forward);
  made.on("connect", tunnel);
  return made;
}

function tunnel(req: IncomingMessage, client: Socket, head: Buffer): void {
  const colon = (req.url ?? "").lastIndexOf(":");
  const upstream = connect({
    host: req.url!.slice(0, colon),
    port: Number(req.url!.slice(colon + 1)),
    noDelay: true,
  });
  upstream.on("connect", () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) upstream.write(head);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  upstream.on("error", () => client.destroy());
  client.on("error", () => upstream.destroy());
  upstream.on("close", () => client.destroy());
  client.on("close", () => upstream.destroy());
}

function forward(req: IncomingMessage, res: ServerResponse): void {
  const { host, connection: _, "proxy-connection": __, ...headers } = req.headers;
  const upstream = request(req.url!, { method: req.method!, headers: { host, ...headers } }, (answer) => {
    res.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(res);
  });
  upstream.on("error", () => res.destroy());
  req.pipe(upstream);
}

const local = server().listen(socketPath, () => {
  const tcp = server();
  tcp.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ port: (tcp.address() as AddressInfo).port }));
  });
});
process.stdin.resume().on("end", () => {
  local.close();
  process.exit(0);
});

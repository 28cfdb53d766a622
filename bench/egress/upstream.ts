/**
 * Where every proxy of the bench dials to. Three ports: one answers the first bytes with one byte and stays open, one
 * answers them with a stream of bytes and ends, one speaks as much HTTP as a 1-byte answer needs. Ends with its stdin.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";

const streamBytes = Number(process.argv[2]);
const CHUNK = Buffer.alloc(64 * 1024, 7);
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";

const byte = (socket: Socket) => socket.once("data", () => socket.resume().write("x"));

const stream = (socket: Socket) =>
  socket.once("data", () => {
    socket.resume();
    let left = streamBytes;
    const more = () => {
      while (left > 0) {
        const piece = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
        left -= piece.length;
        if (!socket.write(piece)) return;
      }
      socket.off("drain", more);
      socket.end();
    };
    socket.on("drain", more);
    more();
  });

const http = (socket: Socket) => {
  let text = "";
  socket.on("data", (piece: Buffer) => {
    text += piece.toString("latin1");
    for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
      const close = /^connection: close/im.test(text.slice(0, end));
      text = text.slice(end + 4);
      if (close) socket.end(ANSWER);
      else socket.write(ANSWER);
    }
  });
};

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((resolve) =>
    server.listen({ port: 0, host: "127.0.0.1", backlog: 2_048 }, resolve),
  );
  return (server.address() as AddressInfo).port;
}

console.log(
  JSON.stringify({ byte: await listen(byte), stream: await listen(stream), http: await listen(http) }),
);
process.stdin.resume().on("end", () => process.exit(0));

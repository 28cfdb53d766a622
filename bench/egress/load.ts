/**
 * The bench's client: tunnels timed from the connect to the first byte that comes back through them, tunnels that
 * stream, tunnels that just stay, plain requests. Anything but the expected answer is an error that ends the bench.
 */
import { connect, type Socket } from "node:net";

/** Where a client connects to. */
export type Place = { readonly path: string } | { readonly host: string; readonly port: number };

/** What is loaded: a proxy and the destinations to name to it; without `authority` the destination itself. */
export interface Route {
  readonly place: Place;
  /** For CONNECT. Absent: the place is the destination. */
  readonly authority?: string;
}

/** An open tunnel that has carried one byte back. */
export interface Opened {
  readonly socket: Socket;
  readonly ms: number;
}

/** Opens a tunnel, sends `first` through it and waits for an answer's first byte. */
export function openTunnel({ place, authority }: Route, first: Buffer): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const at = performance.now();
    const socket = connect({ ...place, noDelay: true });
    let established = authority === undefined;
    let head = "";
    socket.on("connect", () =>
      socket.write(
        authority === undefined ? first : `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
      ),
    );
    const onData = (piece: Buffer) => {
      if (established) {
        socket.off("data", onData);
        socket.off("close", onClose);
        return resolve({ socket, ms: performance.now() - at });
      }
      head += piece.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      if (!/^HTTP\/1\.[01] 200 /.test(head)) return reject(new Error(`no tunnel: ${head}`));
      established = true;
      socket.write(first);
    };
    const onClose = () => reject(new Error(`tunnel closed early; head ${JSON.stringify(head)}`));
    socket.on("data", onData);
    socket.once("close", onClose);
    socket.on("error", reject);
  });
}

/** Runs `count` times, `width` at once. */
export async function spreadOut(count: number, width: number, one: () => Promise<void>): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Milliseconds to the first byte, of `count` tunnels, `width` at once, each closed after it. */
export async function firstBytes(
  route: Route,
  first: Buffer,
  count: number,
  width: number,
): Promise<number[]> {
  const times: number[] = [];
  await spreadOut(count, width, async () => {
    const { socket, ms } = await openTunnel(route, first);
    times.push(ms);
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
    });
  });
  return times;
}

/** Reads tunnels to their end, all at once; the bytes of all. */
export async function streams(route: Route, first: Buffer, width: number): Promise<number> {
  let bytes = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      const { socket } = await openTunnel(route, first);
      await new Promise<void>((resolve) => {
        socket.on("data", (piece: Buffer) => {
          bytes += piece.length;
        });
        socket.once("close", () => resolve());
        socket.once("end", () => socket.end());
      });
    }),
  );
  return bytes;
}

/** Opens tunnels and leaves them open. */
export async function holdTunnels(route: Route, first: Buffer, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  await spreadOut(count, 32, async () => {
    sockets.push((await openTunnel(route, first)).socket);
  });
  return sockets;
}

/** `count` plain requests over `width` connections, kept as long as the proxy keeps them. */
export async function forwards(place: Place, url: string, count: number, width: number): Promise<void> {
  const idle: Socket[] = [];
  const { host } = new URL(url);
  const request = `GET ${url} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench\r\n\r\n`;
  await spreadOut(count, width, async () => {
    for (;;) {
      const kept = idle.pop();
      const socket = kept ?? connect({ ...place, noDelay: true });
      const answer = await oneRequest(socket, request);
      if (answer === "keep") idle.push(socket);
      else socket.destroy();
      if (answer !== "closed") return;
      // tinyproxy doesn't say that it closes: a kept connection may be closed by now, a new one may not.
      if (!kept) throw new Error("a new connection was closed without an answer");
    }
  });
  for (const socket of idle) socket.destroy();
}

/** Sends one and reads the whole answer. `closed`: the connection ended instead. */
function oneRequest(socket: Socket, request: string): Promise<"keep" | "last" | "closed"> {
  return new Promise((resolve, reject) => {
    let text = "";
    const settle = (then: () => void) => {
      socket.off("data", onData);
      socket.off("close", onClose);
      then();
    };
    const onClose = () =>
      settle(() => (text === "" ? resolve("closed") : reject(new Error(`answer broke off: ${text}`))));
    const onData = (piece: Buffer) => {
      text += piece.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0 || text.length < end + 5) return;
      const head = text.slice(0, end + 2);
      if (!/^HTTP\/1\.[01] 200 /.test(head) || text[end + 4] !== "x")
        return settle(() => reject(new Error(`bad answer: ${text}`)));
      const keep = head.startsWith("HTTP/1.1") && !/^(proxy-)?connection: close/im.test(head);
      settle(() => resolve(keep ? "keep" : "last"));
    };
    socket.on("data", onData);
    socket.once("close", onClose);
    socket.on("error", () => {});
    if (socket.destroyed || socket.readableEnded) return onClose();
    socket.write(request);
  });
}

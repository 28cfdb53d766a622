/** The server side of RFC 6455 as far as the fake needs it: text frames, one client message per frame, no extensions. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** One client. */
export interface Peer {
  send(value: unknown): void;
  close(): void;
}

/** Accepts an upgrade. `onMessage` gets each parsed JSON message. */
export function accept(
  request: IncomingMessage,
  socket: Duplex,
  onMessage: (value: Record<string, unknown>) => void,
  onClose: () => void,
): Peer {
  const key = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
  );
  let rest: Buffer = Buffer.alloc(0);
  let partial = "";
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let frame = readFrame(rest); frame; frame = readFrame(rest)) {
      rest = rest.subarray(frame.bytes);
      if (frame.opcode === 8) return void socket.end();
      if (frame.opcode > 2) continue;
      partial += frame.payload.toString("utf8");
      if (!frame.fin) continue;
      const text = partial;
      partial = "";
      onMessage(JSON.parse(text) as Record<string, unknown>);
    }
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", onClose);
  return {
    send: (value) => socket.writable && socket.write(textFrame(JSON.stringify(value))),
    close: () => socket.end(),
  };
}

function readFrame(
  buffer: Buffer,
): { fin: boolean; opcode: number; payload: Buffer; bytes: number } | undefined {
  if (buffer.length < 2) return undefined;
  const [first = 0, second = 0] = buffer;
  let length = second & 127;
  let at = 2;
  if (length === 126) {
    if (buffer.length < 4) return undefined;
    length = buffer.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return undefined;
    length = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  const masked = (second & 128) !== 0;
  if (buffer.length < at + (masked ? 4 : 0) + length) return undefined;
  const mask = masked ? buffer.subarray(at, at + 4) : undefined;
  if (mask) at += 4;
  const payload = Buffer.from(buffer.subarray(at, at + length));
  if (mask) for (let i = 0; i < length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return { fin: (first & 128) !== 0, opcode: first & 15, payload, bytes: at + length };
}

function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126 ? Buffer.alloc(2) : payload.length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = 0x81;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
}

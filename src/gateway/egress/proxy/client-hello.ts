/**
 * The server name in a TLS ClientHello, from the first bytes of a connection, however they are cut into segments and
 * records. Reads, never answers; anything it can't follow is malformed. Pure.
 */

/** What the bytes say so far. `name` is undefined when the client sends none. */
export type HelloResult =
  | { readonly kind: "more" }
  | { readonly kind: "malformed" }
  | { readonly kind: "hello"; readonly name: string | undefined };

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** Whether a first byte can begin TLS. */
export function looksLikeTls(first: number): boolean {
  return first === HANDSHAKE_RECORD;
}

/** Reads the handshake message out of its records, then the name out of the message. */
export function readClientHello(bytes: Buffer): HelloResult {
  const pieces: Buffer[] = [];
  let at = 0;
  let have = 0;
  for (;;) {
    if (have >= 4) {
      const message = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
      if (message[0] !== CLIENT_HELLO) return { kind: "malformed" };
      const length = message.readUIntBE(1, 3);
      if (have >= 4 + length) return nameOf(message.subarray(4, 4 + length));
    }
    if (bytes.length - at < 5)
      return bytes.length > at && bytes[at] !== HANDSHAKE_RECORD ? { kind: "malformed" } : { kind: "more" };
    if (bytes[at] !== HANDSHAKE_RECORD || bytes[at + 1] !== 3) return { kind: "malformed" };
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 16_384) return { kind: "malformed" };
    const piece = bytes.subarray(at + 5, at + 5 + length);
    if (pieces.length === 0 && piece.length > 0 && piece[0] !== CLIENT_HELLO) return { kind: "malformed" };
    if (piece.length < length) return { kind: "more" };
    pieces.push(piece);
    have += piece.length;
    at += 5 + length;
  }
}

/** Walks the ClientHello's vectors (RFC 8446 §4.1.2) to the server_name extension (RFC 6066 §3). */
function nameOf(hello: Buffer): HelloResult {
  const malformed = { kind: "malformed" } as const;
  let at = 2 + 32;
  const vector = (sizeBytes: 1 | 2): Buffer | undefined => {
    if (at + sizeBytes > hello.length) return undefined;
    const length = hello.readUIntBE(at, sizeBytes);
    const end = at + sizeBytes + length;
    if (end > hello.length) return undefined;
    const body = hello.subarray(at + sizeBytes, end);
    at = end;
    return body;
  };
  if (!vector(1) || !vector(2) || !vector(1)) return malformed;
  if (at === hello.length) return { kind: "hello", name: undefined };
  const extensions = vector(2);
  if (!extensions || at !== hello.length) return malformed;
  let name: string | undefined;
  for (let e = 0; e < extensions.length; ) {
    if (e + 4 > extensions.length) return malformed;
    const type = extensions.readUInt16BE(e);
    const end = e + 4 + extensions.readUInt16BE(e + 2);
    if (end > extensions.length) return malformed;
    if (type === SERVER_NAME) {
      if (name !== undefined) return malformed;
      name = firstHostName(extensions.subarray(e + 4, end));
      if (name === undefined) return malformed;
    }
    e = end;
  }
  return { kind: "hello", name };
}

/** One host_name entry and nothing after it; undefined otherwise. */
function firstHostName(list: Buffer): string | undefined {
  if (list.length < 5 || list.readUInt16BE(0) !== list.length - 2 || list[2] !== HOST_NAME) return undefined;
  const length = list.readUInt16BE(3);
  if (length === 0 || 5 + length !== list.length) return undefined;
  return list.toString("latin1", 5);
}

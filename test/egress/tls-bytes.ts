/**
 * ClientHello messages as bytes, for tests of what the proxy reads from them.
 */

/** A ClientHello; `record`: at most this many bytes per TLS record. `ech`: with an encrypted_client_hello extension. */
export function clientHello(name: string | undefined, record = 16_384, ech = false): Buffer {
  const extensions: Buffer[] = [extension(43, Buffer.from([2, 3, 4]))];
  if (name !== undefined) {
    const host = Buffer.from(name, "latin1");
    extensions.push(
      extension(0, Buffer.concat([u16(host.length + 3), Buffer.from([0]), u16(host.length), host])),
    );
  }
  if (ech) extensions.push(extension(0xfe0d, Buffer.alloc(64, 7)));
  const list = Buffer.concat(extensions);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 9),
    Buffer.from([0]),
    u16(4),
    Buffer.from([0x13, 0x01, 0x13, 0x02]),
    Buffer.from([1, 0]),
    u16(list.length),
    list,
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += record) {
    const piece = message.subarray(at, at + record);
    records.push(Buffer.from([22, 3, 1]), u16(piece.length), piece);
  }
  return Buffer.concat(records);
}

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([u16(type), u16(body.length), body]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

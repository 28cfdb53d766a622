/**
 * The few DER encodings that a certificate is made of (X.690). Writes only: nothing here reads bytes of others, so there
 * is no parser to fool. Pure.
 */

function tagged(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : length < 0x10000
          ? [0x82, length >> 8, length & 0xff]
          : undefined;
  if (!size) throw new RangeError("longer than a certificate may be");
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

/** SEQUENCE. */
export const sequence = (...parts: Uint8Array[]): Buffer => tagged(0x30, Buffer.concat(parts));

/** SET of one member. */
export const set = (member: Uint8Array): Buffer => tagged(0x31, member);

/** Context-specific, constructed. */
export const explicit = (number: number, content: Uint8Array): Buffer => tagged(0xa0 | number, content);

/** Context-specific, primitive (IMPLICIT tagging of a string or of bytes). */
export const implicit = (number: number, content: Uint8Array): Buffer => tagged(0x80 | number, content);

/** INTEGER, never negative. */
export function integer(value: number | Uint8Array): Buffer {
  const bytes = typeof value === "number" ? Buffer.from([value]) : Buffer.from(value);
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const short = bytes.subarray(from);
  return tagged(0x02, short[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short);
}

/** BOOLEAN true; false is a default and never written. */
export const yes: Buffer = tagged(0x01, Buffer.from([0xff]));

/** OCTET STRING. */
export const octets = (content: Uint8Array): Buffer => tagged(0x04, content);

/** BIT STRING of whole bytes, less `unused` bits at the end. */
export const bits = (content: Uint8Array, unused = 0): Buffer =>
  tagged(0x03, Buffer.concat([Buffer.from([unused]), content]));

/** UTF8String. */
export const text = (value: string): Buffer => tagged(0x0c, Buffer.from(value, "utf8"));

/** OBJECT IDENTIFIER. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}

/** UTCTime, or GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tagged(0x18, Buffer.from(`${digits}Z`));
}

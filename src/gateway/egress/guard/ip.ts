/**
 * IP addresses and networks as bytes. Strict: one spelling of IPv4 (dotted quad, no leading zeros), IPv6 by RFC 4291
 * without a zone id. Decimal, octal, hex and short forms are not addresses here, so nothing downstream can read them
 * as one. Pure; never touches the network.
 */

/** A parsed address. `text` is the canonical spelling, the one that is compared, dialled and logged. */
export interface Ip {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** A network: the first `bits` bits of `bytes`. */
export interface Cidr {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly text: string;
}

const QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** Canonical dotted quad, or undefined. */
export function parseIpv4(text: string): Ip | undefined {
  const match = QUAD.exec(text);
  if (!match) return undefined;
  const bytes = Uint8Array.of(Number(match[1]), Number(match[2]), Number(match[3]), Number(match[4]));
  // Uint8Array wraps silently, so the range is checked on the digits.
  for (let i = 1; i <= 4; i++) if (Number(match[i]) > 255) return undefined;
  return { family: 4, bytes, text };
}

/** IPv6 without brackets and without a zone, or undefined. */
export function parseIpv6(text: string): Ip | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const filled = head.length + tail.length;
  if (halves.length === 1 ? filled !== 8 : filled > 7) return undefined;
  const groups = [...head, ...new Array<number>(8 - filled).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  groups.forEach((group, i) => {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  });
  return { family: 6, bytes, text: formatIpv6(bytes) };
}

/** The 16-bit groups of one side of `::`; a dotted quad may stand last. */
function groupsOf(part: string, mayEndInQuad: boolean): number[] | undefined {
  if (part === "") return [];
  const pieces = part.split(":");
  const groups: number[] = [];
  for (const [i, piece] of pieces.entries()) {
    if (GROUP.test(piece)) groups.push(Number.parseInt(piece, 16));
    else if (mayEndInQuad && i === pieces.length - 1) {
      const quad = parseIpv4(piece)?.bytes;
      if (!quad) return undefined;
      groups.push((quad[0]! << 8) | quad[1]!, (quad[2]! << 8) | quad[3]!);
    } else return undefined;
  }
  return groups;
}

/** RFC 5952 spelling, always in hex groups (an embedded IPv4 address isn't written as a quad). */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.at < 0) return hex.join(":");
  return `${hex.slice(0, best.at).join(":")}::${hex.slice(best.at + best.length).join(":")}`;
}

/** Either family, no brackets, no zone. */
export function parseIp(text: string): Ip | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** The IPv4 address in four bytes of an IPv6 address, starting at `offset`. */
export function ipv4At(bytes: Uint8Array, offset: number, invert = false): Ip {
  const quad = bytes.slice(offset, offset + 4).map((byte) => (invert ? ~byte & 0xff : byte));
  return { family: 4, bytes: quad, text: quad.join(".") };
}

/**
 * `10.0.0.0/8`, `fc00::/7` or a single address. Bits behind the prefix must be zero (`10.0.0.1/8` is a mistake), unless
 * `mask` clears them (OpenShell reads such a file).
 */
export function parseCidr(text: string, mask = false): Cidr | undefined {
  const [address = "", prefix, ...rest] = text.split("/");
  const ip = parseIp(address);
  if (!ip || rest.length > 0) return undefined;
  const width = ip.family === 4 ? 32 : 128;
  if (prefix !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefix)) return undefined;
  const bits = prefix === undefined ? width : Number(prefix);
  if (bits > width) return undefined;
  const bytes = ip.bytes.slice();
  for (let bit = bits; bit < width; bit++) bytes[bit >> 3]! &= ~(0x80 >> (bit & 7));
  if (!mask && bytes.some((byte, i) => byte !== ip.bytes[i])) return undefined;
  const base = ip.family === 4 ? bytes.join(".") : formatIpv6(bytes);
  return { family: ip.family, bytes, bits, text: `${base}/${bits}` };
}

/** Whether the address lies in the network. Families never mix: unwrap embedded IPv4 first. */
export function contains(network: Cidr, ip: Ip): boolean {
  if (network.family !== ip.family) return false;
  const whole = network.bits >> 3;
  for (let i = 0; i < whole; i++) if (network.bytes[i] !== ip.bytes[i]) return false;
  const rest = network.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return (network.bytes[whole]! & mask) === (ip.bytes[whole]! & mask);
}

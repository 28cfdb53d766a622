/**
 * One pure classifier for addresses: what is it, and which IPv4 address hides in it. Knows the table and nothing else;
 * never decides alone whether to dial (`guard.ts` does).
 */
import { contains, type Ip, ipv4At } from "./ip.ts";
import { type AddressClass, OPENABLE, RANGES } from "./ranges.ts";

/** What the classifier says of an address. */
export interface Classified {
  readonly class: AddressClass;
  /** The IPv4 address inside an IPv6 one (mapped, compatible, translated, NAT64, 6to4, Teredo). */
  readonly embedded?: Ip;
}

/** First matching row of the table; `public` when none matches. */
function classOf(ip: Ip): AddressClass {
  for (const row of RANGES) if (contains(row.network, ip)) return row.class;
  return "public";
}

/** The IPv4 address that an IPv6 address carries, by prefix. */
export function embeddedIn(ip: Ip): Ip | undefined {
  if (ip.family !== 6) return undefined;
  const group = (i: number) => (ip.bytes[2 * i]! << 8) | ip.bytes[2 * i + 1]!;
  const zero = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (group(i) !== 0) return false;
    return true;
  };
  if (zero(0, 6)) return ipv4At(ip.bytes, 12); // ::/96
  if (zero(0, 5) && group(5) === 0xffff) return ipv4At(ip.bytes, 12); // mapped
  if (zero(0, 4) && group(4) === 0xffff && group(5) === 0) return ipv4At(ip.bytes, 12); // translated
  if (group(0) === 0x64 && group(1) === 0xff9b) return ipv4At(ip.bytes, 12); // NAT64
  if (group(0) === 0x2002) return ipv4At(ip.bytes, 2); // 6to4
  if (group(0) === 0x2001 && group(1) === 0) return ipv4At(ip.bytes, 12, true); // Teredo client, inverted
  return undefined;
}

/**
 * Classifies an address. One that carries an IPv4 address is never public and never openable; it is named by what it
 * carries where that says more (`loopback` rather than `embedded_ipv4`).
 */
export function classifyAddress(ip: Ip): Classified {
  const outer = classOf(ip);
  const embedded = outer === "embedded_ipv4" ? embeddedIn(ip) : undefined;
  if (!embedded) return { class: outer };
  const inner = classOf(embedded);
  // An operator opens 10.0.0.5, not 2002:a00:5::, so an openable class isn't taken over.
  return { class: inner === "public" || OPENABLE.has(inner) ? outer : inner, embedded };
}

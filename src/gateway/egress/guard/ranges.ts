/**
 * The address guard's deny list, as data: each network that isn't the public internet, with its class, and the single
 * addresses where clouds serve credentials. Order matters: the first entry that contains an address names it.
 * `test/gateway/guard/classify.test.ts` has a case per row and its neighbours outside.
 */
import { type Cidr, parseCidr } from "./ip.ts";

/** What an address is. Only `public` may be reached without a rule that opens it. */
export type AddressClass =
  | "public"
  | "private"
  | "cgnat"
  | "unique_local"
  | "loopback"
  | "link_local"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "reserved"
  | "documentation"
  | "benchmark"
  | "site_local"
  | "embedded_ipv4";

/** Classes that an exact-host rule or `allowed_ips` of the operator's own policy file may open. All others: never. */
export const OPENABLE: ReadonlySet<AddressClass> = new Set(["private", "cgnat", "unique_local"]);

const TABLE: readonly (readonly [string, AddressClass])[] = [
  // Metadata services, some of them in public or private space (sandbox-runtime's list, cloud vendors' docs).
  ["169.254.169.254/32", "metadata"],
  ["169.254.170.2/32", "metadata"], // AWS ECS task credentials
  ["169.254.170.23/32", "metadata"], // AWS EKS pod identity
  ["100.100.100.200/32", "metadata"], // Alibaba
  ["168.63.129.16/32", "metadata"], // Azure WireServer: public space
  ["192.0.0.192/32", "metadata"], // Oracle
  ["fd00:ec2::254/128", "metadata"], // AWS
  ["fd00:ec2::23/128", "metadata"], // AWS EKS pod identity
  ["fd20:ce::254/128", "metadata"], // Google
  ["fd00:42::42/128", "metadata"], // Scaleway
  // IPv4 special purpose (IANA registry, RFC 6890).
  ["0.0.0.0/8", "unspecified"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "cgnat"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link_local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "documentation"],
  ["192.88.99.0/24", "reserved"], // 6to4 relays, deprecated
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "benchmark"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
  // IPv6. Prefixes that carry an IPv4 address are refused whole; `embeddedIn` finds the address for the audit.
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["::/96", "embedded_ipv4"], // IPv4-compatible, deprecated
  ["::ffff:0:0/96", "embedded_ipv4"], // IPv4-mapped
  ["::ffff:0:0:0/96", "embedded_ipv4"], // IPv4-translated
  ["64:ff9b::/96", "embedded_ipv4"], // NAT64
  ["64:ff9b:1::/48", "embedded_ipv4"], // local NAT64
  ["100::/64", "reserved"], // discard only
  ["2001::/32", "embedded_ipv4"], // Teredo
  ["2001:2::/48", "benchmark"],
  ["2001::/23", "reserved"], // protocol assignments: ORCHID and the like, no hosts
  ["2001:db8::/32", "documentation"],
  ["3fff::/20", "documentation"],
  ["2002::/16", "embedded_ipv4"], // 6to4
  ["5f00::/16", "reserved"], // segment routing
  ["fc00::/7", "unique_local"],
  ["fe80::/10", "link_local"],
  ["fec0::/10", "site_local"],
  ["ff00::/8", "multicast"],
  // Only 2000::/3 is given out as global unicast; what is none of the above is nobody's yet.
  ["::/3", "reserved"],
  ["4000::/2", "reserved"],
  ["8000::/1", "reserved"],
];

/** The table, parsed once. A row that doesn't parse would be a hole, so it ends the process at start. */
export const RANGES: readonly { readonly network: Cidr; readonly class: AddressClass }[] = TABLE.map(
  ([text, cls]) => {
    const network = parseCidr(text);
    if (!network) throw new Error(`bad network in the address table: ${text}`);
    return { network, class: cls };
  },
);

/**
 * Ports of control planes: container and cluster managers, databases of this product. Refused on every address that
 * isn't public, whatever a rule says; on a public address only an exact-host rule of the operator that names the port
 * opens one (a host behind 1:1 NAT has a public address that its interfaces don't show).
 */
export const CONTROL_PORTS: ReadonlySet<number> = new Set([
  2375, 2376, 2377, 2379, 2380, 4243, 5432, 6379, 6380, 6443, 8001, 9345, 10248, 10249, 10250, 10255, 10256,
  10257, 10259, 16379, 17670, 26379,
]);

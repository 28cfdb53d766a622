/**
 * What a host name gives away before any resolver is asked: names of loopback, of metadata services and of the
 * container's host, names that can't be public, and names that spell an address. Pure data and string work.
 */
import { classifyAddress } from "./classify.ts";
import { parseIpv4 } from "./ip.ts";

/** What a name is. `public` means: nothing against it, the addresses decide. */
export type NameClass =
  | "public"
  | "loopback_name"
  | "metadata_name"
  | "host_alias"
  | "private_name"
  | "address_in_name";

/** Classes that only an exact-host rule of the operator's policy file opens; the other non-public ones: nothing does. */
export const OPENABLE_NAMES: ReadonlySet<NameClass> = new Set(["private_name", "address_in_name"]);

const LOOPBACK = new Set([
  "localhost",
  "localhost.localdomain",
  "localhost6",
  "localhost6.localdomain6",
  "ip6-localhost",
  "ip6-loopback",
]);

const METADATA = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
  "metadata.azure.internal",
  "metadata.platformequinix.com",
  "metadata.packet.net",
  "metadata.tencentyun.com",
]);

/** The sandbox's way back to its own host, under the names that container tools give it. */
const HOST_ALIASES = new Set([
  "host.docker.internal",
  "gateway.docker.internal",
  "kubernetes.docker.internal",
  "vm.docker.internal",
  "docker.for.mac.localhost",
  "docker.for.mac.host.internal",
  "docker.for.win.localhost",
  "host.containers.internal",
  "host.openshell.internal",
  "host.minikube.internal",
  "host.lima.internal",
  "host.orb.internal",
  "host.rancher-desktop.internal",
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
]);

/** Top-level names that never resolve publicly (RFC 6761, 6762, 8375, ICANN's .internal, and customary ones). */
const PRIVATE_TLDS = new Set([
  "internal",
  "local",
  "localdomain",
  "lan",
  "home",
  "corp",
  "intranet",
  "private",
  "onion",
]);
const PRIVATE_SUFFIXES = [".home.arpa", ".cluster.local"];

/** Wildcard DNS: the answer is spelled in the question (or is always loopback), so a rule for the name says nothing. */
const ADDRESS_SERVICES = [
  "nip.io",
  "sslip.io",
  "xip.io",
  "xip.name",
  "traefik.me",
  "backname.io",
  "ip.addr.tools",
  "rbndr.us",
  "1u.ms",
  "localtest.me",
  "lvh.me",
  "vcap.me",
  "lacolhost.com",
  "yoogle.com",
  "local.gd",
  "localho.st",
  "fuf.me",
  "spoofed.burpcollaborator.net",
];

const ADDRESS_SERVICE = new Set(ADDRESS_SERVICES);
const UNDER_ADDRESS_SERVICE = ADDRESS_SERVICES.map((service) => `.${service}`);

/** Classifies a canonical host name (lower case, no trailing dot). */
export function classifyName(host: string): NameClass {
  if (LOOPBACK.has(host) || host.endsWith(".localhost")) return "loopback_name";
  if (METADATA.has(host)) return "metadata_name";
  if (HOST_ALIASES.has(host)) return "host_alias";
  if (ADDRESS_SERVICE.has(host)) return "address_in_name";
  for (const suffix of UNDER_ADDRESS_SERVICE) if (host.endsWith(suffix)) return "address_in_name";
  if (spellsLocalAddress(host)) return "address_in_name";
  const dot = host.lastIndexOf(".");
  if (dot < 0 || PRIVATE_TLDS.has(host.slice(dot + 1))) return "private_name";
  if (PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix))) return "private_name";
  return "public";
}

/** True for `10.0.0.5.example.com` and the like: four labels in a row that spell an address that isn't public. */
function spellsLocalAddress(host: string): boolean {
  if (!/\d\.\d/.test(host)) return false;
  const labels = host.split(".");
  for (let i = 0; i + 4 <= labels.length; i++) {
    const ip = parseIpv4(labels.slice(i, i + 4).join("."));
    if (ip && classifyAddress(ip).class !== "public") return true;
  }
  return false;
}

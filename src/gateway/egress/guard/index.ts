/**
 * The address guard's public face: the authority parser, the classifiers and the guard itself.
 */
export {
  type Authority,
  type AuthorityFault,
  formatAuthority,
  type Host,
  type Parsed,
  parseAuthority,
  parseHost,
} from "./authority.ts";
export { type Classified, classifyAddress } from "./classify.ts";
export {
  type Allowance,
  createGuard,
  type Guard,
  type GuardOptions,
  type GuardReason,
  type GuardVerdict,
  NO_ALLOWANCE,
} from "./guard.ts";
export { type Cidr, contains, type Ip, parseCidr, parseIp } from "./ip.ts";
export { classifyName, type NameClass } from "./names.ts";
export { type AddressClass, OPENABLE } from "./ranges.ts";
export { type Resolver, systemResolver } from "./resolver.ts";

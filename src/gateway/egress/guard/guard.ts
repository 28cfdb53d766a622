/**
 * The address guard: after a policy allowed a destination by name, this decides which address may be dialled. It asks
 * the resolver once, judges every answer, and hands out the checked addresses; nobody else resolves, and what was
 * checked is what is dialled. It never loosens itself: only `Allowance`, made from the operator's own file, opens
 * anything that isn't public.
 */
import { networkInterfaces } from "node:os";
import { type Cancel, Canceller } from "../../../lib/cancel.ts";
import { Deadline } from "../../../lib/deadline.ts";
import type { Authority } from "./authority.ts";
import { classifyAddress } from "./classify.ts";
import { type Cidr, contains, type Ip, parseIp } from "./ip.ts";
import { classifyName, type NameClass, OPENABLE_NAMES } from "./names.ts";
import { type AddressClass, CONTROL_PORTS, OPENABLE } from "./ranges.ts";
import type { Resolver } from "./resolver.ts";

/** What the rule that allowed the name permits the guard to open. Rules from taps and presets give `NO_ALLOWANCE`. */
export interface Allowance {
  /** An exact-host rule of the operator's file: openable ranges and names are open. */
  readonly exactOperator: boolean;
  /** That rule names the port (a rule for any port doesn't open control-plane ports). */
  readonly portNamed: boolean;
  /** The rule limits the answers to these networks, which also opens openable ranges in them. Operator's file only. */
  readonly allowedIps?: readonly Cidr[];
}

/** Public addresses only. */
export const NO_ALLOWANCE: Allowance = { exactOperator: false, portNamed: false };

/** Why the guard refused. Everything but the `resolver_*` ones is reported to the sandbox as `ssrf_blocked`. */
export type GuardReason =
  | Exclude<AddressClass, "public">
  | Exclude<NameClass, "public">
  | "own_address"
  | "self_connection"
  | "control_port"
  | "not_in_allowed_ips"
  | "bad_answer"
  | "resolver_empty"
  | "resolver_failed"
  | "resolver_timeout";

/** Addresses to dial, in the resolver's order, or the reason for none. `address` is for the audit, never for the guest. */
export type GuardVerdict =
  | { readonly ok: true; readonly addresses: readonly Ip[] }
  | { readonly ok: false; readonly reason: GuardReason; readonly address?: string };

/** What the guard needs from outside. */
export interface GuardOptions {
  readonly resolver: Resolver;
  /** Time for one lookup, all record types. Default 5 s. */
  readonly resolveTimeoutMs?: number;
  /** Addresses of this host's interfaces; read at most every 2 s. Default: the system's. */
  readonly ownAddresses?: () => readonly string[];
}

/** Port of the forwarder inside every sandbox; a request for it is a loop. */
const FORWARDER_PORT = 3128;
const MAX_ANSWERS = 64;

/** The guard. One per gateway. */
export interface Guard {
  /**
   * Judges what can be judged without a resolver: the name, a literal address, the port. Undefined when nothing speaks
   * against it. Called before anybody is asked for approval, so that no card is shown that couldn't take effect.
   */
  precheck(target: Authority, allowance: Allowance): Exclude<GuardVerdict, { ok: true }> | undefined;
  /** Resolves once and judges every answer; one bad answer refuses all. A literal is judged at once. Never rejects. */
  check(target: Authority, allowance: Allowance, signal?: Cancel): GuardVerdict | Promise<GuardVerdict>;
  /** Judges one address again (`socket.remoteAddress` after the dial). */
  judge(ip: Ip, port: number, allowance: Allowance): GuardReason | undefined;
}

/** Makes a guard. */
export function createGuard(options: GuardOptions): Guard {
  const own = cachedOwnAddresses(options.ownAddresses ?? interfaceAddresses);
  const timeoutMs = options.resolveTimeoutMs ?? 5_000;

  const judge = (ip: Ip, port: number, allowance: Allowance): GuardReason | undefined => {
    const { class: cls, embedded } = classifyAddress(ip);
    if (own().has(ip.text) || (embedded && own().has(embedded.text)))
      return cls === "loopback" ? cls : "own_address";
    if (cls !== "public") {
      if (!OPENABLE.has(cls)) return cls;
      if (CONTROL_PORTS.has(port)) return "control_port";
      if (!allowance.allowedIps && !allowance.exactOperator) return cls;
    } else if (CONTROL_PORTS.has(port) && !(allowance.exactOperator && allowance.portNamed))
      return "control_port";
    if (allowance.allowedIps && !allowance.allowedIps.some((network) => contains(network, ip)))
      return "not_in_allowed_ips";
    return undefined;
  };

  const precheck: Guard["precheck"] = (target, allowance) => {
    if (target.ip) {
      const reason = judge(target.ip, target.port, allowance);
      if (!reason) return undefined;
      const loop = reason === "loopback" && target.port === FORWARDER_PORT;
      return { ok: false, reason: loop ? "self_connection" : reason, address: target.ip.text };
    }
    const cls = classifyName(target.host);
    if (cls === "loopback_name" && target.port === FORWARDER_PORT)
      return { ok: false, reason: "self_connection" };
    if (cls === "public") return undefined;
    const opened = allowance.exactOperator || allowance.allowedIps !== undefined;
    return OPENABLE_NAMES.has(cls) && opened ? undefined : { ok: false, reason: cls };
  };

  const judgeAll = (answers: readonly string[], port: number, allowance: Allowance): GuardVerdict => {
    const addresses: Ip[] = [];
    for (const text of answers) {
      if (addresses.length === MAX_ANSWERS) break;
      const ip = parseIp(text);
      if (!ip) return { ok: false, reason: "bad_answer", address: text.slice(0, 64) };
      const reason = judge(ip, port, allowance);
      if (reason) return { ok: false, reason, address: ip.text };
      addresses.push(ip);
    }
    return { ok: true, addresses };
  };

  return {
    judge,
    precheck,
    check(target, allowance, signal) {
      const early = precheck(target, allowance);
      if (early) return early;
      if (target.ip) return { ok: true, addresses: [target.ip] };
      return lookup(options.resolver, target.host, timeoutMs, signal, (answers) =>
        judgeAll(answers, target.port, allowance),
      );
    },
  };
}

/** What `judge` says of the resolver's answers. The time-out holds even if the resolver ignores it. */
function lookup(
  resolver: Resolver,
  host: string,
  timeoutMs: number,
  outer: Cancel | undefined,
  judge: (answers: readonly string[]) => GuardVerdict,
): Promise<GuardVerdict> {
  return new Promise((resolve) => {
    const given = new Canceller();
    const settle = (verdict: GuardVerdict) => {
      limit.lift();
      outer?.removeEventListener("abort", giveUp);
      resolve(verdict);
    };
    const giveUp = () => {
      given.abort();
      settle({ ok: false, reason: "resolver_timeout" });
    };
    const limit = new Deadline(giveUp);
    if (outer?.aborted) return giveUp();
    limit.set(timeoutMs);
    outer?.addEventListener("abort", giveUp, { once: true });
    ask(resolver, host, given).then(
      (answers) => settle(answers.length === 0 ? { ok: false, reason: "resolver_empty" } : judge(answers)),
      () => settle({ ok: false, reason: "resolver_failed" }),
    );
  });
}

/** A resolver that throws is one that rejects. */
function ask(resolver: Resolver, host: string, given: Cancel): Promise<readonly string[]> {
  try {
    return resolver.resolve(host, given);
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address));
}

/** Interfaces come and go (containers, VPNs), but reading them costs a system call: at most every 2 s. */
function cachedOwnAddresses(read: () => readonly string[]): () => ReadonlySet<string> {
  let until = 0;
  let known: ReadonlySet<string> = new Set();
  return () => {
    const now = performance.now();
    if (now >= until) {
      until = now + 2_000;
      // A zone may hang on a link-local address; the canonical text has none.
      known = new Set(read().flatMap((text) => parseIp(text.split("%")[0]!)?.text ?? []));
    }
    return known;
  };
}

/**
 * What a client says first in a tunnel, judged before upstream gets a byte of it: TLS must name the host that the
 * tunnel was opened to, plain HTTP is read like any request, anything else needs an endpoint marked `tls: skip`.
 */
import type { Decision } from "../../policy/decide.ts";
import { type Authority, parseHost } from "../guard/index.ts";
import { looksLikeTls, readClientHello } from "./client-hello.ts";
import type { ProxyLimits } from "./limits.ts";
import type { ByteReader } from "./reader.ts";

/** The verdict. The bytes stay unread in the reader. */
export type FirstBytes =
  | { readonly kind: "tls"; readonly sni: string | null }
  | { readonly kind: "http" }
  | { readonly kind: "closed" }
  | {
      readonly kind: "refused";
      readonly reason:
        | "sni_mismatch"
        | "sni_missing"
        | "tls_malformed"
        | "tls_required"
        | "first_bytes_timeout"
        | "first_bytes_unknown";
      readonly sni?: string | null;
    };

/** Port on which only TLS is spoken. */
const TLS_PORT = 443;

/** Reads until it can tell. */
export async function judgeFirstBytes(
  reader: ByteReader,
  target: Authority,
  decision: Pick<Decision, "sniOptional">,
  limits: ProxyLimits,
): Promise<FirstBytes> {
  const until = performance.now() + limits.firstBytesMs;
  const reading = reader.bytes(limits.firstBytesMs);
  const first = reading instanceof Promise ? await reading : reading;
  if (!first) return reader.ended ? { kind: "closed" } : { kind: "refused", reason: "first_bytes_timeout" };
  if (!looksLikeTls(first[0]!)) {
    reader.unread(first);
    // A method begins with a capital letter; the request reader judges the rest.
    if (first[0]! < 0x41 || first[0]! > 0x5a) return { kind: "refused", reason: "first_bytes_unknown" };
    return target.port === TLS_PORT ? { kind: "refused", reason: "tls_required" } : { kind: "http" };
  }
  for (let bytes = first; ; ) {
    const hello = readClientHello(bytes);
    if (hello.kind === "malformed" || (hello.kind === "more" && bytes.length >= limits.firstBytes)) {
      return { kind: "refused", reason: "tls_malformed" };
    }
    if (hello.kind === "hello") {
      reader.unread(bytes);
      return judgeName(hello.name, target, decision.sniOptional);
    }
    const more = await reader.bytes(Math.max(1, until - performance.now()));
    if (!more) return { kind: "refused", reason: "first_bytes_timeout" };
    bytes = Buffer.concat([bytes, more]);
  }
}

/** The server name against the tunnel's host. Encrypted names (ECH) are judged by their outer name: a stated limit. */
function judgeName(name: string | undefined, target: Authority, optional: boolean): FirstBytes {
  if (name === undefined) {
    // Addresses have no server name (RFC 6066 §3).
    if (target.ip || optional) return { kind: "tls", sni: null };
    return { kind: "refused", reason: "sni_missing", sni: null };
  }
  if (name === target.host && target.kind === "name") return { kind: "tls", sni: name };
  const parsed = parseHost(name);
  const shown = parsed.ok ? parsed.value.host : "malformed";
  if (shown === target.host) return { kind: "tls", sni: shown };
  return { kind: "refused", reason: "sni_mismatch", sni: shown };
}

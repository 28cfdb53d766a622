/**
 * TLS to the real server, over the socket that was dialled to the checked address: certificate and name verified against
 * public roots and the operator's, HTTP/1.1 only. Nothing switches verification off.
 */
import type { Socket } from "node:net";
import { connect, createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import type { Cancel } from "../../../lib/cancel.ts";
import type { Authority } from "../guard/index.ts";
import type { Secured } from "./ports.ts";

/** Whom the gateway believes. Made once: reading 150 roots takes milliseconds. */
export function upstreamTrust(operatorPem = ""): SecureContext {
  return createSecureContext({
    ca: operatorPem ? [...rootCertificates, operatorPem] : [...rootCertificates],
    minVersion: "TLSv1.2",
  });
}

/** Errors of the network, not of the certificate or the protocol. */
const NETWORK = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED", "ENETUNREACH", "EHOSTUNREACH"]);

/** Does the handshake; resolves when the peer is verified, or with the reason why it isn't. */
export function secureUpstream(
  socket: Socket,
  authority: Authority,
  trust: SecureContext,
  signal: Cancel,
  timeoutMs: number,
): Promise<Secured> {
  return new Promise((resolve) => {
    const secured = connect({
      socket,
      secureContext: trust,
      // The name that is checked; addresses have no server name (RFC 6066 §3) and are checked as addresses.
      host: authority.ip?.text ?? authority.host,
      ...(authority.ip ? {} : { servername: authority.host }),
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: true,
    });
    const settle = (result: Secured) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      secured.off("close", closed);
      if (!result.ok) {
        secured.destroy();
        socket.destroy();
      }
      resolve(result);
    };
    const fail = (code: Extract<Secured, { ok: false }>["code"], detail: string) =>
      settle({ ok: false, code, detail });
    const leave = () => fail("upstream_unreachable", "client_left");
    const closed = () => fail("upstream_unreachable", "closed");
    const timer = setTimeout(() => fail("upstream_timeout", "handshake_timeout"), timeoutMs);
    signal.addEventListener("abort", leave, { once: true });
    secured.once("secureConnect", () => settle({ ok: true, socket: secured }));
    secured.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? "unknown";
      fail(NETWORK.has(code) ? "upstream_unreachable" : "upstream_tls_invalid", code);
    });
    secured.once("close", closed);
    if (signal.aborted) leave();
  });
}

/**
 * The near end of inspected TLS: the client's bytes, not yet read by anybody, go into a TLS server that shows the leaf of
 * the tunnel's host. HTTP/1.1 only. What comes out is a stream like any client's.
 */
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";

/** The plain stream, or why there is none (a client that doesn't trust the CA, speaks no HTTP/1.1 or takes too long). */
export type Terminated =
  | { readonly ok: true; readonly socket: TLSSocket }
  | { readonly ok: false; readonly reason: "client_tls_failed" | "client_tls_timeout" | "client_left" };

/** Does the handshake with the client. Never rejects; a failure ends the socket. */
export function terminateTls(
  socket: Socket,
  secureContext: SecureContext,
  timeoutMs: number,
): Promise<Terminated> {
  return new Promise((resolve) => {
    const plain = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ["http/1.1"] });
    const settle = (result: Terminated) => {
      clearTimeout(timer);
      plain.off("close", closed);
      if (!result.ok) {
        plain.destroy();
        socket.destroy();
      }
      resolve(result);
    };
    const closed = () => settle({ ok: false, reason: "client_left" });
    const timer = setTimeout(() => settle({ ok: false, reason: "client_tls_timeout" }), timeoutMs);
    plain.once("secure", () => settle({ ok: true, socket: plain }));
    plain.on("error", () => settle({ ok: false, reason: "client_tls_failed" }));
    plain.once("close", closed);
    // The wrapped socket's own errors come through the stream above; unheard they would end the process.
    socket.on("error", () => plain.destroy());
    if (socket.destroyed) closed();
  });
}

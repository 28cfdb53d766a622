/**
 * What the proxy needs from others, as narrow as it is used: the policy in force, somebody who can be asked, a place for
 * audit rows, the way out, the model. No implementation lives here but the system's connector.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Cancel } from "../../../lib/cancel.ts";
import type { CompiledPolicy } from "../../policy/compile.ts";
import type { Grant, Layer } from "../../policy/decide.ts";
import { type Ip, parseIp } from "../guard/index.ts";

/** The policy of one sandbox as of now. Swapped whole; never waited for. */
export interface PolicyPort {
  current(): { readonly policy: CompiledPolicy; readonly grants: readonly Grant[] };
  /** Calls back after each change of policy or grants; open tunnels are judged again then. */
  onChange(listener: () => void): () => void;
}

/** What a person would be asked. The gateway's facts only. */
export interface Question {
  readonly sandboxId: string;
  readonly scheme: "tunnel" | "http" | "https";
  readonly host: string;
  readonly kind: "name" | "ipv4" | "ipv6";
  readonly idn: boolean;
  readonly port: number;
  readonly binary?: string;
  /** Absent for a tunnel: any method, any path. `WEBSOCKET` for a WebSocket handshake. */
  readonly method?: string;
  readonly path?: string;
  readonly policyHash: string;
}

/** What became of a held connection. */
export type HoldOutcome =
  | {
      readonly kind: "allowed";
      readonly approvalId: string;
      readonly by: string;
      readonly scope: "once" | "session" | "always";
      /** Ends what a single grant opened (end of the turn, 10 min). */
      readonly until?: AbortSignal;
    }
  | { readonly kind: "denied"; readonly approvalId?: string; readonly by?: string }
  | { readonly kind: "expired"; readonly approvalId?: string }
  /** Too many open cards for this sandbox. */
  | { readonly kind: "busy" }
  /** Nobody can be asked now: no running turn, or (`no_approver`) a group for which nobody was named. */
  | { readonly kind: "unasked"; readonly why?: "no_approver" };

/** Asks a person while the connection is held. */
export interface Approver {
  /** `signal` aborts when the client leaves. Must not reject; it resolves within its own hold time. */
  hold(question: Question, signal: AbortSignal): Promise<HoldOutcome>;
  /** Uses a single grant up; false when somebody else did. */
  consume(grantId: string): Promise<{ readonly until?: AbortSignal } | false>;
}

/** Asks nobody. */
export const NO_APPROVER: Approver = {
  hold: async () => ({ kind: "unasked" }),
  consume: async () => false,
};

/** One row of the audit. No query, no header, no body ever. */
export interface AuditRow {
  readonly event: "decision" | "close";
  /** Same for the decision and the close of one connection or request. */
  readonly id: string;
  readonly sandboxId: string;
  readonly binary?: string;
  readonly scheme: "tunnel" | "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  readonly verdict: "allow" | "deny";
  readonly reason: string;
  readonly layer?: Layer;
  readonly rule?: string;
  readonly policyHash?: string;
  readonly address?: string;
  readonly sni?: string | null;
  /** Name of the credential that was put in, or that a placeholder named. */
  readonly credential?: string;
  readonly approvalId?: string;
  readonly decidedBy?: string;
  readonly bytesUp?: number;
  readonly bytesDown?: number;
  readonly ms?: number;
}

/** Where rows go. */
export interface AuditPort {
  /** Resolves when the row is durably queued. Rejects when it can't be: the proxy then denies. */
  decided(row: AuditRow): void | Promise<void>;
  /** Never rejects; best effort, the decision row is the proof. */
  closed(row: AuditRow): void;
}

/**
 * The only way out. Must dial exactly this address, and reject when it can't. A socket it gives closes itself upon an
 * error: nobody else listens for one.
 */
export interface Connector {
  dial(address: Ip, port: number, signal: Cancel): Promise<Socket>;
}

/** Dials over TCP. An error after the connect closes the socket, so nobody else has to listen for one. */
export const tcpConnector: Connector = {
  dial(address, port, signal) {
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: address.text,
        port,
        family: address.family,
        noDelay: true,
        allowHalfOpen: true,
      });
      const abort = () => socket.destroy(new Error("dial aborted"));
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
      socket.on("error", (error) => {
        socket.destroy();
        reject(error);
      });
      socket.on("connect", () => {
        signal.removeEventListener("abort", abort);
        const remote = socket.remoteAddress ?? "";
        if (remote === address.text || parseIp(remote)?.text === address.text) return resolve(socket);
        socket.destroy();
        reject(new Error("dialled another address than the one that was checked"));
      });
    });
  },
};

/** Serves `inference.local`: takes over a connection whose first bytes were put back. */
export interface InferencePort {
  readonly host: string;
  /** `tunnelled`: the connection is the inside of a tunnel to it. */
  serve(stream: Duplex, tunnelled: boolean): void;
}

/** Which program of the sandbox has this source port; undefined when unknown. Must not reject. */
export type ProgramLookup = (sourcePort: number) => Promise<string | undefined>;

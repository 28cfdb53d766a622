/**
 * What the parts of the proxy share about one client and about all clients of one sandbox. Types only.
 */
import type { Socket } from "node:net";
import type { Cancel } from "../../../lib/cancel.ts";
import type { CredentialPort } from "../../credentials/ports.ts";
import type { Authority } from "../guard/index.ts";
import type { KeptUpstream } from "../inspect/kept.ts";
import type { Inspection } from "../inspect/ports.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import type { ProxyLimits } from "./limits.ts";
import type { OpenSet } from "./open.ts";
import type { InferencePort, ProgramLookup } from "./ports.ts";
import type { Program } from "./program.ts";
import type { ByteReader } from "./reader.ts";

/** What all connections of one sandbox share. */
export interface Shared {
  readonly gatekeeper: Gatekeeper;
  readonly limits: ProxyLimits;
  readonly open: OpenSet;
  /** Heads of CONNECT as they were written, with what they were found to mean. */
  readonly connects: Map<string, Authority>;
  readonly inference?: InferencePort;
  readonly programOf?: ProgramLookup;
  /** Without it, what must be inspected is refused. */
  readonly inspection?: Inspection;
  readonly credentials?: CredentialPort;
}

/** One client. */
export interface Client {
  readonly socket: Socket;
  readonly reader: ByteReader;
  /** Aborts when the client is gone. */
  readonly gone: Cancel;
  /** Absent: the connection didn't say its port, so its program is unknown. */
  readonly program?: Program;
}

/** The tunnel that requests are inside of. */
export interface Inside {
  readonly authority: Authority;
  readonly tls: boolean;
  /** A person let the tunnel through: its requests are covered. */
  readonly granted: boolean;
  /** The tunnel's upstream, not yet used. Taken by the first request. */
  upstream?: Socket | undefined;
  /** Inspected TLS: upstream of the last request, free again. */
  kept?: KeptUpstream | undefined;
}

/** CONNECT's yes. */
export const ESTABLISHED = Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n");

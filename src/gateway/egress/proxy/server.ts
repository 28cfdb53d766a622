/**
 * The egress proxy of one sandbox, behind one listening socket: the socket is the identity, nothing in a request is.
 */
import { createServer, type Server, type Socket } from "node:net";
import { Bag, type Bagged } from "../../../lib/bag.ts";
import { Canceller } from "../../../lib/cancel.ts";
import type { Logger } from "../../../lib/logging.ts";
import type { CredentialPort } from "../../credentials/ports.ts";
import type { Guard } from "../guard/index.ts";
import type { Inspection } from "../inspect/ports.ts";
import type { Shared } from "./client.ts";
import { serveConnection } from "./connection.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { DEFAULT_LIMITS, type ProxyLimits } from "./limits.ts";
import { OpenSet } from "./open.ts";
import {
  type Approver,
  type AuditPort,
  type Connector,
  type InferencePort,
  NO_APPROVER,
  type PolicyPort,
  type ProgramLookup,
  tcpConnector,
} from "./ports.ts";
import { finishWith, reply, replyBytes } from "./replies.ts";

/** What a sandbox's proxy is made of. */
export interface EgressOptions {
  readonly sandboxId: string;
  readonly policy: PolicyPort;
  readonly guard: Guard;
  readonly audit: AuditPort;
  readonly logger: Logger;
  readonly approver?: Approver;
  readonly connector?: Connector;
  readonly inference?: InferencePort;
  readonly programOf?: ProgramLookup;
  readonly inspection?: Inspection;
  readonly credentials?: CredentialPort;
  readonly limits?: Partial<ProxyLimits>;
}

/** A listening server, plus what the gateway needs to end it. */
export type EgressServer = Server & { closeAllConnections(): void };

/** A client: aborts when it is gone. */
class Connected extends Canceller implements Bagged {
  place = -1;
  readonly socket: Socket;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
  }
}

/** Makes the server; the caller lets it listen. */
export function createEgressServer(options: EgressOptions): EgressServer {
  const {
    sandboxId,
    policy,
    guard,
    audit,
    logger,
    connector = tcpConnector,
    approver = NO_APPROVER,
  } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const open = new OpenSet();
  const clients = new Bag<Connected>();
  const shared: Shared = {
    gatekeeper: new Gatekeeper({ sandboxId, policy, guard, approver, audit, connector, limits }),
    limits,
    open,
    connects: new Map(),
    ...(options.inference ? { inference: options.inference } : {}),
    ...(options.programOf ? { programOf: options.programOf } : {}),
    ...(options.inspection ? { inspection: options.inspection } : {}),
    ...(options.credentials ? { credentials: options.credentials } : {}),
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const gone = new Connected(socket);
    clients.add(gone);
    // The one listener for a client's end; everybody else hears of it by `gone`.
    socket.on("close", () => {
      clients.delete(gone);
      gone.abort();
    });
    if (clients.size > limits.connections)
      return finishWith(socket, replyBytes(reply("too_many_connections")));
    serveConnection(socket, gone, shared).catch((err: unknown) => {
      logger.error({ err, sandboxId }, "egress connection failed");
      socket.destroy();
    });
  });
  const stopWatching = policy.onChange(() => {
    const closed = open.judge();
    if (closed > 0) logger.info({ sandboxId, closed }, "open connections closed by a policy change");
  });
  server.on("close", stopWatching);
  return Object.assign(server, {
    closeAllConnections() {
      open.closeAll();
      for (const { socket } of clients.all()) socket.destroy();
    },
  });
}

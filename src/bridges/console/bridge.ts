/**
 * The console bridge: the operator's own chat, for the prompt of `npm start`, for `--once` and for a web page.
 * Everybody who gets through its doors is the operator; there is nobody else on this platform.
 */
import { join } from "node:path";
import { OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import { BridgeCore, type BridgeStore, handleInbound, type InboundMessage } from "../core/index.ts";
import type { SendResponse } from "./events.ts";
import { listenOnPort, listenOnSocket, portOf, webToken } from "./listen.ts";
import { consolePlatform } from "./outbound.ts";
import { loadPage } from "./page.ts";
import { handleRequest } from "./routes.ts";
import { EventStreams } from "./stream.ts";
import { Transcript } from "./transcript.ts";

/** What the bridge needs. */
export interface ConsoleOptions {
  paths: Paths;
  store: BridgeStore;
  /** Unique per process life, for the lease. */
  owner: string;
  logger: Logger;
  /** Also serve the web page on 127.0.0.1; 0 picks a port. Absent: unix socket only. */
  port?: number;
  leaseTtlMs?: number;
}

/** A running console. */
export interface ConsoleBridge {
  /** Page address with its token, when a port was asked for. For the operator's terminal, never for logs. */
  url?: string;
  status(): { state: "active" | "standby"; counters: Record<string, number> };
  close(flushMs?: number): Promise<void>;
}

/** The bridge id and the platform part of conversation ids. */
export const CONSOLE_BRIDGE = "console";
const OPERATOR = { id: "operator", name: "operator" };
const LEASE_TTL_MS = 3_000;

/** Opens the doors and starts to deliver. Resolves when messages can be taken. */
export async function runConsoleBridge(options: ConsoleOptions): Promise<ConsoleBridge> {
  const { paths, store, logger } = options;
  const transcript = await Transcript.open(join(paths.home, "console", "transcript.jsonl"));
  const streams = new EventStreams(transcript);
  const core = new BridgeCore({
    platform: consolePlatform(transcript, streams),
    store,
    owner: options.owner,
    leaseTtlMs: options.leaseTtlMs ?? LEASE_TTL_MS,
    logger,
  });

  async function handIn(
    request: { text: string; id: string; chat: string },
    shown: boolean,
  ): Promise<SendResponse> {
    const message: InboundMessage = {
      conversation: `console.${request.chat}`,
      bridge: CONSOLE_BRIDGE,
      updateKey: request.id,
      deliver: { chat: request.chat, replyTo: request.id },
      sender: OPERATOR,
      text: request.text,
    };
    const outcome = await handleInbound(message, {
      allowed: new Set([OPERATOR.id]),
      botName: CONSOLE_BRIDGE,
      ingress: store.ingress,
      bridge: store.bridge,
      principalFor: () => OPERATOR_PRINCIPAL,
      reply: (to, code, params) => core.reply(to, code, params),
      logger,
    });
    if (shown) {
      const { id, chat, text } = request;
      await transcript.append({ id: `u_${id}`, chat, role: "user", markdown: text, replyTo: "", turnId: "" });
    }
    return outcome.kind === "accepted" ? { ...outcome.result } : { kind: "answered", duplicate: false };
  }

  const assets = loadPage();
  const actions = {
    send: (request: { text: string; id: string; chat: string }) => handIn(request, true),
    command: (name: "stop" | "new", request: { id: string; chat: string }) =>
      handIn({ ...request, text: `/${name}` }, false),
    attention: () => void store.ingress.wakeHint(OPERATOR_PRINCIPAL).catch(() => {}),
  };
  const handler = (
    request: Parameters<typeof handleRequest>[0],
    response: Parameters<typeof handleRequest>[1],
  ) => void handleRequest(request, response, { actions, streams, assets, logger });

  const servers = [await listenOnSocket(paths.consoleSocket, handler)];
  let url: string | undefined;
  if (options.port !== undefined) {
    const token = await webToken(paths.secrets("console"));
    const server = await listenOnPort(options.port, token, handler, logger);
    servers.push(server);
    url = `http://127.0.0.1:${portOf(server)}/#token=${token}`;
  }
  await core.start();
  logger.info({ port: options.port === undefined ? undefined : portOf(servers[1]!) }, "console ready");

  return {
    ...(url === undefined ? {} : { url }),
    status: () => ({ state: core.lease.held ? "active" : "standby", counters: core.counters.all() }),
    async close(flushMs) {
      const ended = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      await core.close(flushMs);
      streams.close();
      for (const server of servers) server.closeAllConnections();
      await Promise.all(ended);
      await transcript.close();
    },
  };
}

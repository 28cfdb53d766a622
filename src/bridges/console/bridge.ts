/**
 * The console bridge: the operator's own chat, for the prompt of `npm start`, for `--once` and for a web page.
 * Everybody who gets through its doors is the operator; there is nobody else on this platform.
 */
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { derivedId, OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import {
  admitListed,
  BridgeCore,
  bridgeStoreOf,
  handleInbound,
  handlePress,
  type InboundMessage,
  type InboundOutcome,
  type Offers,
  phrase,
  type StoreForBridges,
} from "../core/index.ts";
import { openCards } from "./cards.ts";
import type { SendResponse, TapRequest } from "./events.ts";
import { type Handler, listenOnPort, listenOnSocket, portOf, webToken } from "./listen.ts";
import { consolePlatform } from "./outbound.ts";
import { loadPage } from "./page.ts";
import { handleRequest } from "./routes.ts";
import { EventStreams } from "./stream.ts";
import { Transcript } from "./transcript.ts";

/** What the bridge needs. */
export interface ConsoleOptions {
  paths: Paths;
  store: StoreForBridges;
  /** Unique per process life, for the lease. */
  owner: string;
  /** Whether the bearer of such a name certainly no longer runs; its lease is then taken over at once. */
  isDead?: (owner: string) => boolean;
  logger: Logger;
  /** What commands may choose from. */
  offers?: Offers;
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

type ChatRequest = { text: string; id: string; chat: string };

/** Opens the doors and starts to deliver. Resolves when messages can be taken. */
export async function runConsoleBridge(options: ConsoleOptions): Promise<ConsoleBridge> {
  const { paths, logger } = options;
  const store = bridgeStoreOf(options.store, CONSOLE_BRIDGE);
  // The socket first: whoever has it owns the transcript's file.
  let handler: Handler = (_request, response) => void response.writeHead(503).end();
  const servers = [
    await listenOnSocket(paths.consoleSocket, (request, response) => handler(request, response)),
  ];
  const transcript = await Transcript.open(join(paths.home, "console", "transcript.jsonl"));
  const streams = new EventStreams(transcript, () => openCards(store.cards, CONSOLE_BRIDGE));
  const platform = consolePlatform(transcript, streams);
  const core = new BridgeCore({
    platform,
    store,
    owner: options.owner,
    isDead: options.isDead,
    leaseTtlMs: options.leaseTtlMs ?? LEASE_TTL_MS,
    logger,
  });
  const shared = {
    cards: store.cards,
    supportsButtons: platform.capabilities.supportsButtons,
    logger,
  };
  const inbound = core.inboundDeps({
    admit: admitListed(new Set([OPERATOR.id]), () => OPERATOR_PRINCIPAL),
    botName: CONSOLE_BRIDGE,
    offers: options.offers,
  });
  const actions = {
    async send(request: ChatRequest) {
      const { id, chat, text } = request;
      if (!core.pressure.roomy) throw full();
      // Before it is handed in, so that no answer can stand above its question.
      await transcript.append({ id: `u_${id}`, chat, role: "user", markdown: text, replyTo: "", turnId: "" });
      return responseOf(await handleInbound(messageOf(request), inbound));
    },
    command: async (name: "stop" | "new", request: { id: string; chat: string }) =>
      responseOf(await handleInbound(messageOf({ ...request, text: `/${name}` }), inbound)),
    async tap({ id, chat, message, data }: TapRequest) {
      const answer = await handlePress(
        {
          ...{ data, message, bridge: CONSOLE_BRIDGE, conversation: `console.${chat}` },
          tapId: derivedId("k", CONSOLE_BRIDGE, id),
          platform: platform.name,
          presser: OPERATOR,
          principal: OPERATOR_PRINCIPAL,
          // Entries of the transcript never change, so there is no list to draw anew.
          carried: [],
        },
        { ...shared, board: core.cards },
      );
      return { kind: answer?.kind ?? "gone", text: answer?.text ?? phrase("tap.gone") };
    },
    attention: () => void store.ingress.wakeHint(OPERATOR_PRINCIPAL).catch(() => {}),
  };
  const assets = loadPage();
  handler = (request, response) =>
    void handleRequest(request, response, { actions, streams, assets, logger });
  const close = async (flushMs?: number) => {
    const ended = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    await core.close(flushMs);
    streams.close();
    for (const server of servers) server.closeAllConnections();
    await Promise.all(ended);
    await transcript.close();
  };

  try {
    const url = options.port === undefined ? undefined : await openPort(options.port);
    await core.start();
    logger.info({ port: options.port }, "console ready");
    const status = () => ({
      state: core.lease.held ? ("active" as const) : ("standby" as const),
      counters: core.counters.all(),
    });
    return { ...(url === undefined ? {} : { url }), status, close };
  } catch (error) {
    await close(0);
    throw error;
  }

  async function openPort(port: number): Promise<string> {
    const token = await webToken(paths.secrets("console"));
    const server = await listenOnPort(port, token, (request, response) => handler(request, response), logger);
    servers.push(server);
    return `http://127.0.0.1:${portOf(server)}/#token=${token}`;
  }
}

function full(): Fault {
  return new Fault({
    code: "redis-full",
    message: "Redis is nearly full",
    userMessage: "The service is full just now and took nothing in. Please try again in a minute.",
    retryable: true,
  });
}

function messageOf({ text, id, chat }: ChatRequest): InboundMessage {
  return {
    conversation: `console.${chat}`,
    bridge: CONSOLE_BRIDGE,
    updateKey: id,
    deliver: { chat, replyTo: id },
    sender: OPERATOR,
    place: { kind: "private" },
    text,
  };
}

function responseOf(outcome: InboundOutcome): SendResponse {
  return outcome.kind === "accepted" ? { ...outcome.result } : { kind: "answered", duplicate: false };
}

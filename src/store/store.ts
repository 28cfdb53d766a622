/**
 * The store of one process: every port over one connection. The client itself never leaves this component.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../lib/errors.ts";
import { accessBook, accessReader, accessWishes } from "./access.ts";
import type { AccessReadPort, AccessStorePort, AccessWishPort } from "./access-ports.ts";
import { approvals } from "./approvals.ts";
import { bridge } from "./bridge.ts";
import type { BridgePort } from "./bridge-port.ts";
import { cards } from "./cards.ts";
import { commandAsks } from "./command-asks.ts";
import { type ConnectionOptions, connect } from "./connection.ts";
import { contexts } from "./context.ts";
import { type ConversationPort, conversations } from "./conversations.ts";
import { doorbell } from "./doorbell.ts";
import { assertDurable, checkDurability } from "./durability.ts";
import { type HomeAnswerPort, type HomeLookPort, homeAnswers, homeLooks } from "./home-looks.ts";
import { hostLease } from "./host.ts";
import { ingress } from "./ingress.ts";
import { type OperatorPort, operator, type WishPort, wishes } from "./operator.ts";
import { outbox } from "./outbox.ts";
import { policies } from "./policies.ts";
import type {
  ApprovalPort,
  CardPort,
  CommandAskPort,
  DoorbellPort,
  HostPort,
  IngressPort,
  OutboxPort,
  PolicyStorePort,
  ProfilePort,
  TurnContextPort,
  TurnPort,
  UsagePort,
} from "./ports.ts";
import { profiles } from "./profiles.ts";
import { checkSchema, stampSchema } from "./schema.ts";
import { type SocketPort, sockets } from "./sockets.ts";
import { turns } from "./turns.ts";
import { usage } from "./usage.ts";

/** How to open a store. */
export interface StoreOptions extends ConnectionOptions {
  /** This installation's host id; mailboxes and doorbells are per host. */
  hostId: string;
}

/** See the module's header. */
export interface Store {
  ingress(bridge: string): IngressPort;
  outbox(bridge: string): OutboxPort;
  bridge(bridge: string): BridgePort;
  /** What bridges may know of their conversations. */
  readonly conversations: ConversationPort;
  /** Which files a sandbox has: asked by bridges, answered by the worker. */
  homeLooks(bridge: string): HomeLookPort;
  readonly homeAnswers: HomeAnswerPort;
  /** Bridge side of approvals. */
  cards(bridge: string): CardPort;
  /** Of a bridge that listens by sockets. */
  sockets(bridge: string): SocketPort;
  /** Gateway side of approvals. */
  readonly approvals: ApprovalPort;
  readonly turns: TurnPort;
  readonly doorbell: DoorbellPort;
  readonly host: HostPort;
  readonly contexts: TurnContextPort;
  readonly commandAsks: CommandAskPort;
  readonly profiles: ProfilePort;
  readonly usage: UsagePort;
  readonly policies: PolicyStorePort;
  /** For the operator's commands. */
  readonly operator: OperatorPort;
  /** For the worker: what the operator's commands want. */
  readonly wishes: WishPort;
  /** Who gets in: for whoever judges. */
  readonly access: AccessReadPort;
  /** Who gets in: for the access component only. */
  readonly accessBook: AccessStorePort;
  /** Wishes and notes of one bridge. */
  accessWishes(bridge: string): AccessWishPort;
  /** Resolves once Redis answers and holds data that we can read; rejects with a Fault. Default: waits 10 s. */
  ready(timeoutMs?: number): Promise<void>;
  /** True while Redis answers, within 2 s. */
  alive(): Promise<boolean>;
  /** Redis's own clock, milliseconds since the epoch: the one that stored times are taken from. */
  time(): Promise<number>;
  /** For the supervisor: settings that could lose messages, each with its fix. */
  durabilityProblems(asserted: boolean): Promise<string[]>;
  /** For the supervisor: refuses such settings, then stamps new data with the schema version. */
  prepare(asserted: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store. Returns at once; await {@link Store.ready}. */
export function openStore(options: StoreOptions): Store {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(options.hostId)) {
    throw new Fault({
      code: "bad-host-id",
      message: `host id "${options.hostId}" must be 1 to 64 of A-Z a-z 0-9 _ -`,
    });
  }
  const connection = connect(options);
  const bell = doorbell(connection, options.hostId, options.logger);
  return {
    ingress: (id) => ingress(connection, bell, options.hostId, id),
    outbox: (id) => outbox(connection, id),
    bridge: (id) => bridge(connection, id),
    conversations: conversations(connection),
    homeLooks: (id) => homeLooks(connection, options.hostId, id),
    homeAnswers: homeAnswers(connection, options.hostId),
    cards: (id) => cards(connection, id),
    approvals: approvals(connection, options.hostId),
    turns: turns(connection, bell, options.hostId, options.logger),
    doorbell: bell,
    host: hostLease(connection, options.hostId),
    contexts: contexts(connection),
    commandAsks: commandAsks(connection),
    profiles: profiles(connection),
    sockets: (id) => sockets(connection, id),
    usage: usage(connection),
    policies: policies(connection),
    operator: operator(connection, options.hostId),
    wishes: wishes(connection, options.hostId),
    access: accessReader(connection),
    accessBook: accessBook(connection),
    accessWishes: (id) => accessWishes(connection, id),
    async ready(timeoutMs = 10_000) {
      for (const until = performance.now() + timeoutMs; ; await sleep(20)) {
        try {
          await connection.ready(Math.max(1, until - performance.now()));
          return await checkSchema(connection, options.name ?? "this process");
        } catch (error) {
          // A connection that broke just now, or a Redis that is still loading.
          if (!(error instanceof Fault && error.retryable) || performance.now() > until) throw error;
        }
      }
    },
    alive: () =>
      connection
        .command((r) => r.ping())
        .then(
          () => true,
          () => false,
        ),
    time: async () => {
      const [seconds, micros] = await connection.command((r) => r.time());
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    },
    durabilityProblems: (asserted) => checkDurability(connection, asserted),
    async prepare(asserted) {
      await assertDurable(connection, asserted);
      await checkSchema(connection, options.name ?? "this process");
      await stampSchema(connection);
    },
    async close() {
      await bell.close();
      await connection.close();
    },
  };
}

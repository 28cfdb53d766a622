/**
 * Puts the parts of a bridge together: lease, previews, outbox, replies. A platform's folder adds what comes in.
 * Must be closed in order: nothing new, flush what goes out, let the lease go.
 */
import type { Logger } from "../../lib/logging.ts";
import type { Spool } from "../../lib/spool.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type {
  AccessReadPort,
  AccessWishPort,
  BridgePort,
  CardPort,
  ConversationPort,
  Delivery,
  HomeLookPort,
  IngressPort,
  OutboxPort,
  ProfilePort,
  Store,
  TurnPort,
  UsagePort,
} from "../../store/index.ts";
import { FrontDoor } from "./access/door.ts";
import type { Admit, AllowList } from "./access.ts";
import { CardBoard } from "./cards/board.ts";
import { wordsOf } from "./catalogue.ts";
import { Counters } from "./counters.ts";
import { DraftBoard } from "./drafts.ts";
import { FilesIn } from "./files-in.ts";
import { Gate } from "./gate.ts";
import type { InboundDeps } from "./inbound.ts";
import { BridgeLease } from "./lease.ts";
import { parseMarkdown } from "./markdown/parse.ts";
import { Outbox } from "./outbox.ts";
import type { BridgePlatform, Content } from "./port.ts";
import { Pressure } from "./pressure.ts";
import { NO_OFFERS, type Offers } from "./run-command.ts";
import { WaitingNotices } from "./waiting.ts";

/** The store's ports, as seen by one bridge. */
export interface BridgeStore {
  ingress: IngressPort;
  outbox: OutboxPort;
  bridge: BridgePort;
  cards: CardPort;
  conversations: ConversationPort;
  homes: HomeLookPort;
  usage: Pick<UsagePort, "day">;
  profiles: Pick<ProfilePort, "get">;
  /** To repeat an interrupted turn on its user's wish. */
  turns: Pick<TurnPort, "finished">;
  /** Who gets in, and what is to be asked or said about it. */
  access: AccessReadPort;
  wishes: AccessWishPort;
}

/** What every bridge needs of a process's store. */
export type StoreForBridges = Pick<
  Store,
  | "ingress"
  | "outbox"
  | "bridge"
  | "cards"
  | "turns"
  | "conversations"
  | "homeLooks"
  | "usage"
  | "profiles"
  | "access"
  | "accessWishes"
>;

/** A store as one bridge sees it. */
export function bridgeStoreOf(store: StoreForBridges, id: string): BridgeStore {
  return {
    ingress: store.ingress(id),
    outbox: store.outbox(id),
    bridge: store.bridge(id),
    cards: store.cards(id),
    turns: store.turns,
    conversations: store.conversations,
    homes: store.homeLooks(id),
    usage: store.usage,
    profiles: store.profiles,
    access: store.access,
    wishes: store.accessWishes(id),
  };
}

/** Where files of chats lie on their way between a platform and a sandbox. */
export interface CoreFiles {
  in: Spool;
  out: Spool;
  /** Bytes that a file from a chat may have. */
  inboundBytes: number;
}

/** What the core of a bridge needs. */
export interface CoreOptions {
  platform: BridgePlatform;
  store: BridgeStore;
  owner: string;
  leaseTtlMs: number;
  /** See {@link LeaseDeps.isDead}. */
  isDead?: ((owner: string) => boolean) | undefined;
  logger: Logger;
  /** Where files of chats lie on their way. Absent: this bridge takes and shows none. */
  files?: CoreFiles | undefined;
  /** The platform's people come in one by one. Absent: whoever gets here is let in already. */
  door?: { bridge: string; standing: AllowList };
  onLease?(held: boolean): void;
  /** Redis is nearly full: stop fetching. */
  onFull?(): void;
}

/** Ended before the outbox on close: a card that can't be edited now is edited by the next process. */
const FLUSH_CARDS_MS = 3_000;

/** The running half of a bridge that is the same on every platform. */
export class BridgeCore {
  readonly counters = new Counters();
  readonly lease: BridgeLease;
  /** Whether Redis has room for more messages. */
  readonly pressure: Pressure;
  readonly cards: CardBoard;
  readonly door: FrontDoor | undefined;
  private readonly gate: Gate;
  private readonly waiting: WaitingNotices;
  private readonly files: FilesIn;
  private readonly platform: BridgePlatform;
  private readonly store: BridgeStore;
  private readonly drafts: DraftBoard;
  private readonly outbox: Outbox;
  private readonly logger: Logger;

  constructor(options: CoreOptions) {
    const { platform, store, logger } = options;
    this.platform = platform;
    this.store = store;
    this.logger = logger;
    const shared = { platform, store: store.outbox, counters: this.counters, logger };
    this.cards = new CardBoard({ ...shared, store: store.cards, mayAct: () => this.lease.held });
    this.drafts = new DraftBoard({
      ...shared,
      heard: (conversation) => this.waiting.taken(conversation),
      yieldMs: (conversation) => this.cards.yieldMs(conversation),
    });
    const { files } = options;
    this.files = new FilesIn({ platform, spool: files?.in, maxBytes: files?.inboundBytes ?? 0, logger });
    this.gate = new Gate({ usage: store.usage, profiles: store.profiles, logger });
    this.waiting = new WaitingNotices({
      reply: (to, code, params) => this.reply(to, code, params),
      look: (conversation) => store.conversations.look(conversation),
    });
    this.pressure = new Pressure({
      store: store.bridge,
      logger,
      everyMs: TIMEOUTS.memoryLook,
      onFull: () => options.onFull?.(),
    });
    this.lease = new BridgeLease({
      store: store.bridge,
      owner: options.owner,
      ttlMs: options.leaseTtlMs,
      logger,
      ...(options.isDead ? { isDead: options.isDead } : {}),
      onChange: (held) => {
        if (!held) void this.drafts.close();
        options.onLease?.(held);
      },
    });
    this.outbox = new Outbox({
      ...shared,
      drafts: this.drafts,
      mayDeliver: () => this.lease.held,
      spool: files?.out,
      linkHosts: (conversation) => store.conversations.linkHosts(conversation),
    });
    this.door =
      options.door &&
      new FrontDoor({
        ...{ ...options.door, platform, store, logger },
        mayAct: () => this.lease.held,
        reply: (to, code, params) => this.reply(to, code, params),
      });
  }

  /** Takes the lease if it is free and starts to deliver. Resolves when the lease's state is known. */
  async start(): Promise<void> {
    this.outbox.start();
    this.cards.start();
    await Promise.all([this.pressure.start(), this.lease.start(), this.door?.start()]);
  }

  /** What handling messages needs, put together. `own`: what only the platform's folder knows. */
  inboundDeps(own: { admit: Admit; botName: string; offers: Offers | undefined }): InboundDeps {
    const { ingress, bridge, cards, conversations, homes, usage, profiles } = this.store;
    return {
      ...{ ...own, offers: own.offers ?? NO_OFFERS },
      ...{ ingress, bridge, cards, conversations, homes, usage, profiles },
      ...{ platform: this.platform, gate: this.gate, waiting: this.waiting, files: this.files },
      supportsButtons: this.platform.capabilities.supportsButtons,
      reception: this.door?.reception,
      reply: (to, code, params) => this.reply(to, code, params),
      show: (to, content) => this.show(to, content),
      logger: this.logger,
    };
  }

  /** Says a sentence outside any answer, in the language of who is answered. Best effort: tried again only while it certainly didn't arrive. */
  async reply(to: Delivery, code: string, params: Record<string, string> = {}): Promise<void> {
    const source = wordsOf(to.language).sentence(code, params);
    await this.show(to, { kind: "notice", blocks: parseMarkdown(source), source });
  }

  /** Shows a message of our own outside any answer, as {@link reply} does. */
  async show(to: Delivery, content: Content): Promise<void> {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const outcome = await this.platform.sendNotice(to, content);
      if (outcome.kind === "ok") return;
      const notice = content.source.slice(0, 80);
      this.logger.warn({ code: outcome.code, outcome: outcome.kind, notice }, "notice not sent");
      if (outcome.kind !== "not-applied" || outcome.retryAfterMs > 5_000) return;
      await new Promise((resolve) => setTimeout(resolve, Math.max(200, outcome.retryAfterMs)));
    }
  }

  /** Flushes what goes out (bounded) and lets the lease go. */
  async close(flushMs: number = TIMEOUTS.drainOutbox): Promise<void> {
    this.pressure.close();
    await this.door?.close();
    this.waiting.close();
    await this.cards.close(Math.min(flushMs, FLUSH_CARDS_MS));
    await this.outbox.close(flushMs);
    await this.drafts.close();
    await this.lease.close();
  }
}

/** A bridge's side of who gets in, put together: admission by the book, reception of strangers, notes, presses. */
import { Fault } from "../../../lib/errors.ts";
import { derivedId } from "../../../lib/ids.ts";
import type { Logger } from "../../../lib/logging.ts";
import type { AccessReadPort, AccessWishPort, BridgePort, Delivery, NewWish } from "../../../store/index.ts";
import type { Admit, AllowList, Place, Visitor } from "../access.ts";
import { wordsOf } from "../catalogue.ts";
import type { BridgePlatform } from "../port.ts";
import { StoredAdmission } from "./admission.ts";
import { NoteBoard } from "./notes.ts";
import { readAccessPress } from "./press.ts";
import { Reception } from "./reception.ts";

/** What it needs. */
export interface DoorDeps {
  /** `telegram.42`. */
  bridge: string;
  platform: BridgePlatform;
  store: { access: AccessReadPort; wishes: AccessWishPort; bridge: BridgePort };
  /** Who config.yaml lets in. */
  standing: AllowList;
  mayAct(): boolean;
  reply(to: Delivery, code: string, params?: Record<string, string>): Promise<void>;
  logger: Logger;
}

/** A press as a platform reports it. */
export interface AccessPressEvent {
  /** The same for the same press, however often it is delivered. */
  tapId: string;
  data: string;
  presser: { id: string; name: string };
  /** The presser's language (BCP 47). */
  language?: string | undefined;
  conversation: string;
  message: string;
}

/** A group as a platform tells of it. */
export interface GroupNews {
  /** Numeric ids on the platform. */
  by: { id: string; name: string };
  id: string;
  title: string;
  /** A guild: its channels are groups. */
  guild: boolean;
  /** The platform's idempotency key. */
  updateKey: string;
}

/** See the module's header. */
export class FrontDoor {
  readonly admit: Admit;
  readonly reception: Reception;
  readonly #deps: DoorDeps;
  readonly #admission: StoredAdmission;
  readonly #notes: NoteBoard;
  readonly #name: string;

  constructor(deps: DoorDeps) {
    const { bridge, platform, store, standing, mayAct, reply, logger } = deps;
    this.#deps = deps;
    [this.#name = bridge] = bridge.split(".");
    this.#admission = new StoredAdmission({
      read: store.access,
      platform: this.#name,
      standing,
      openChannel: (visitor, place) => this.#openChannel(visitor, place),
    });
    this.admit = this.#admission.admit;
    this.reception = new Reception({
      wishes: store.wishes,
      read: store.access,
      bridge: store.bridge,
      reply,
      logger,
    });
    this.#notes = new NoteBoard({ bridge, wishes: store.wishes, platform, mayAct, logger });
  }

  async start(): Promise<void> {
    await Promise.all([this.#admission.start(), this.#notes.start()]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#admission.close(), this.#notes.close()]);
  }

  /** A press of an access question's button; undefined when the data is none's. The access component judges it. */
  async press(event: AccessPressEvent): Promise<string | undefined> {
    const press = readAccessPress(event.data);
    if (!press) return undefined;
    const { tapId, presser, conversation, message } = event;
    const { kind } = await this.#hand({
      ...{ kind: "press", wishId: tapId, ...press, conversation, message },
      by: `${this.#name}:${presser.id}`,
      name: presser.name.slice(0, 128).toWellFormed(),
    });
    return wordsOf(event.language).phrase(`access.press.${kind}`);
  }

  /** The bot was added to a group. */
  async added({ by, id, title, guild, updateKey }: GroupNews): Promise<void> {
    await this.#hand({
      ...{ kind: "added", guild, title: title.slice(0, 128).toWellFormed(), place: `${this.#name}:${id}` },
      ...this.#from(by, updateKey),
    });
  }

  /** The platform gave a group another id. Rejects while that isn't noted: hand it in again. */
  async moved(from: string, to: string, updateKey: string): Promise<void> {
    // Most groups that move were never let in: nothing to note.
    if (!(await this.#deps.store.access.group(`${this.#name}:${from}`))) return;
    const { kind } = await this.#hand({
      ...{ kind: "moved", from: `${this.#name}:${from}`, to: `${this.#name}:${to}` },
      ...this.#from({ id: "0", name: "" }, updateKey),
    });
    if (kind === "busy")
      throw new Fault({ code: "access-away", message: "the group's move isn't noted yet", retryable: true });
  }

  async #openChannel({ conversation, sender }: Visitor, place: Place & { kind: "group" }): Promise<void> {
    await this.#hand({
      ...{
        kind: "channel",
        place: `${this.#name}:${place.id}`,
        within: `${this.#name}:${place.within ?? ""}`,
      },
      ...{ title: place.name.slice(0, 128).toWellFormed(), ...this.#from(sender, `channel.${conversation}`) },
    });
  }

  #from(by: { id: string; name: string }, updateKey: string) {
    const wishId = derivedId("w", this.#deps.bridge, updateKey);
    return { wishId, by: `${this.#name}:${by.id}`, name: by.name.slice(0, 128).toWellFormed() };
  }

  #hand(wish: NewWish) {
    return this.#deps.store.wishes.hand(wish);
  }
}

/**
 * What somebody who isn't let in gets to hear, and the commands about who gets in: /claim, /link, /unlink, /whoami. Makes
 * codes, shows them once and hands on their hashes; decides nothing. Private chats only: a group would read along.
 */
import { hashOfCode, newCode } from "../../../lib/codes.ts";
import { Fault } from "../../../lib/errors.ts";
import { derivedId } from "../../../lib/ids.ts";
import type { Logger } from "../../../lib/logging.ts";
import type { AccessReadPort, AccessWishPort, BridgePort, Delivery, NewWish } from "../../../store/index.ts";
import type { Admission, Place } from "../access.ts";

/** What it needs. */
export interface ReceptionDeps {
  wishes: AccessWishPort;
  read: AccessReadPort;
  bridge: BridgePort;
  /** Says a sentence of the catalogue, best effort. */
  reply(to: Delivery, code: string, params?: Record<string, string>): Promise<void>;
  logger: Logger;
}

/** A message, as far as it matters here. */
export interface ReceptionMessage {
  bridge: string;
  updateKey: string;
  deliver: Delivery;
  sender: { id: string; name: string };
  place: Place;
  text?: string;
}

/** A stranger who writes again within this gets no further answer: each one costs others time. */
const QUIET_MS = 30_000;
/** Strangers who guess claim codes, remembered at once. */
const MOST_GUESSERS = 1_000;

const COMMAND = /^\/(start|claim|link|unlink|whoami)(?:@([A-Za-z0-9_]{3,64}))?(?:\s+([\s\S]*))?$/i;

/** See the module's header. */
export class Reception {
  readonly #deps: ReceptionDeps;
  /** Strangers who guessed too often → when they are looked at again. */
  readonly #guessers = new Map<string, number>();

  constructor(deps: ReceptionDeps) {
    this.#deps = deps;
  }

  /** Somebody unknown wrote in private. Resolves whether they were told something. */
  async stranger(message: ReceptionMessage): Promise<boolean> {
    const { sender, deliver } = message;
    // A group would read along.
    if (message.place.kind !== "private") return false;
    if (!/^[0-9]{1,20}$/.test(sender.id))
      throw new Fault({ code: "identity-invalid", message: "platform identity is no number" });
    const hash = claimIn(message.text ?? "");
    if (hash !== undefined) return await this.#claim(message, hash);
    const due = await this.#deps.bridge.strangerKnocked(sender.id, QUIET_MS);
    if (!due) return false;
    const code = newCode("pairing");
    const { kind, params } = await this.#deps.wishes.hand({
      ...this.#from(message),
      kind: "knock",
      code: hashOfCode("pairing", code) ?? "",
      deliver,
    });
    this.#deps.logger.info({ sender: sender.id, outcome: kind }, "stranger knocked");
    if (kind === "quiet") return false;
    await this.#deps.reply(deliver, `access.${kind}`, { ...params, code, id: sender.id });
    return true;
  }

  /** A command about who gets in, of somebody who is let in; undefined when the message is none. */
  async command(
    message: ReceptionMessage,
    admission: Admission & { kind: "admitted" },
  ): Promise<string | undefined> {
    const [, typed = "", , args = ""] = COMMAND.exec(message.text?.trim() ?? "") ?? [];
    const name = typed.toLowerCase();
    const claim = claimIn(message.text ?? "");
    if (name === "" || (name === "start" && claim === undefined)) return undefined;
    if (message.place.kind !== "private") {
      await this.#deps.reply(message.deliver, "access.private-only");
      return name;
    }
    if (claim !== undefined) await this.#claim(message, claim);
    else if (name === "whoami") await this.#whoami(message, admission);
    else if (name === "unlink") await this.#tell(message, { ...this.#from(message), kind: "unlink" });
    else if (name === "claim") await this.#deps.reply(message.deliver, "access.wrong-code");
    else await this.#link(message, args.trim());
    return name;
  }

  /** Hands a wish in and says what became of it. */
  async #tell(
    message: ReceptionMessage,
    wish: NewWish,
    more: Record<string, string> = {},
  ): Promise<{ kind: string }> {
    const { kind, params } = await this.#deps.wishes.hand(wish);
    if (kind !== "quiet") await this.#deps.reply(message.deliver, `access.${kind}`, { ...params, ...more });
    return { kind };
  }

  async #claim(message: ReceptionMessage, code: string): Promise<boolean> {
    const { id } = message.sender;
    if (message.place.kind !== "private" || (this.#guessers.get(id) ?? 0) > performance.now()) return false;
    const wish = { ...this.#from(message), kind: "claim" as const, code, deliver: message.deliver };
    const { kind } = await this.#tell(message, wish);
    if (kind !== "too-many-tries") return true;
    this.#guessers.delete(id);
    this.#guessers.set(id, performance.now() + QUIET_MS);
    const [oldest] = this.#guessers.keys();
    if (this.#guessers.size > MOST_GUESSERS && oldest !== undefined) this.#guessers.delete(oldest);
    return true;
  }

  /** Without a code: begins. With one: joins the sandbox of whoever began. */
  async #link(message: ReceptionMessage, typed: string): Promise<void> {
    const { deliver } = message;
    if (typed === "") {
      const shown = newCode("link");
      const code = hashOfCode("link", shown) ?? "";
      await this.#tell(message, { ...this.#from(message), kind: "link", code, deliver }, { code: shown });
      return;
    }
    // What can't be a code is a wrong one all the same: it counts as a try.
    const code = hashOfCode("link", typed) ?? "0".repeat(64);
    await this.#tell(message, { ...this.#from(message), kind: "join", code, deliver });
  }

  async #whoami(
    message: ReceptionMessage,
    { principal, roles }: Admission & { kind: "admitted" },
  ): Promise<void> {
    const [platform = ""] = message.bridge.split(".");
    const person = await this.#deps.read.person(`${platform}:${message.sender.id}`);
    await this.#deps.reply(
      message.deliver,
      person && principal !== person.own ? "access.who-linked" : "access.who",
      {
        id: `${platform}:${message.sender.id}`,
        roles: [...roles].join(", "),
      },
    );
  }

  #from({ bridge, updateKey, sender }: ReceptionMessage) {
    const [platform = ""] = bridge.split(".");
    return {
      wishId: derivedId("w", bridge, updateKey),
      by: `${platform}:${sender.id}`,
      name: sender.name.slice(0, 128).toWellFormed(),
    };
  }
}

/** Hash of the claim code that a `/start CODE` (a deep link) or `/claim CODE` carries. */
function claimIn(text: string): string | undefined {
  const [, name = "", , typed = ""] = COMMAND.exec(text.trim()) ?? [];
  return /^(start|claim)$/i.test(name) ? hashOfCode("claim", typed) : undefined;
}

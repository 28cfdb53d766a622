/**
 * The one writer of who gets in: reads the book, decides on a draft, writes at the revision it read, tries again when
 * somebody else was first, then hands out notes and names. Decisions themselves are pure (people, pairing, groups, links).
 */
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import type {
  AccessStorePort,
  Identity,
  OutgoingNote,
  ProfilePort,
  Wish,
  WishOutcome,
} from "../store/index.ts";
import { derive } from "./derive.ts";
import { Draft } from "./draft.ts";
import { added, moveGroup, openChannel, pressGroup } from "./groups.ts";
import { beginLink, joinLink, pressLink, unlink } from "./links.ts";
import { sandboxName } from "./names.ts";
import { claim, knock, type Outcome, pressPairing } from "./pairing.ts";
import { importStanding } from "./people.ts";

/** What the desk needs. */
export interface DeskDeps {
  store: AccessStorePort;
  profiles: ProfilePort;
  logger: Logger;
  /** See {@link Draft.solo}. */
  solo?: boolean;
}

/** Writers that may be first before ours succeeds; there is one desk as a rule. */
const MOST_RETRIES = 20;

/** See the module's header. */
export class AccessDesk {
  readonly #deps: DeskDeps;
  #last: Promise<unknown> = Promise.resolve();
  /** Notes of a decision are still to be handed out. */
  #unsaid = false;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  /** Makes one decision, after those before it. Rejects with its Fault, or the store's: then nothing was changed. */
  decide<T>(decision: (draft: Draft) => T): Promise<T> {
    const work = this.#last.then(() => this.#decide(decision));
    this.#last = work.catch(() => {});
    return work;
  }

  /** Reads without deciding. */
  async look(): Promise<Draft> {
    return new Draft(await this.#deps.store.load(), this.#deps.solo);
  }

  /** Lets in who config.yaml names, and names every sandbox that a crash left without a name. */
  async begin(standing: readonly Identity[]): Promise<void> {
    await this.decide((draft) => importStanding(draft, standing));
    const { people, groups } = await this.look();
    for (const { state, principal, own, name } of people.values())
      if (state === "allowed" && principal === own) await this.#name(principal, name);
    for (const { state, kind, principal, name } of groups.values())
      if (state === "allowed" && kind === "group") await this.#name(principal, name || "group");
  }

  /** Carries a bridge's wish out, if it may be. */
  async wish(wish: Wish): Promise<WishOutcome> {
    const { wishId } = wish;
    try {
      // Where a button was pressed is looked up first: a decision itself reads nothing.
      const own = wish.kind !== "press" || (await this.#isOwnMessage(wish));
      const { kind, params = {} } = own
        ? await this.decide((draft) => handle(draft, wish))
        : { kind: "misplaced" };
      const { by, bridge } = wish;
      this.#deps.logger.info({ by, bridge, wish: wish.kind, outcome: kind }, "access");
      return { wishId, kind, params };
    } catch (error) {
      if (error instanceof Fault && error.retryable) throw error;
      this.#deps.logger.error({ err: error, wish: wish.kind }, "wish failed");
      const kind = error instanceof Fault && error.code === "cage-incomplete" ? error.code : "busy";
      return { wishId, kind, params: {} };
    }
  }

  async #decide<T>(decision: (draft: Draft) => T): Promise<T> {
    const { store } = this.#deps;
    for (let tries = 0; tries < MOST_RETRIES; tries++) {
      const book = await store.load();
      const draft = new Draft(book, this.#deps.solo);
      const result = decision(draft);
      derive(draft);
      const changes = draft.changes();
      if (changes.length > 0 && (await store.commit(book.rev, changes)) === undefined) continue;
      await this.#handOut(draft.outgoing.entries());
      for (const { principal, after } of draft.named) await this.#name(principal, after);
      return result;
    }
    throw new Fault({ code: "access-busy", message: "too many decisions at once", retryable: true });
  }

  /** What can't be handed out now, or was left by a crash, goes with the next decision: it is in the book. */
  async #handOut(notes: readonly (readonly [string, OutgoingNote])[]): Promise<void> {
    this.#unsaid = notes.length > 0;
    try {
      for (const [key, note] of notes) await this.#deps.store.note(key, note);
      this.#unsaid = false;
    } catch (err) {
      this.#deps.logger.warn({ err }, "notes not handed out yet");
    }
  }

  /** Hands out what could not be before. */
  async sayUnsaid(): Promise<void> {
    if (this.#unsaid) await this.decide(() => undefined);
  }

  /** Gives a sandbox its first name. */
  async #name(principal: string, after: string): Promise<void> {
    await this.#deps.profiles.change(
      principal,
      (now) => now ?? { v: 1, name: sandboxName(principal, after) },
    );
  }

  /** Whether the press comes from the very chat and message that the question was posted as. */
  async #isOwnMessage({ bridge, ref, conversation, message }: Wish & { kind: "press" }): Promise<boolean> {
    const posted = await this.#deps.store.noteMessage(bridge, ref);
    return posted?.conversation === conversation && posted.message === message;
  }
}

/** Once only: a crash between the decision and the wish's removal brings it again, and a code would be spent by then. */
function handle(draft: Draft, wish: Wish): Outcome {
  const { wishId, bridge } = wish;
  const [platform = bridge] = bridge.split(".");
  const done = draft.handled.get(platform);
  if (done?.wishId === wishId) return done;
  const { kind, params = {} } = outcomeOf(draft, wish);
  if (draft.changes().length > 0) draft.handled.set(platform, { v: 1, wishId, kind, params });
  return { kind, params };
}

function outcomeOf(draft: Draft, wish: Wish): Outcome {
  switch (wish.kind) {
    case "knock":
      return knock(draft, wish);
    case "claim":
      return claim(draft, wish);
    case "press":
      return press(draft, wish);
    case "link":
      return beginLink(draft, wish);
    case "join":
      return joinLink(draft, wish);
    case "unlink":
      return unlink(draft, wish);
    case "added":
      return added(draft, wish);
    case "channel":
      return openChannel(draft, wish);
    case "moved":
      return moveGroup(draft, wish);
  }
}

/** A button's question is found by its reference; who may press it, each kind judges by itself. */
function press(draft: Draft, { ref, by, verb }: Wish & { kind: "press" }): Outcome {
  const link = draft.links.get(ref);
  if (link) return pressLink(draft, link, by, verb);
  const person = draft.people.values().find(({ request }) => request?.ref === ref);
  if (person) return pressPairing(draft, person, by, verb);
  const group = draft.groups.values().find((one) => one.ref === ref);
  if (group) return pressGroup(draft, group, by, verb);
  return { kind: "gone" };
}

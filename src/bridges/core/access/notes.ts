/**
 * Shows what the access component says in chats: questions to admins with buttons, and what became of them. At least
 * once: a note is forgotten when the platform took it or will never take it. Only while this process acts for its bridge.
 */
import type { Logger } from "../../../lib/logging.ts";
import { TIMEOUTS } from "../../../lib/timeouts.ts";
import type { AccessNote, AccessWishPort, NoteMessage } from "../../../store/index.ts";
import { wordsOf } from "../catalogue.ts";
import { parseMarkdown } from "../markdown/parse.ts";
import type { BridgePlatform, Content, Outcome } from "../port.ts";
import { accessPressData } from "./press.ts";

/** What it needs. */
export interface NoteDeps {
  bridge: string;
  wishes: AccessWishPort;
  platform: BridgePlatform;
  mayAct(): boolean;
  logger: Logger;
}

/** A note that may have arrived or not is sent again so often, so far apart: twice is better than never. */
const MOST_TRIES = 3;
const UNSURE_MS = 5_000;

/** See the module's header. */
export class NoteBoard {
  readonly #deps: NoteDeps;
  #timer: NodeJS.Timeout | undefined;
  #off: (() => Promise<void>) | undefined;
  #showing: Promise<void> | undefined;
  #again = false;
  #pausedUntil = 0;
  /** Note → tries of which nobody knows what became. */
  readonly #unsure = new Map<string, number>();

  constructor(deps: NoteDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), TIMEOUTS.sweep);
    this.#off = await this.#deps.wishes.onNotes(() => this.#look());
    this.#look();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#off?.();
    await this.#showing;
  }

  #look(): void {
    if (this.#showing) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#showing = this.#showAll()
      .catch((err: unknown) => this.#deps.logger.debug({ err }, "notes not looked at"))
      .finally(() => {
        this.#showing = undefined;
        if (this.#again) this.#look();
      });
  }

  async #showAll(): Promise<void> {
    const { wishes, mayAct } = this.#deps;
    if (!mayAct() || performance.now() < this.#pausedUntil) return;
    for (const note of await wishes.notes()) {
      if (!mayAct()) return;
      const outcome = await this.#show(note);
      if (outcome.kind === "not-applied") {
        this.#pausedUntil = performance.now() + outcome.retryAfterMs;
        return;
      }
      const tries = (this.#unsure.get(note.noteId) ?? 0) + 1;
      this.#unsure.delete(note.noteId);
      if (outcome.kind === "unknown" && tries < MOST_TRIES) {
        this.#unsure.set(note.noteId, tries);
        this.#pausedUntil = performance.now() + UNSURE_MS;
        return;
      }
      if (outcome.kind !== "ok")
        this.#deps.logger.warn(
          { noteId: note.noteId, outcome: outcome.kind, code: outcome.code },
          "note not shown",
        );
      await wishes.shown(note.noteId, this.#messageOf(note, outcome));
    }
  }

  async #show(note: AccessNote): Promise<Outcome<string>> {
    const { platform, wishes } = this.#deps;
    const content = contentOf(note);
    const before = note.replaces === undefined ? undefined : await wishes.noteMessage(note.replaces);
    if (!before) return platform.sendNotice(note.deliver, content);
    const context = { conversation: before.conversation, turnId: "", answerId: "" };
    const edited = await platform.editMessage(note.deliver, before.message, content, "rich", context);
    return edited.kind === "ok" ? { kind: "ok", value: "" } : edited;
  }

  /** Only what can be pressed or replaced later is remembered. */
  #messageOf(note: AccessNote, outcome: Outcome<string>): NoteMessage | undefined {
    if (outcome.kind !== "ok" || outcome.value === "" || note.buttons.length === 0) return undefined;
    const { chat, thread } = note.deliver;
    const conversation = [this.#deps.bridge, chat, ...(thread === undefined ? [] : [thread])].join(".");
    return { v: 1, conversation, message: outcome.value, at: Date.now() };
  }
}

/** A note in words. Names in it are escaped by the catalogue. */
function contentOf({ code, params, ref = "", buttons, deliver }: AccessNote): Content {
  const words = wordsOf(deliver.language);
  const source = words.sentence(code, params);
  return {
    kind: "notice",
    blocks: parseMarkdown(source),
    source,
    buttons: buttons.map(({ label, verb }) => ({
      label: words.phrase(label),
      data: accessPressData({ ref, verb }),
    })),
    perRow: 1,
  };
}

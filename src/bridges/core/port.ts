/**
 * What the core needs from a chat platform: a narrow interface plus capability flags.
 * A platform reports what became of each request as a value (DESIGN §11): it never throws for network trouble, never
 * retries by itself, and never decides what a message says.
 */
import type { Attachment, Delivery } from "../../store/index.ts";
import type { Blocks } from "./markdown/parse.ts";
import type { Measure } from "./split.ts";

/** Optional abilities; the core asks these, never the platform's name. */
export interface Capabilities {
  /**
   * Previews that are no messages (`showDraft`), wherever `draftsAt` doesn't say otherwise; else a preview is a message
   * that is edited.
   */
  supportsDrafts: boolean;
  /** Buttons under a message, answered by a callback. */
  supportsButtons: boolean;
  /** A "typing" signal that has to be renewed. */
  supportsTyping: boolean;
}

/** Numbers of a platform. */
export interface Limits {
  /** Visible length of one message, in the units of {@link BridgePlatform.measure}. */
  textUnits: number;
  /** At most one edit of a message in this time. */
  editIntervalMs: number;
  /** A preview that is no message fades: it is shown again after this time without a change. Absent: it stays. */
  draftRefreshMs?: number;
  /** The typing signal is renewed this often. */
  typingIntervalMs: number;
}

/** A button of ours; agents can't make any (DESIGN §6). */
export interface Button {
  label: string;
  /** At most 64 bytes: Telegram's limit of callback_data. */
  data: string;
}

/** One message's content, not yet in any platform's markup. */
export interface Content {
  kind: "final" | "failure" | "notice" | "draft" | "card";
  blocks: Blocks;
  /** Markdown that `blocks` were parsed from; of the whole answer where it was split. A card's is one line about it. */
  source: string;
  buttons?: Button[];
  /** Buttons in one row; all of them by default. */
  perRow?: number;
  /** Instead of the text: a file, from the spool's `out`, or one that is made here of the answer itself. */
  file?: Attachment | OutgoingFile;
  /** Texts that say what such a file says, where the chat takes none. */
  otherwise?: readonly Content[];
  /** Of a card: what a platform needs that shows cards in its own way. */
  card?: CardFacts;
}

/** A card in few words, each safe to print as it is. */
export interface CardFacts {
  approvalId: string;
  /** `host:port`, printable ASCII and `…`. */
  target: string;
  /** Program, request, risks and time left on one line. */
  detail: string;
  /** Still to be decided. */
  open: boolean;
  /** Asked once more about Always. */
  confirming: boolean;
  rev: number;
}

/** A file that a message brings, as its platform names it. */
export interface FileRef {
  /** The platform's handle of it. */
  id: string;
  /** As its sender calls it: untrusted text, never a path. */
  name: string;
  /** As its sender claims it. */
  mime: string;
  /** Bytes, where the platform says so. */
  size?: number;
  /** A voice message or the like: it may be turned into text. */
  spoken?: boolean;
}

/** A file on its way to a chat. */
export interface OutgoingFile {
  /** As a person should see it; the platform's folder makes it safe for its own requests. */
  name: string;
  mime: string;
  bytes: Buffer;
}

/** What stands around a message, for platforms that keep a transcript. */
export interface MessageContext {
  conversation: string;
  turnId: string;
  answerId: string;
}

/**
 * What became of a request.
 * `not-applied`: certainly nothing happened, try again after the delay. `unknown`: it may have happened.
 * `refused`: the platform said no and will say no again.
 */
export type Outcome<T> =
  | { kind: "ok"; value: T }
  | { kind: "not-applied"; code: string; retryAfterMs: number }
  | { kind: "unknown"; code: string }
  | { kind: "refused"; reason: RefusalReason; code: string };

/**
 * `markup`: the text's markup is at fault, plain text may pass. `gone`: the message doesn't exist or can't be edited
 * any more. `unreachable`: nothing can be posted there (blocked, chat deleted). `too-large`: a file is. `other`: anything else.
 */
export type RefusalReason = "markup" | "gone" | "unreachable" | "too-large" | "other";

/** Which placeholder is meant, for platforms that can tell whether it is there already. */
export interface AnchorKey {
  /** The same for the same placeholder, however often it is posted; another one for whatever replaces it. */
  key: string;
  /** The turn that streams into it, or empty: what is posted for a turn may offer to stop it. */
  turnId: string;
  /** An earlier attempt's outcome is unknown: it may be there. */
  again: boolean;
}

/** How content is to be written: in the platform's markup, or as bare text. */
export type Style = "rich" | "plain";

/** Whether a preview at this place is the platform's own and no message. */
export function hasDrafts(platform: BridgePlatform, to: Delivery): boolean {
  return platform.capabilities.supportsDrafts && (platform.draftsAt?.(to) ?? true);
}

/** A chat platform. */
export interface BridgePlatform {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly limits: Limits;
  /** Visible length that blocks will have on this platform. */
  readonly measure: Measure;
  /** Posts the placeholder that an answer is edited into; the only request that may be repeated blindly. */
  sendAnchor(to: Delivery, anchor: AnchorKey): Promise<Outcome<string>>;
  /** Replaces a message of ours. Repeatable: "not modified" is `ok`. */
  editMessage(
    to: Delivery,
    id: string,
    content: Content,
    style: Style,
    context: MessageContext,
  ): Promise<Outcome<void>>;
  deleteMessage(to: Delivery, id: string): Promise<Outcome<void>>;
  /** One message of ours outside any answer (help, a stranger's notice): best effort. */
  sendNotice(to: Delivery, content: Content): Promise<Outcome<string>>;
  /** Fetches a file that a message brings. `refused` with `too-large`: it is larger than bots may fetch. Absent: no files. */
  fetchFile?(file: FileRef): Promise<Outcome<AsyncIterable<Uint8Array>>>;
  /** Turns a message of ours into a file. Repeatable, as `editMessage` is. Absent: the platform shows no files. */
  editFile?(to: Delivery, id: string, file: OutgoingFile, context: MessageContext): Promise<Outcome<void>>;
  /** Posts a file with a caption (never with a preview, never by address). Absent: the platform shows no files. */
  sendFile?(to: Delivery, file: OutgoingFile, caption: Content | undefined): Promise<Outcome<string>>;
  /** Only with `supportsTyping`. Best effort. */
  typing(to: Delivery): Promise<void>;
  /** Whether previews there are no messages. Absent: everywhere. */
  draftsAt?(to: Delivery): boolean;
  /** Only with `supportsDrafts`. Best effort; `status` is the tool line, empty if none. */
  showDraft?(to: Delivery, content: Content, status: string, context: MessageContext): Promise<void>;
}

/**
 * One answer on its way out: planned into parts, each part an anchor that is edited into its text (RELIABILITY §4).
 * Only an anchor is ever posted twice; a text is only ever edited, so repeating it changes nothing.
 * Must record each step before and after the request that it describes.
 */
import { failpoint } from "../../lib/failpoints.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Spool } from "../../lib/spool.ts";
import type { AnswerBody, AnswerPart, AnswerRecord, OutboxPort } from "../../store/index.ts";
import { isUnknown, turnAnchor, UNKNOWN_TOTAL } from "./anchors.ts";
import { withoutMarkIn } from "./cards/marker.ts";
import { markdownOf, type Words, wordsOf } from "./catalogue.ts";
import type { Counters } from "./counters.ts";
import type { DraftBoard } from "./drafts.ts";
import { type AnswerFile, fileNotice, filesOf, omittedText, outgoing, wholeAnswer } from "./files-out.ts";
import { heardText } from "./heard.ts";
import { hasLinks, hostsOf, judgedLinks, type MayLink, NO_HOSTS } from "./markdown/links.ts";
import { type Blocks, parseMarkdown } from "./markdown/parse.ts";
import {
  type BridgePlatform,
  type Button,
  type Content,
  hasDrafts,
  type MessageContext,
  type Outcome,
  type Style,
} from "./port.ts";
import { splitBlocks } from "./split.ts";

/** What became of an answer: forgotten, or to be tried again. */
export type Delivered = { kind: "done" } | { kind: "later"; retryAfterMs: number; code: string };

/** What delivering needs. */
export interface DeliverDeps {
  platform: BridgePlatform;
  store: OutboxPort;
  drafts: DraftBoard;
  counters: Counters;
  logger: Logger;
  /** The spool's `out`; absent: files are told in words. */
  spool?: Spool | undefined;
  /** Host patterns that the policy of a conversation's sandbox allows; absent: none. */
  linkHosts?(conversation: string): Promise<string[]>;
}

/** A message that was deleted under us is replaced at most this often. */
const MAX_REPLACED = 3;

/** Delivers one answer as far as it goes now. Rejects only when the store does. */
export async function deliverAnswer(deps: DeliverDeps, answer: AnswerRecord): Promise<Delivered> {
  const { tainted } = answer.turnId === "" ? { tainted: false } : await deps.drafts.takeOver(answer.turnId);
  const contents = contentsOf(answer, deps.platform, await linksOf(deps, answer));
  const parts = await deps.store.plan(answer.conversation, answer.answerId, contents.length);
  // Somebody else delivered it between our reading and now.
  if (parts.length === 0) return { kind: "done" };
  for (let index = 0; index < contents.length; index++) {
    const content = contents[index]!;
    // A part beyond the stored plan (another version split it otherwise) is kept in memory only: never cut.
    const part = parts[index] ?? { state: "queued" as const, attempt: 0, anchor: "" };
    const delivery = new PartDelivery(deps, answer, index, part, content, index < parts.length);
    const outcome = await delivery.run(tainted);
    if (outcome.kind === "later") return outcome;
    parts[index] = delivery.part;
    contents.push(...delivery.extra);
  }
  await removeOrphan(deps, answer, parts[0]?.anchor ?? "");
  await deps.store.done(answer.conversation, answer.answerId);
  await removeFiles(deps, answer);
  deps.drafts.forget(answer.turnId);
  return { kind: "done" };
}

/** Which hosts an agent's answer may link to. Asked only when it has a link. */
async function linksOf(deps: DeliverDeps, { body, conversation }: AnswerRecord): Promise<MayLink> {
  if (body.kind !== "final" || !deps.linkHosts || !hasLinks(parseMarkdown(body.markdown))) return NO_HOSTS;
  return hostsOf(await deps.linkHosts(conversation));
}

/** The answer's messages: texts split to the platform's limit, never cut, then its files. */
function contentsOf(answer: AnswerRecord, platform: BridgePlatform, mayLink: MayLink): Content[] {
  const say = wordsOf(answer.deliver.language);
  const files = filesOf(answer.body).map((file): Content => {
    const { blocks, source } = fileNotice(say, "file-not-shown", file);
    return { kind: "final", blocks, source, ...(platform.editFile ? { file } : {}) };
  });
  const texts = textsOf(say, answer, platform, files.length > 0, mayLink);
  const whole = platform.editFile && wholeAnswer(answer.body, texts.length);
  if (!whole) return [...texts, ...files];
  // Nothing is lost: all of it is in the file; where the chat takes no files, it comes as messages after all.
  const [first, ...rest] = texts;
  const note = say.sentence("whole-answer");
  const blocks = [...parseMarkdown(note), ...(first?.blocks ?? [])];
  const [head = blocks, ...over] = splitBlocks(blocks, platform.limits.textUnits, platform.measure);
  const cut = over.map((part): Content => ({ kind: "final", blocks: part, source: note }));
  const file: Content = {
    kind: "final",
    blocks: parseMarkdown(note),
    source: note,
    file: whole,
    otherwise: [...cut, ...rest],
  };
  return [{ kind: "final", blocks: head, source: note }, file, ...files];
}

function textsOf(
  say: Words,
  answer: AnswerRecord,
  platform: BridgePlatform,
  hasFiles: boolean,
  mayLink: MayLink,
): Content[] {
  const { body } = answer;
  const omitted = omittedText(say, body);
  // Files are an answer, too.
  const silent = body.kind === "final" && body.markdown.trim() === "" && (hasFiles || omitted !== "");
  const source = [heardText(say, body), silent ? "" : markdownOf(body, say.language), omitted]
    .filter((text) => text !== "")
    .join("\n\n");
  if (source === "" && hasFiles) return [];
  let parts = splitBlocks(blocksOf(body, source, mayLink), platform.limits.textUnits, platform.measure);
  if (parts.length === 0) parts = [parseMarkdown(say.sentence("empty-answer"))];
  const buttons = platform.capabilities.supportsButtons ? buttonsOf(say, answer.body, answer.turnId) : [];
  return parts.map((blocks, index) => ({
    kind: answer.body.kind,
    blocks,
    source,
    ...(buttons.length > 0 && index === parts.length - 1 ? { buttons } : {}),
  }));
}

/** Whatever an agent writes, it is no approval card, and links only where its policy lets it go. */
function blocksOf(body: AnswerBody, source: string, mayLink: MayLink): Blocks {
  const blocks = parseMarkdown(source);
  return withoutMarkIn(body.kind === "final" ? judgedLinks(blocks, mayLink) : blocks);
}

/** An interrupted turn is never repeated by itself: its user may (RELIABILITY §3). */
function buttonsOf(say: Words, body: AnswerBody, turnId: string): Button[] {
  if (body.kind !== "failure" || body.code !== "interrupted" || turnId === "") return [];
  return [{ label: say.phrase("button.retry"), data: `retry:${turnId}` }];
}

/** A preview that doesn't hold the final is removed: it would stay as a stray. */
async function removeOrphan(deps: DeliverDeps, answer: AnswerRecord, finalId: string): Promise<void> {
  if (answer.turnId === "" || hasDrafts(deps.platform, answer.deliver)) return;
  const preview = await deps.store.anchor(answer.conversation, answer.turnId);
  if (preview.state !== "sent" || preview.id === finalId) return;
  await deps.platform.deleteMessage(answer.deliver, preview.id);
}

/** Sent or told: nobody needs them any more. What stays behind is swept by age. */
async function removeFiles(deps: DeliverDeps, answer: AnswerRecord): Promise<void> {
  const spools = filesOf(answer.body).map(({ spool }) => spool);
  await deps.spool?.remove(...spools).catch((err: unknown) => {
    deps.logger.warn({ answerId: answer.answerId, err }, "sent files not removed from the spool");
  });
}

/** One part's way: queued → sending → sent | refused. */
class PartDelivery {
  part: AnswerPart;
  /** Texts that have to follow, since the chat didn't take them as a file. */
  extra: readonly Content[] = [];
  private readonly deps: DeliverDeps;
  private readonly answer: AnswerRecord;
  private readonly index: number;
  private readonly planned: boolean;
  private content: Content;
  private style: Style = "rich";
  private replaced = 0;

  constructor(
    deps: DeliverDeps,
    answer: AnswerRecord,
    index: number,
    part: AnswerPart,
    content: Content,
    planned: boolean,
  ) {
    this.deps = deps;
    this.answer = answer;
    this.index = index;
    this.part = part;
    this.content = content;
    this.planned = planned;
  }

  async run(tainted: boolean): Promise<Delivered> {
    if (this.part.state === "queued") await this.adoptPreview(tainted);
    for (;;) {
      if (this.part.state === "sent" || this.part.state === "refused" || this.part.state === "unknown") {
        return { kind: "done" };
      }
      const outcome = this.part.anchor === "" ? await this.postAnchor() : await this.editIntoFinal();
      if (outcome) return outcome;
    }
  }

  private async record(change: Partial<AnswerPart>): Promise<void> {
    this.part = { ...this.part, ...change };
    if (!this.planned) return;
    await this.deps.store.part(this.answer.conversation, this.answer.answerId, this.index, this.part);
  }

  /** The first part goes into the message that streamed the turn, if there is one. */
  private async adoptPreview(tainted: boolean): Promise<void> {
    if (this.index !== 0 || this.answer.turnId === "" || this.part.attempt > 0) return;
    const preview = await this.deps.store.anchor(this.answer.conversation, this.answer.turnId);
    // What may still arrive is an edit, of a message whose id is known; a post that may arrive overwrites nothing.
    if (tainted && preview.state === "sent") return;
    // Perhaps it is there: a platform that can find it by its key gives its id, others post the one that is needed anyway.
    const found = isUnknown(preview) ? await turnAnchor(this.deps, this.answer) : undefined;
    const id = preview.state === "sent" ? preview.id : found?.kind === "ok" ? found.value : "";
    if (id !== "") await this.record({ state: "sending", attempt: 1, anchor: id });
  }

  private async postAnchor(): Promise<Delivered | undefined> {
    // `sending` without an id: an earlier attempt's outcome is unknown.
    const again = this.part.state === "sending";
    if (again) this.deps.counters.count(UNKNOWN_TOTAL);
    await this.record({ state: "sending", attempt: this.part.attempt + 1 });
    failpoint("outbox.anchor-sending");
    const key = `answer.${this.answer.answerId}.${this.index}.${this.part.replaced ?? 0}`;
    const outcome = await this.deps.platform.sendAnchor(this.answer.deliver, { key, turnId: "", again });
    switch (outcome.kind) {
      case "ok":
        failpoint("outbox.anchor-sent");
        await this.record({ anchor: outcome.value });
        return undefined;
      case "not-applied":
        await this.record({ state: "queued" });
        return later(outcome);
      case "unknown":
        return later(outcome);
      case "refused":
        await this.refused(outcome.code);
        return undefined;
    }
  }

  private async editIntoFinal(): Promise<Delivered | undefined> {
    const { platform } = this.deps;
    const { conversation, turnId, answerId, deliver } = this.answer;
    failpoint("outbox.final-sending");
    const context = { conversation, turnId, answerId };
    const { file } = this.content;
    const outcome = file
      ? await this.editIntoFile(file, context)
      : await platform.editMessage(deliver, this.part.anchor, this.content, this.style, context);
    if (outcome.kind === "ok") {
      failpoint("outbox.final-sent");
      await this.record({ state: "sent" });
      return undefined;
    }
    if (outcome.kind !== "refused") return later(outcome);
    return await this.afterRefusal(outcome.reason, outcome.code);
  }

  /** A file that is gone, or isn't what the record says, is told in words. */
  private async editIntoFile(file: AnswerFile, context: MessageContext): Promise<Outcome<void>> {
    const { platform, spool } = this.deps;
    const { deliver } = this.answer;
    const bytes = await outgoing(file, spool, platform);
    if (bytes && platform.editFile) return await platform.editFile(deliver, this.part.anchor, bytes, context);
    this.deps.logger.warn({ ...this.ids(), name: file.name }, "file of an answer is gone");
    this.content = fileNotice(wordsOf(deliver.language), "file-gone", file);
    return await platform.editMessage(deliver, this.part.anchor, this.content, "rich", context);
  }

  /** Plain text after markup, a new anchor after a deleted one, an honest sentence before giving up. */
  private async afterRefusal(reason: string, code: string): Promise<undefined> {
    this.deps.logger.warn({ ...this.ids(), code, style: this.style }, "platform refused a text");
    if (reason === "gone" && this.replaced < MAX_REPLACED) {
      this.replaced += 1;
      await this.record({ state: "queued", anchor: "", replaced: (this.part.replaced ?? 0) + 1 });
    } else if (this.content.file) {
      // Chats may take texts and no files.
      this.withoutFile(this.content.file, this.content.otherwise ?? []);
    } else if (reason === "unreachable" || reason === "gone") {
      await this.refused(code);
    } else if (this.style === "rich") {
      this.style = "plain";
    } else if (this.content.kind !== "notice") {
      const source = wordsOf(this.answer.deliver.language).sentence("answer-not-shown");
      this.content = { kind: "notice", blocks: parseMarkdown(source), source };
    } else {
      await this.refused(code);
    }
    return undefined;
  }

  private withoutFile(file: AnswerFile, [text, ...more]: readonly Content[]): void {
    this.content = text ?? fileNotice(wordsOf(this.answer.deliver.language), "file-not-shown", file);
    this.extra = more;
  }

  private async refused(code: string): Promise<void> {
    this.deps.counters.count("outbox_refused_total");
    this.deps.logger.error({ ...this.ids(), code }, "answer can't be delivered: the platform refused it");
    await this.record({ state: "refused" });
  }

  private ids() {
    const { conversation, turnId, answerId } = this.answer;
    return { conversation, turnId, answerId, part: this.index };
  }
}

function later(outcome: Outcome<unknown>): Delivered {
  const retryAfterMs = outcome.kind === "not-applied" ? outcome.retryAfterMs : 0;
  return { kind: "later", retryAfterMs, code: outcome.kind === "ok" ? "" : outcome.code };
}

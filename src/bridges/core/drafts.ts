/**
 * Streaming previews: what a running turn shows before its final answer.
 * One {@link Preview} owns the turn's visible message until the outbox takes it; edits are coalesced to the platform's
 * pace; older drafts and drafts after the final are dropped. Nothing here is durable but the anchor.
 */
import type { Logger } from "../../lib/logging.ts";
import type { DraftMessage, OutboxPort } from "../../store/index.ts";
import { turnAnchor } from "./anchors.ts";
import type { Counters } from "./counters.ts";
import { draftContent } from "./draft-content.ts";
import { shownElapsed } from "./elapsed.ts";
import { type BridgePlatform, hasDrafts, type Outcome } from "./port.ts";
import { isNewer, type PreviewEvent, type PreviewPhase, previewStep } from "./preview-state.ts";
import { TypingSignals } from "./typing.ts";

/** What previews need. */
export interface DraftDeps {
  platform: BridgePlatform;
  store: OutboxPort;
  counters: Counters;
  logger: Logger;
  /** A turn of the conversation shows signs of life. */
  heard?(conversation: string): void;
  /** How long previews of a conversation hold back, since something that can't wait goes out there. */
  yieldMs(conversation: string): number;
}

/** How many ended turns are remembered, so that a late draft shows nothing. */
const REMEMBERED = 2_000;

/** All previews of a bridge. */
export class DraftBoard {
  private readonly deps: DraftDeps;
  private readonly previews = new Map<string, Preview>();
  private readonly ended = new Set<string>();
  private readonly typing: TypingSignals;

  constructor(deps: DraftDeps) {
    this.deps = deps;
    this.typing = new TypingSignals(deps.platform);
  }

  /** A draft was published. */
  show(draft: DraftMessage): void {
    if (this.ended.has(draft.turnId)) return;
    this.deps.heard?.(draft.conversation);
    this.typing.heard(draft.turnId, draft.deliver);
    let preview = this.previews.get(draft.turnId);
    if (!preview) {
      preview = new Preview(this.deps, draft);
      this.previews.set(draft.turnId, preview);
    }
    if (draft.kind === "working") preview.beat(draft);
    else preview.accept(draft);
  }

  /**
   * The outbox takes the turn's message over. Resolves when no request of ours is under way;
   * `tainted` when one may still arrive at the message, which then must not hold the final.
   */
  async takeOver(turnId: string): Promise<{ tainted: boolean }> {
    this.typing.stop(turnId);
    this.ended.add(turnId);
    if (this.ended.size > REMEMBERED)
      for (const oldest of [...this.ended].slice(0, 500)) this.ended.delete(oldest);
    const preview = this.previews.get(turnId);
    if (!preview) return { tainted: false };
    return await preview.take();
  }

  /** The final is visible: forget the turn's preview. */
  forget(turnId: string): void {
    this.previews.delete(turnId);
  }

  /** Stops all previews (the process ends, or another bridge took the lease); waits for requests under way. */
  async close(): Promise<void> {
    this.typing.close();
    const open = [...this.previews.values()];
    this.previews.clear();
    await Promise.all(open.map((preview) => preview.take()));
  }
}

/** One turn's visible message before its final. */
class Preview {
  private readonly deps: DraftDeps;
  private readonly conversation: string;
  private readonly turnId: string;
  private phase: PreviewPhase = "idle";
  private latest: DraftMessage;
  private text = "";
  private status = "";
  /** When the turn was first heard of, by the monotonic clock. */
  private readonly since = performance.now();
  private beats = 0;
  /** The elapsed time that is shown. */
  private elapsed = 0;
  /** When something was shown last, by the monotonic clock; 0 before. */
  private shownAt = 0;
  private id = "";
  private tainted = false;
  /** Something newer than what is visible. */
  private stale = false;
  private nextAt = 0;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly released = Promise.withResolvers<void>();

  constructor(deps: DraftDeps, first: DraftMessage) {
    this.deps = deps;
    this.conversation = first.conversation;
    this.turnId = first.turnId;
    this.latest = { ...first, fence: -1, seq: -1 };
  }

  accept(draft: DraftMessage): void {
    if (!isNewer(draft, this.latest)) return;
    this.latest = draft;
    if (draft.kind === "text") {
      this.text = draft.text;
      this.status = "";
    } else {
      this.status = draft.kind === "waking" ? "waking" : draft.text;
    }
    this.stale = true;
    this.schedule();
  }

  /**
   * A sign of life. Time that passes is shown in steps; a preview that would fade is shown again. The first sign shows
   * nothing yet: most turns have something to say soon.
   */
  beat({ deliver }: DraftMessage): void {
    this.beats += 1;
    const now = performance.now();
    const { draftRefreshMs = Number.POSITIVE_INFINITY } = this.deps.platform.limits;
    const own = hasDrafts(this.deps.platform, deliver);
    const thinking = own && this.beats === 2 && this.shownAt === 0;
    const fades = own && this.shownAt > 0 && now - this.shownAt > draftRefreshMs;
    const elapsed = shownElapsed(now - this.since);
    if (!thinking && !fades && elapsed <= this.elapsed) return;
    this.elapsed = elapsed;
    this.stale = true;
    this.schedule();
  }

  async take(): Promise<{ tainted: boolean }> {
    clearTimeout(this.timer);
    this.step("take");
    await this.released.promise;
    return { tainted: this.tainted };
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (!this.stale) return;
    const due = () => {
      const ms = this.deps.yieldMs(this.conversation);
      if (ms > 0) this.timer = setTimeout(due, ms);
      else this.step("draft");
    };
    this.timer = setTimeout(due, Math.max(0, this.nextAt - Date.now()));
  }

  private step(event: PreviewEvent): void {
    const step = previewStep(this.phase, event);
    if (!step) return;
    this.phase = step.to;
    switch (step.action) {
      case "post":
        void this.post();
        break;
      case "edit":
        void this.edit();
        break;
      case "taint":
        this.tainted = true;
        break;
      case "taint-release":
        this.tainted = true;
        this.released.resolve();
        break;
      case "release":
        this.released.resolve();
        break;
    }
  }

  private async post(): Promise<void> {
    if (hasDrafts(this.deps.platform, this.latest.deliver)) {
      // No message to post: the preview is the platform's own.
      this.step("posted");
      this.schedule();
      return;
    }
    const at = { conversation: this.conversation, turnId: this.turnId, deliver: this.latest.deliver };
    const outcome = await turnAnchor(this.deps, at).catch(storeAway);
    if (outcome.kind === "ok") this.id = outcome.value;
    this.ended(outcome, "posted", 0);
  }

  private async edit(): Promise<void> {
    const { platform } = this.deps;
    this.stale = false;
    const { deliver } = this.latest;
    const content = draftContent(this.text, this.status, platform, deliver.language, this.elapsed);
    const context = { conversation: this.conversation, turnId: this.turnId, answerId: "" };
    this.shownAt = performance.now();
    const outcome: Outcome<void> =
      hasDrafts(platform, deliver) && platform.showDraft
        ? await platform.showDraft(deliver, content, this.status, context).then(
            () => ({ kind: "ok", value: undefined }),
            () => ({ kind: "not-applied", code: "draft-failed", retryAfterMs: 0 }),
          )
        : await platform.editMessage(deliver, this.id, content, "rich", context);
    this.ended(outcome, "edited", platform.limits.editIntervalMs);
  }

  private ended(outcome: Outcome<unknown>, success: "posted" | "edited", paceMs: number): void {
    if (outcome.kind === "ok") {
      this.failures = 0;
      this.nextAt = Date.now() + paceMs;
      this.step(success);
      this.schedule();
      return;
    }
    this.failures += 1;
    const asked = outcome.kind === "not-applied" ? outcome.retryAfterMs : 0;
    this.nextAt = Date.now() + Math.max(asked, paceMs, 1_000 * 2 ** Math.min(this.failures, 5));
    this.deps.logger.debug(
      { turnId: this.turnId, outcome: outcome.kind, code: outcome.code },
      "preview not shown",
    );
    if (outcome.kind === "refused" && outcome.reason === "unreachable") this.stale = false;
    else this.stale = true;
    const gone = outcome.kind === "refused" && outcome.reason === "gone";
    this.step(gone ? "gone" : outcome.kind === "unknown" ? "lost" : "missed");
    // A message that was deleted under us is not posted again: its user wanted it away. The final still comes.
    if (gone) this.stale = false;
    this.schedule();
  }
}

function storeAway(): Outcome<string> {
  return { kind: "not-applied", code: "redis-unreachable", retryAfterMs: 1_000 };
}

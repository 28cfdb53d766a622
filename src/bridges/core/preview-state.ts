/**
 * The life of one visible message as a table: preview → final, with one owner at any time.
 * Pure. Whatever is not in the table is ignored; nothing leads out of `final`.
 */

/**
 * `idle`: nothing is visible. `posting`: an anchor is under way. `shown`: a message exists, no request is.
 * `editing`: an edit is under way. `closing`: the final wants the message, a request is still under way.
 * `final`: the outbox owns the message.
 */
export type PreviewPhase = "idle" | "posting" | "shown" | "editing" | "closing" | "final";

/**
 * `draft`: there is something to show and its time has come. `posted`, `edited`: a request ended well.
 * `missed`: a request certainly had no effect. `lost`: its outcome is unknown. `gone`: the message is no more.
 * `take`: the outbox takes over.
 */
export type PreviewEvent = "draft" | "posted" | "edited" | "missed" | "lost" | "gone" | "take";

/** What is to be done on a transition. `taint`: a stray edit may still arrive at this message. */
export type PreviewAction = "post" | "edit" | "taint" | "release" | "taint-release";

/** A row of the table. */
export interface PreviewStep {
  to: PreviewPhase;
  action?: PreviewAction;
}

/** The whole machine. */
export const PREVIEW_TABLE: Record<PreviewPhase, Partial<Record<PreviewEvent, PreviewStep>>> = {
  idle: {
    draft: { to: "posting", action: "post" },
    take: { to: "final", action: "release" },
  },
  posting: {
    posted: { to: "shown" },
    missed: { to: "idle" },
    // The anchor stays recorded as `sending`: whoever posts next counts it.
    lost: { to: "idle" },
    gone: { to: "idle" },
    take: { to: "closing" },
  },
  shown: {
    draft: { to: "editing", action: "edit" },
    take: { to: "final", action: "release" },
  },
  editing: {
    edited: { to: "shown" },
    missed: { to: "shown" },
    lost: { to: "shown", action: "taint" },
    gone: { to: "idle" },
    take: { to: "closing" },
  },
  closing: {
    posted: { to: "final", action: "release" },
    edited: { to: "final", action: "release" },
    missed: { to: "final", action: "release" },
    lost: { to: "final", action: "taint-release" },
    gone: { to: "final", action: "release" },
  },
  final: {},
};

/** The next step, or undefined when the event means nothing now. */
export function previewStep(phase: PreviewPhase, event: PreviewEvent): PreviewStep | undefined {
  return PREVIEW_TABLE[phase][event];
}

/** Position of a draft in its turn. */
export interface DraftOrder {
  fence: number;
  seq: number;
}

/** Whether `next` is newer than what is shown: a higher fence, or the same fence and a higher seq. */
export function isNewer(next: DraftOrder, shown: DraftOrder): boolean {
  return next.fence > shown.fence || (next.fence === shown.fence && next.seq > shown.seq);
}

/**
 * The admin method `activity.read`, the same in every process that has a feed: what happened since the place where the
 * reader stands, waiting for news if there are none yet.
 */
import { z } from "zod";
import type { Feed } from "../feed.ts";
import { type AdminMethods, adminMethod } from "./methods.ts";

/** Items in one answer. */
const MAX_ITEMS = 500;
/** Longest wait for news. */
const MAX_WAIT_MS = 20_000;

/** What a process may add. */
export interface ActivityOptions {
  /** Asked at each answer: what stands now, next to what happened. */
  beside?(): Record<string, unknown>;
  /** Called when somebody begins to look. */
  looked?(): void;
}

/** The method. */
export function activityMethods<T>(feed: Feed<T>, options: ActivityOptions = {}): AdminMethods {
  return {
    "activity.read": adminMethod(
      z.strictObject({
        epoch: z.string().max(64).optional(),
        after: z.number().int().min(0).optional(),
        limit: z.number().int().min(1).max(MAX_ITEMS).default(MAX_ITEMS),
        waitMs: z.number().int().min(0).max(MAX_WAIT_MS).default(0),
      }),
      async ({ epoch, after, limit, waitMs }) => {
        options.looked?.();
        const page = await feed.next({ epoch, after }, limit, waitMs);
        return { ...page, ...options.beside?.() };
      },
    ),
  };
}

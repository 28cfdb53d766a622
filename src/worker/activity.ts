/**
 * What the worker lets an operator watch live (`openshell term`): the agents' tool calls, files that change in the homes,
 * and how each sandbox is. Tool calls and files are claims of the sandbox: cut where they came in (control/schema.ts),
 * escaped where they are shown. A bounded ring in memory; homes are watched only while somebody looks.
 */
import { activityMethods } from "../lib/admin/activity.ts";
import type { AdminMethods } from "../lib/admin/methods.ts";
import { type AdminServer, serveAdmin } from "../lib/admin/server.ts";
import { Feed } from "../lib/feed.ts";
import type { Logger } from "../lib/logging.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { FileChange, TurnEvent } from "../sandbox/index.ts";

/** One thing that happened; `at` is this host's clock, for display only. */
export type WorkerActivity =
  | ({ readonly at: number; readonly sandboxId: string; readonly turnId: string } & Readonly<
      Extract<TurnEvent, { kind: "tool" }>
    >)
  | {
      readonly kind: "files";
      readonly at: number;
      readonly sandboxId: string;
      readonly changes: readonly FileChange[];
      /** Changes that were too many to tell. */
      readonly more: number;
    };

/** A sandbox as this worker holds it now. */
export interface SandboxNow {
  readonly id: string;
  /** `cold`, `waking`, `warm`, `parking`, `parked`, … (sandbox-table.ts). */
  readonly phase: string;
  /** What the guest said last of its agent. */
  readonly agent: string;
  /** Turns that need it. */
  readonly turns: number;
  /** When it was needed last; 0 = not since this worker began. */
  readonly usedAt: number;
}

/** How much is kept. */
const KEPT = 2_000;

/** So many tool calls and reports of changed files of one sandbox are kept per window: guests may send what they like. */
const MOST_OF_ONE = 100;
const WINDOW_MS = 10_000;

/** See the module's header. */
export class Activity {
  readonly #feed = new Feed<WorkerActivity>(KEPT);
  #lookedAt = Number.NEGATIVE_INFINITY;
  #server: AdminServer | undefined;
  readonly #counts = new Map<string, number>();
  #windowAt = Number.NEGATIVE_INFINITY;

  /** Somebody looks now, or did a moment ago. */
  get watched(): boolean {
    return performance.now() - this.#lookedAt < TIMEOUTS.homeWatch;
  }

  /** A tool call of an agent. */
  tool(sandboxId: string, turnId: string, event: Extract<TurnEvent, { kind: "tool" }>): void {
    if (this.#takes(sandboxId)) this.#feed.push({ at: Date.now(), sandboxId, turnId, ...event });
  }

  /** Files changed in a home. */
  files(sandboxId: string, changes: readonly FileChange[], more: number): void {
    if (this.#takes(sandboxId)) this.#feed.push({ kind: "files", at: Date.now(), sandboxId, changes, more });
  }

  /** Counts one more of a sandbox; false when it has had its share. */
  #takes(sandboxId: string): boolean {
    const now = performance.now();
    if (now - this.#windowAt > WINDOW_MS) {
      this.#windowAt = now;
      this.#counts.clear();
    }
    const count = (this.#counts.get(sandboxId) ?? 0) + 1;
    this.#counts.set(sandboxId, count);
    return count <= MOST_OF_ONE;
  }

  /** Opens the operator's door. `looked` is called whenever somebody looks. */
  async serve(options: {
    path: string;
    logger: Logger;
    now(): SandboxNow[];
    looked(): void;
    /** What else the operator may ask of this worker. */
    methods: AdminMethods;
  }): Promise<void> {
    const looked = () => {
      this.#lookedAt = performance.now();
      options.looked();
    };
    const methods = activityMethods(this.#feed, { beside: () => ({ sandboxes: options.now() }), looked });
    this.#server = await serveAdmin(options.path, { ...options.methods, ...methods }, options.logger);
  }

  async close(): Promise<void> {
    this.#feed.close();
    await this.#server?.close();
    this.#server = undefined;
  }
}

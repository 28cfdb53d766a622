/**
 * What happens behind the rows: they are brought to the disk each second, the head is anchored, ended files are closed
 * and old ones removed. One pass at a time; an anchor is only set for rows that are on the disk.
 */
import type { KeyObject } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describeError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { type Anchor, AnchorFile } from "./anchors.ts";
import type { Head } from "./chain.ts";
import { type AuditPlaces, auditFiles } from "./files.ts";
import { lastHead } from "./recover.ts";
import type { Segment } from "./segment.ts";

/** What the keeper is made of. */
export interface KeeperOptions {
  readonly places: AuditPlaces;
  readonly key: KeyObject;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  readonly keepFiles: number;
  /** ISO. */
  now(): string;
  /** The file in use and the newest row that is in it or in one before. */
  state(): { segment: Segment | undefined; head: Head; file: string };
}

type Done = (error?: Error) => void;

const SYNC_MS = 1_000;
const HOUR_MS = 3_600_000;

/** See the module's header. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #anchors: AnchorFile;
  readonly #hourly: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #ended: { segment: Segment; head: Head }[] = [];
  #waiters: Done[] = [];
  #due: Anchor["kind"] | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #troubled = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#anchors = new AnchorFile(options.places.anchorsFile, options.key);
    this.#hourly = setInterval(() => this.#request("hour"), HOUR_MS);
    this.#hourly.unref();
    this.#request("open");
  }

  /** A pass is under way. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Rows came: to the disk and anchored within a second. */
  written(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#request("tick");
    }, SYNC_MS);
  }

  /** Calls back when everything that is written by now is on the disk. Who comes during a pass shares the next. */
  syncFor(waiters: Done[]): void {
    this.#waiters.push(...waiters);
    this.#request(undefined);
  }

  /** A new file is in use; `head` is the last row of the one before, if there was one. */
  rotated(segment: Segment | undefined, head: Head): void {
    if (segment) this.#ended.push({ segment, head });
    this.#request("rotate");
  }

  /** The last pass, with an anchor. */
  async close(): Promise<void> {
    clearInterval(this.#hourly);
    clearTimeout(this.#timer);
    this.#request("close");
    while (this.#running) await this.#running;
    await this.#options.state().segment?.close();
    this.#anchors.close();
  }

  #request(due: Anchor["kind"] | undefined): void {
    if (due) this.#due = due;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#run().then(() => {
      this.#running = undefined;
    });
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    do {
      this.#again = false;
      const due = this.#due;
      this.#due = undefined;
      const waiters = this.#waiters.splice(0);
      const ended = this.#ended.splice(0);
      const { segment, head, file } = this.#options.state();
      let failure: Error | undefined;
      for (const one of ended) {
        const error = await this.#sync(one.segment);
        failure ??= error;
        await one.segment.close().catch(() => {});
        if (!error) this.#anchor("rotate", one.head, one.segment.file.name, true);
      }
      if (segment) failure ??= await this.#sync(segment);
      for (const done of waiters) done(failure);
      if (due && !failure) {
        // After a rotation this is the new file's head so far; the ended file's anchor is set above.
        this.#anchor(due === "rotate" ? "tick" : due, head, file, due !== "tick");
      }
      if (segment && due && !segment.inPlace()) {
        segment.spent = true;
        this.#options.logger.error(
          { code: "audit-file-gone", file },
          "an audit file was removed or replaced",
        );
      }
      if (ended.length > 0 || due === "open") this.#tidy();
    } while (this.#again);
  }

  async #sync(segment: Segment): Promise<Error | undefined> {
    try {
      await segment.sync();
      return undefined;
    } catch (error) {
      // What the disk refused once it may have dropped: nothing is added behind it.
      segment.spent = true;
      this.#trouble(error);
      return error as Error;
    }
  }

  #anchor(kind: Anchor["kind"], { seq, mac }: Head, file: string, sync: boolean): boolean {
    try {
      this.#anchors.append({ kind, time: this.#options.now(), seq, head: mac, file }, sync);
      this.#troubled = false;
      return true;
    } catch (error) {
      this.#trouble(error);
      return false;
    }
  }

  /** Removes the oldest files, each behind an anchor that says so. */
  #tidy(): void {
    const { dir } = this.#options.places;
    try {
      const files = auditFiles(dir);
      for (const { name } of files.slice(0, Math.max(0, files.length - this.#options.keepFiles))) {
        const head = lastHead(join(dir, name));
        if (head && !this.#anchor("prune", head, name, true)) return;
        rmSync(join(dir, name));
      }
      this.#anchors.compact();
    } catch (error) {
      this.#trouble(error);
    }
  }

  /** Said once per trouble, not once per second. */
  #trouble(error: unknown): void {
    if (!this.#troubled) {
      this.#options.logger.error(
        { code: "audit-upkeep", error: describeError(error) },
        "audit upkeep failed",
      );
    }
    this.#troubled = true;
  }
}

/**
 * The operator's own policy file (`egress.policyFile`, else `NEMOCLAW_HOME/policy.yaml`): each change of it becomes a
 * revision of the default policy, within a second. A broken file changes nothing and is reported with its place; a file
 * that is removed leaves its last content in force. Must never take in the same content twice: a rollback stays.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { describeError, Fault } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/logging.ts";
import { formatNotices } from "../model.ts";
import { DEFAULT_TARGET } from "./book.ts";
import type { PolicyDesk } from "./desk.ts";

/** What is watched. */
export interface PolicyFileOptions {
  readonly path: string;
  /** It was named by configuration, so it must be there. */
  readonly required: boolean;
  readonly hostId: string;
  readonly desk: PolicyDesk;
  readonly logger: Logger;
}

/** See the module's header. */
export class PolicyFile {
  readonly #options: PolicyFileOptions;
  /** Identity of the content that was dealt with. */
  #seen = "";
  #trouble = "";

  constructor(options: PolicyFileOptions) {
    this.#options = options;
  }

  /** What is wrong with the file; "" when it is in force, superseded or not there. */
  get trouble(): string {
    return this.#trouble;
  }

  /** Looks; takes a change in. Never rejects. */
  async check(): Promise<void> {
    const { path, required, logger } = this.#options;
    let identity = "absent";
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(path);
      identity = [ino, size, mtimeMs, ctimeMs].join(":");
      if (identity === this.#seen) return;
      await this.#takeIn(await readFile(path, "utf8"));
      this.#seen = identity;
    } catch (error) {
      if (error instanceof Fault && error.retryable) return; // Redis is away, or somebody was first: at the next look.
      if ((error as NodeJS.ErrnoException).code === "ENOENT" && !required) {
        if (this.#seen !== "" && this.#seen !== identity)
          logger.info({ path }, "the policy file is gone; what it said last stays in force");
        this.#trouble = "";
      } else {
        this.#report(error instanceof Fault ? error.message : `${path}: ${describeError(error)}`);
      }
      this.#seen = identity;
    }
  }

  async #takeIn(text: string): Promise<void> {
    const { path, hostId, desk, logger } = this.#options;
    const digest = createHash("sha256").update(text).digest("hex");
    if ((await desk.store.imported(DEFAULT_TARGET, hostId)) === digest) {
      this.#trouble = "";
      return;
    }
    const outcome = await desk.set(
      DEFAULT_TARGET,
      { name: path, text },
      { by: `file ${hostId}`, note: "", imported: { host: hostId, digest } },
    );
    if (outcome.kind === "invalid") return this.#report(formatNotices(outcome.problems));
    this.#trouble = "";
    if (outcome.kind === "unchanged") await desk.store.setImported(DEFAULT_TARGET, hostId, digest);
    for (const { at, message } of outcome.warnings) logger.warn({ at }, message);
    logger.info({ path, version: outcome.version, hash: outcome.hash }, "policy file taken in");
  }

  /** Once per content: the log isn't filled by a file that stays broken. */
  #report(trouble: string): void {
    const changed = this.#trouble !== trouble;
    this.#trouble = trouble;
    if (!changed) return;
    const { path, logger } = this.#options;
    logger.error({ path }, `policy file not in force: ${trouble.split("\n").join("; ").slice(0, 1_000)}`);
  }
}

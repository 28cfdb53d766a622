/**
 * Files of a message on their way into the spool, before the message is stored: a record that names a file is true.
 * Must never keep a file that no record names: what wasn't accepted is removed again.
 */
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Spool } from "../../lib/spool.ts";
import type { Attachment } from "../../store/index.ts";
import { MAX_ATTACHMENTS } from "../../store/index.ts";
import type { BridgePlatform, FileRef } from "./port.ts";

/** What taking files needs. */
export interface FilesInDeps {
  platform: Pick<BridgePlatform, "fetchFile">;
  /** The spool's `in`. Absent: this bridge takes no files. */
  spool: Spool | undefined;
  /** `files.inboundBytes` of config.yaml. */
  maxBytes: number;
  logger: Logger;
}

/** What became of a message's files. */
export type TakenFiles =
  | { kind: "taken"; attachments: Attachment[] }
  /** `limit`: whole megabytes. */
  | { kind: "too-large"; name: string; limit: string }
  /** The platform doesn't have it any more. */
  | { kind: "gone"; name: string }
  | { kind: "no-files" };

const MIME = /^[\w.+-]{1,63}\/[\w.+-]{1,63}$/;

/** The files of one bridge. */
export class FilesIn {
  private readonly deps: FilesInDeps;

  constructor(deps: FilesInDeps) {
    this.deps = deps;
  }

  /** Fetches all or nothing. Rejects with a retryable Fault while the platform or the disk can't. */
  async take(refs: readonly FileRef[]): Promise<TakenFiles> {
    const { spool, platform } = this.deps;
    if (!spool || !platform.fetchFile) return { kind: "no-files" };
    const attachments: Attachment[] = [];
    for (const ref of refs.slice(0, MAX_ATTACHMENTS)) {
      const taken = await this.one(ref, spool).catch(async (error: unknown) => {
        await this.drop(attachments);
        throw error;
      });
      if (taken.kind !== "taken") {
        await this.drop(attachments);
        return taken;
      }
      attachments.push(...taken.attachments);
    }
    return { kind: "taken", attachments };
  }

  /** The message that names them was not accepted: nobody will come for them. */
  async drop(attachments: readonly Attachment[]): Promise<void> {
    await this.deps.spool?.remove(...attachments.map(({ spool }) => spool)).catch((err: unknown) => {
      this.deps.logger.warn({ err }, "spooled files not removed; they are swept by age");
    });
  }

  private async one(ref: FileRef, spool: Spool): Promise<TakenFiles> {
    const { maxBytes, platform } = this.deps;
    const tooLarge = {
      kind: "too-large" as const,
      name: ref.name,
      limit: String(Math.floor(maxBytes / 1e6)),
    };
    if (ref.size !== undefined && ref.size > maxBytes) return tooLarge;
    const fetched = await platform.fetchFile!(ref);
    if (fetched.kind === "refused")
      return fetched.reason === "too-large" ? tooLarge : { kind: "gone", name: ref.name };
    if (fetched.kind !== "ok")
      throw new Fault({
        code: "file-not-fetched",
        message: `file not fetched: ${fetched.code}`,
        retryable: true,
      });
    try {
      const spooled = await spool.put(fetched.value, { maxBytes });
      const mime = MIME.test(ref.mime) ? ref.mime : "application/octet-stream";
      const name = ref.name.toWellFormed().slice(0, 255) || "file";
      return {
        kind: "taken",
        attachments: [{ name, mime, ...spooled, ...(ref.spoken ? { spoken: true } : {}) }],
      };
    } catch (error) {
      if (error instanceof Fault && error.code === "file-too-large") return tooLarge;
      if (error instanceof Fault) throw error;
      // The connection broke off within the file.
      throw new Fault({ code: "file-not-fetched", message: "file broke off", retryable: true, cause: error });
    }
  }
}

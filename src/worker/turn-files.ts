/**
 * Files of a turn: what came with its messages is put into the sandbox's `inbox/` before the agent is asked, what the agent
 * wants to send is fetched into the spool before its answer is stored. Every step may be repeated after a crash and then
 * does the same. Bytes pass through, in pieces; names are untrusted each way.
 */
import { createHash } from "node:crypto";
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { Spool } from "../lib/spool.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import {
  type AnswerBody,
  type Attachment,
  type Heard,
  MAX_ATTACHMENTS,
  type OmittedFile,
  type TurnRecord,
} from "../store/index.ts";
import type { AgentClient } from "./agent-client.ts";
import { mimeOf, namedFiles, plainName } from "./file-names.ts";
import { fileBytes, putFile } from "./files.ts";
import { hear, type Recording, spokenText } from "./recordings.ts";
import { retrying } from "./retry.ts";

/** Caps of one file, bytes (`files:` in config.yaml). */
export interface FileCaps {
  inboundBytes: number;
  outboundBytes: number;
}

/** As in config.yaml. */
export const FILE_CAPS: FileCaps = { inboundBytes: 20_000_000, outboundBytes: 50_000_000 };

type Final = Extract<AnswerBody, { kind: "final" }>;
/** Where the guest moved what lay in the outbox (protocol.ts, `outbox.take`). */
const sentPath = (turnId: string, name: string) => `outbox/.sent/${turnId}/${name}`;
/** A guest that redials is waited for. Milliseconds. */
const REDIAL_MS = 3_000;

/** See the module's header. */
export class TurnFiles {
  readonly #in: Spool;
  readonly #out: Spool;
  readonly #caps: FileCaps;
  readonly #log: Logger;
  readonly #collectMs: number;

  constructor(options: {
    spool: { in: string; out: string };
    caps: FileCaps;
    log: Logger;
    /** Default `TIMEOUTS.collectFiles`. */
    collectMs?: number;
  }) {
    this.#collectMs = options.collectMs ?? TIMEOUTS.collectFiles;
    this.#in = new Spool(options.spool.in);
    this.#out = new Spool(options.spool.out);
    this.#caps = options.caps;
    this.#log = options.log;
  }

  /**
   * Puts the turn's files into the inbox and returns what the agent is to be told: the text, what is said in recordings
   * (listened to once: `heard` is to be stored), then where its files are.
   * @throws Fault `agent-unreachable`; what is wrong with a file is told to the agent instead.
   */
  async handIn(client: AgentClient, turn: TurnRecord): Promise<{ text: string; heard: Heard[] }> {
    const { text, attachments = [] } = turn;
    if (attachments.length === 0) return { text, heard: [] };
    const lines: string[] = [];
    const recordings: Recording[] = [];
    for (const one of attachments) {
      const name = plainName(one.name);
      const put = await this.#put(client, one, name);
      if (put.ok && one.spoken) recordings.push({ name, path: put.path, mime: one.mime });
      lines.push(
        put.ok ? `- ~/${put.path} (${one.mime}, ${one.size} bytes)` : `- ${name}: not saved, ${put.why}`,
      );
    }
    const note =
      "[Files that came with this message, saved in your home. To send files back, put them into ~/outbox.]";
    const heard = turn.heard ?? (await hear(client, recordings, this.#log));
    const parts = [text, spokenText(heard), `${note}\n${lines.join("\n")}`];
    return { text: parts.filter((part) => part !== "").join("\n\n"), heard };
  }

  async #put(
    client: AgentClient,
    one: Attachment,
    name: string,
  ): Promise<{ ok: true; path: string } | { ok: false; why: string }> {
    if (one.size > this.#caps.inboundBytes) return { ok: false, why: "it is too large" };
    const file = await this.#in.open(one);
    if (!file) return { ok: false, why: "it is no longer there; ask for it again" };
    try {
      const { path } = await putFile(client, `inbox/${name}`, checked(file, one), { fresh: true });
      return { ok: true, path: /^inbox\/[^/\n]+$/.test(path) ? path : `inbox/${name}` };
    } catch (error) {
      if (error instanceof Fault && error.code === "agent-unreachable") throw error;
      this.#log.error({ sandboxId: client.sandboxId, err: error }, "a file of a message could not be saved");
      return { ok: false, why: "the disk may be full" };
    } finally {
      await file.close();
    }
  }

  /** The answer with the files that the agent wants to send. What can't be sent is named, never a reason to lose the answer. */
  async collect(client: AgentClient, turnId: string, body: Final): Promise<Final> {
    const { text, files: named } = namedFiles(body.markdown);
    const attachments: Attachment[] = [];
    const omitted: OmittedFile[] = [];
    // A guest that brings a byte at a time must not keep the turn, and its place among those that run, for hours.
    const until = performance.now() + this.#collectMs;
    const fetch = async (name: string, path: string, size?: number) => {
      const plain = plainName(name);
      const omit = (why: OmittedFile["why"]) =>
        void omitted.push({ name: plain, why, ...(size === undefined ? {} : { size }) });
      if (attachments.length >= MAX_ATTACHMENTS) return omit("too-many");
      if (size !== undefined && size > this.#caps.outboundBytes) return omit("too-large");
      if (path === "") return omit("missing");
      if (performance.now() > until) return omit("failed");
      try {
        const spooled = await this.#again(() =>
          this.#out.put(fileBytes(client, path, this.#caps.outboundBytes, until), {
            maxBytes: this.#caps.outboundBytes,
          }),
        );
        attachments.push({ name: plain, mime: mimeOf(plain), ...spooled });
      } catch (error) {
        const code = error instanceof Fault ? error.code : "";
        if (code !== "file-too-large" && code !== "guest-file-error")
          this.#log.error({ sandboxId: client.sandboxId, turnId, err: error }, "a file could not be fetched");
        omit(code === "file-too-large" ? "too-large" : code === "guest-file-error" ? "missing" : "failed");
      }
    };
    for (const { path, size } of await this.#outbox(client, turnId))
      await fetch(path, sentPath(turnId, path), size);
    for (const { name, path } of named) await fetch(name, path);
    return {
      ...body,
      markdown: text,
      ...(attachments.length > 0 ? { attachments } : {}),
      ...(omitted.length > 0 ? { omitted: omitted.slice(0, 2 * MAX_ATTACHMENTS) } : {}),
    };
  }

  async #outbox(client: AgentClient, turnId: string) {
    try {
      return await this.#again(() => client.takeOutbox(turnId));
    } catch (error) {
      // A guest of an older version knows no outbox.
      if (!(error instanceof Fault && error.code === "guest-bad-command"))
        this.#log.error({ sandboxId: client.sandboxId, turnId, err: error }, "the outbox could not be read");
      return [];
    }
  }

  #again<T>(work: () => Promise<T>): Promise<T> {
    return retrying(work, { withinMs: REDIAL_MS });
  }

  /**
   * The turn is settled. What it brought is in the sandbox, unless it failed and may be tried again; what it sends is in
   * the spool.
   */
  settled(client: AgentClient, turn: TurnRecord, outcome: string, body: AnswerBody): void {
    const over = outcome === "answered" || outcome === "cancelled";
    const spools = over ? (turn.attachments ?? []).map(({ spool }) => spool) : [];
    this.#in.remove(...spools).catch((error: unknown) => this.#log.warn({ err: error }, "spool"));
    if (body.kind === "final" && body.attachments && client.connected) client.forgetOutbox(turn.turnId);
  }

  /** Removes what nobody took. */
  async sweep(): Promise<void> {
    for (const spool of [this.#in, this.#out]) {
      const removed = await spool.sweep();
      if (removed > 0) this.#log.info({ removed }, "old files swept from the spool");
    }
  }
}

/** The file's bytes; what isn't what the record says ends in an error before the last piece is out. */
async function* checked(
  file: Awaited<ReturnType<Spool["open"]>> & object,
  { sha256 }: Attachment,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) {
    hash.update(chunk as Buffer);
    yield chunk as Buffer;
  }
  if (hash.digest("hex") !== sha256)
    throw new Fault({ code: "spool-damaged", message: "a spooled file isn't what its record says" });
}

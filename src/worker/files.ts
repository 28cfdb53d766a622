/**
 * Whole files to and from a sandbox's home, in pieces over control.sock. The guest does the file work, so that no host
 * path is ever opened on its behalf (DESIGN §3). Paths are relative to the home; the guest refuses to leave it.
 */
import { Fault } from "../lib/errors.ts";
import { FILE_CHUNK } from "../sandbox/index.ts";

/** Who carries one piece to the home. */
interface PieceTaker {
  putChunk(piece: {
    path: string;
    offset: number;
    data: string;
    last: boolean;
    fresh?: boolean;
    mode?: number;
  }): Promise<{ path?: string }>;
  /** The rest won't come. */
  dropChunks(path: string): void;
}
/** Who brings one piece of a file. */
interface PieceGiver {
  getChunk(
    path: string,
    offset: number,
  ): Promise<{ data?: string; eof?: boolean; size?: number; mode?: number }>;
}

/** Where a file was put. */
export interface Put {
  path: string;
}

/**
 * Writes what `source` gives to `path`; the guest shows the file only when its last piece has come. `fresh`: never over
 * another file; returns the name that it got.
 */
export async function putFile(
  agent: PieceTaker,
  path: string,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { fresh?: boolean; mode?: number } = {},
): Promise<Put> {
  let offset = 0;
  // One piece is always kept back: the last one is put as such.
  let kept: Buffer = Buffer.alloc(0);
  const put = async (piece: Buffer, last: boolean) => {
    const { path: placed } = await agent.putChunk({
      ...{ path, offset, data: piece.toString("base64"), last },
      ...options,
    });
    offset += piece.length;
    return placed;
  };
  try {
    for await (const chunk of source) {
      kept = kept.length === 0 ? Buffer.from(chunk) : Buffer.concat([kept, chunk]);
      for (; kept.length > FILE_CHUNK; kept = kept.subarray(FILE_CHUNK))
        await put(kept.subarray(0, FILE_CHUNK), false);
    }
    return { path: (await put(kept, true)) ?? path };
  } catch (error) {
    if (offset > 0) agent.dropChunks(path);
    throw error;
  }
}

/** The pieces of a file, in order; at least one. */
export async function* filePieces(
  agent: PieceGiver,
  path: string,
): AsyncGenerator<{ data: Buffer; size: number; mode: number }> {
  for (let offset = 0; ; ) {
    const ack = await agent.getChunk(path, offset);
    const data = Buffer.from(ack.data ?? "", "base64");
    offset += data.length;
    yield { data, size: ack.size ?? 0, mode: ack.mode ?? 0o644 };
    // An empty piece ends the file too: a guest can't keep the host reading for ever.
    if (ack.eof || data.length === 0) return;
  }
}

/**
 * The bytes of a file, as they come; one of more than `maxBytes` is a Fault `file-too-large`, one that isn't whole at
 * `until` (performance.now) a Fault `file-late`.
 */
export async function* fileBytes(
  agent: PieceGiver,
  path: string,
  maxBytes: number,
  until: number,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const { data } of filePieces(agent, path)) {
    if (performance.now() > until)
      throw new Fault({ code: "file-late", message: `${path} took too long to be read` });
    size += data.length;
    if (size > maxBytes)
      throw new Fault({ code: "file-too-large", message: `${path} is larger than ${maxBytes} bytes` });
    yield data;
  }
}

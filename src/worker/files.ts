/**
 * Whole files to and from a sandbox's home, in pieces over control.sock. The guest does the file work, so that no host
 * path is ever opened on its behalf (DESIGN §3). Paths are relative to the home; the guest refuses to leave it.
 */
import { Fault } from "../lib/errors.ts";
import { FILE_CHUNK } from "../sandbox/index.ts";

/** Who carries one piece. */
interface PieceCarrier {
  putChunk(piece: { path: string; offset: number; data: string; last: boolean }): Promise<unknown>;
  getChunk(path: string, offset: number): Promise<{ data?: string; eof?: boolean }>;
}

/** Writes `bytes` to `path`; the guest shows the file only when its last piece has come. */
export async function putFile(agent: PieceCarrier, path: string, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  do {
    const piece = bytes.subarray(offset, offset + FILE_CHUNK);
    const next = offset + piece.length;
    const data = Buffer.from(piece).toString("base64");
    await agent.putChunk({ path, offset, data, last: next >= bytes.length });
    offset = next;
  } while (offset < bytes.length);
}

/** Reads a file of at most `maxBytes`; a larger one is a Fault `file-too-large`. */
export async function getFile(agent: PieceCarrier, path: string, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let offset = 0;
  for (;;) {
    const ack = await agent.getChunk(path, offset);
    const piece = Buffer.from(ack.data ?? "", "base64");
    offset += piece.length;
    if (offset > maxBytes)
      throw new Fault({ code: "file-too-large", message: `${path} is larger than ${maxBytes} bytes` });
    pieces.push(piece);
    // An empty piece ends the file too: a guest can't keep the host reading for ever.
    if (ack.eof || piece.length === 0) return Buffer.concat(pieces);
  }
}

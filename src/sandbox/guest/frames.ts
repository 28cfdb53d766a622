/**
 * Frames of control.sock: 4-byte big-endian length, then that many bytes of UTF-8 JSON. Pure but for the callback.
 * Must never buffer more than one frame's worth of a peer's bytes.
 */
import { MAX_FRAME } from "./protocol.ts";

/** One value as a frame. Throws when it is larger than {@link MAX_FRAME}. */
export function encodeFrame(value: unknown): Buffer {
  const json = JSON.stringify(value);
  const length = Buffer.byteLength(json);
  if (length > MAX_FRAME) throw new Error(`frame of ${length} bytes`);
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeUInt32BE(length);
  frame.write(json, 4);
  return frame;
}

/** Returns a function that takes bytes as they come and calls `onFrame` for each whole frame; throws on a bad one. */
export function frameReader(onFrame: (value: unknown) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let have = 0;
  return (chunk) => {
    parts.push(chunk);
    have += chunk.length;
    if (have < 4) return;
    let rest = parts.length === 1 ? chunk : Buffer.concat(parts);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE();
      if (length > MAX_FRAME) throw new Error(`frame of ${length} bytes announced`);
      if (rest.length < 4 + length) break;
      onFrame(JSON.parse(rest.toString("utf8", 4, 4 + length)));
      rest = rest.subarray(4 + length);
    }
    parts = [rest];
    have = rest.length;
  };
}

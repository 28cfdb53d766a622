/**
 * Has a recording of the home turned into text by the gateway, on the sandbox's own egress socket: whatever holds for its
 * model calls (a running turn, caps, the day's allowance) holds here. Must never follow a symbolic link.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { BadPath, inside } from "./home-files.ts";
import { LIMITS } from "./limits.ts";
import type { Transcript } from "./protocol.ts";

/** The gateway takes no more in one request. */
const MAX_RECORDING = 10 * 1024 * 1024;
const MAX_ANSWER = 1024 * 1024;
/** Bytes of text that are handed on. */
const MAX_TEXT = 64 * 1024;

/** Never rejects for what gateway or vendor say; rejects for a path that can't be read. */
export async function transcribe(
  home: string,
  egressSocket: string,
  path: string,
  mime: string,
): Promise<Transcript> {
  const recording = await inside(home, path, false, readRecording);
  if (!recording) return { failed: "request_too_large" };
  if (!/^[\w.+-]{1,63}\/[\w.+-]{1,63}$/.test(mime)) return { failed: "bad_request" };
  try {
    const answer = JSON.parse(await ask(egressSocket, recording, mime)) as {
      text?: unknown;
      error?: { code?: unknown };
    };
    if (typeof answer.text === "string") return shortened(answer.text);
    return { failed: String(answer.error?.code ?? "internal") };
  } catch {
    return { failed: "unreachable" };
  }
}

async function readRecording(at: string): Promise<Buffer | undefined> {
  const file = await open(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new BadPath("not a plain file");
    return stat.size > MAX_RECORDING ? undefined : await file.readFile();
  } finally {
    await file.close();
  }
}

function shortened(text: string): Transcript {
  const bytes = Buffer.from(text.trim());
  if (bytes.length <= MAX_TEXT) return { text: bytes.toString("utf8") };
  return {
    text: bytes
      .subarray(0, MAX_TEXT)
      .toString("utf8")
      .replace(/\uFFFD$/, ""),
    cut: true,
  };
}

function ask(egressSocket: string, body: Buffer, mime: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        method: "POST",
        path: "http://inference.local/v1/audio/transcriptions",
        headers: {
          host: "inference.local",
          "content-type": mime.toLowerCase(),
          "content-length": body.length,
          connection: "close",
        },
        signal: AbortSignal.timeout(LIMITS.transcription),
        createConnection() {
          const socket = connect(egressSocket);
          // No program of the agent's asks (forwarder.ts).
          socket.write("PROXY UNKNOWN\r\n");
          return socket;
        },
      },
      (response) => {
        const pieces: Buffer[] = [];
        let size = 0;
        response.on("data", (piece: Buffer) => {
          size += piece.length;
          if (size > MAX_ANSWER) call.destroy(new Error("the answer is too long"));
          else pieces.push(piece);
        });
        response.on("error", reject);
        response.on("end", () => resolve(Buffer.concat(pieces).toString("utf8")));
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

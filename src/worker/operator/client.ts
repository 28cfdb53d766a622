/**
 * How the operator's commands use the worker's stream socket: opens one stream, reads and writes it at the pace of both ends.
 */
import { createConnection } from "node:net";
import { connectFault } from "../../lib/admin/client.ts";
import { Fault } from "../../lib/errors.ts";
import { LineSocket } from "./lines.ts";
import { type StreamInput, StreamOutput, type StreamRequest } from "./stream-wire.ts";

/** Longest line that a worker writes. */
const MAX_LINE = 1024 * 1024;
/** Bytes in one line of input. */
const PIECE = 48 * 1024;

/** What a stream brings. Return a promise to hold the next line back. */
export interface StreamHandlers {
  waking?(): void;
  begun?(about: { size?: number | undefined; mode?: number | undefined }): void | Promise<void>;
  out?(data: Buffer): void | Promise<void>;
  err?(data: Buffer): void | Promise<void>;
}

/** An open stream. */
export interface OpenStream {
  /** Writes bytes; resolves when they are on their way. */
  write(data: Uint8Array): Promise<void>;
  /** Anything else: size, signal, eof. */
  send(input: StreamInput): void;
  /** The program's status, or 0. @throws Fault of the worker, `service-not-running`, `session-lost`. */
  readonly ended: Promise<number>;
  /** Hangs up: the program ends, the file isn't put. `ended` rejects with `session-lost`. */
  close(): void;
  /** It was this end that hung up. */
  readonly left: boolean;
}

/** Opens a stream. */
export function openStream(path: string, request: StreamRequest, handlers: StreamHandlers): OpenStream {
  const ended = Promise.withResolvers<number>();
  let left = false;
  const socket = createConnection(path);
  socket.on("error", (error) =>
    ended.reject(connectFault(path, "the worker", error as NodeJS.ErrnoException)),
  );
  const lines = new LineSocket(socket, {
    max: MAX_LINE,
    toTheEnd: true,
    async onLine(text) {
      try {
        await take(StreamOutput.parse(JSON.parse(text)));
      } catch (error) {
        ended.reject(error);
        lines.destroy();
      }
    },
    onClose: () => {
      const message = "the worker ended before this did";
      const hint = "nemoclaw status shows how it is";
      ended.reject(new Fault({ code: "session-lost", message, hint, certain: false }));
    },
  });
  lines.write(request); // waits for the connection

  async function take(line: StreamOutput): Promise<void> {
    if ("waking" in line) handlers.waking?.();
    else if ("begun" in line) await handlers.begun?.(line);
    else if ("out" in line) await handlers.out?.(Buffer.from(line.out, "base64"));
    else if ("err" in line) await handlers.err?.(Buffer.from(line.err, "base64"));
    else if ("end" in line) ended.resolve(line.end);
    else {
      const { code, message, hint } = line.failed;
      ended.reject(new Fault({ code, message, ...(hint === undefined ? {} : { hint }) }));
    }
  }

  return {
    async write(data) {
      for (let at = 0; at < data.length; at += PIECE) {
        const piece = Buffer.from(data.subarray(at, at + PIECE)).toString("base64");
        if (!lines.write({ data: piece } satisfies StreamInput)) await lines.drained();
      }
    },
    send: (input) => void lines.write(input),
    ended: ended.promise,
    close: () => {
      left = true;
      lines.destroy();
    },
    get left() {
      return left;
    },
  };
}

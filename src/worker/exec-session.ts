/**
 * One program of the operator inside a sandbox, seen from the worker: what was granted and what is under way, each way.
 * Lives on one connection of the guest and ends with it.
 */
import { EXEC_CHUNK, EXEC_WINDOW, type ExecSignal, type FromGuest, type ToGuest } from "../sandbox/index.ts";

/** How a session's owner hears of it. */
export interface ExecListener {
  /** Output; `took` is to be called when it was passed on. */
  out(stream: 1 | 2, data: Buffer): void;
  /** More input may be written. */
  room(): void;
  /** It is over. */
  end(code: number): void;
  /** The connection to the guest is gone, and with it the session. */
  lost(reason: string): void;
}

/** A session's frames that come from the guest. */
export type ExecFrame = Extract<FromGuest, { type: "exec.out" | "exec.took" | "exec.end" }>;
type ToSession = Extract<
  ToGuest,
  { type: "exec.in" | "exec.took" | "exec.size" | "exec.signal" | "exec.close" }
>;

/** See the module's header. */
export class ExecSession {
  readonly id: string;
  readonly #send: (frame: ToSession) => void;
  readonly #listener: ExecListener;
  /** Bytes of input that the guest hasn't taken, and of output that the owner hasn't. */
  #untaken = 0;
  #unpassed = 0;
  #over = false;

  constructor(id: string, send: (frame: ToSession) => void, listener: ExecListener) {
    this.id = id;
    this.#send = send;
    this.#listener = listener;
  }

  /** Nothing more comes, and nothing that is sent arrives. */
  get over(): boolean {
    return this.#over;
  }

  /** Bytes of input that may be written now. */
  get room(): number {
    return Math.max(0, EXEC_WINDOW - this.#untaken);
  }

  /** Writes input, at most {@link room} bytes. */
  write(data: Buffer, eof = false): void {
    this.#untaken += data.length;
    for (let at = 0; at < data.length; at += EXEC_CHUNK)
      this.#post({
        type: "exec.in",
        session: this.id,
        data: data.subarray(at, at + EXEC_CHUNK).toString("base64"),
      });
    if (eof) this.#post({ type: "exec.in", session: this.id, data: "", eof: true });
  }

  /** Output was passed on: as much more may come. */
  took(bytes: number): void {
    this.#unpassed -= bytes;
    this.#post({ type: "exec.took", session: this.id, bytes });
  }

  resize(columns: number, rows: number): void {
    this.#post({ type: "exec.size", session: this.id, columns, rows });
  }

  signal(signal: ExecSignal): void {
    this.#post({ type: "exec.signal", session: this.id, signal });
  }

  /** Ends it and what it started. */
  close(): void {
    this.#post({ type: "exec.close", session: this.id });
    this.#over = true;
  }

  /** What the guest says of it. True when it is over. */
  frame(frame: ExecFrame): boolean {
    if (this.#over) return frame.type === "exec.end";
    if (frame.type === "exec.out") {
      const data = Buffer.from(frame.data, "base64");
      this.#unpassed += data.length;
      // Who asked may read as slowly as they like: what they haven't read lies here.
      if (this.#unpassed > EXEC_WINDOW) {
        this.close();
        this.#listener.lost("it sent more than was asked for");
        return true;
      }
      if (data.length > 0) this.#listener.out(frame.stream === 2 ? 2 : 1, data);
    } else if (frame.type === "exec.took") {
      // A claim: it can't make room that wasn't used.
      this.#untaken = Math.max(0, this.#untaken - frame.bytes);
      this.#listener.room();
    } else {
      this.#over = true;
      this.#listener.end(Math.min(frame.code, 255));
      return true;
    }
    return false;
  }

  lost(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.lost(reason);
  }

  #post(frame: ToSession): void {
    if (!this.#over) this.#send(frame);
  }
}

/**
 * What a fake vendor does with one request, as data: tests queue these. The default is a good answer.
 */

/** One behaviour; fields combine. */
export interface Behaviour {
  /** Answer with this status and a body that holds the vendor's internals and echoes the key. */
  status?: number;
  headers?: Record<string, string>;
  /** Replaces the error message. */
  message?: string;
  /** Answer's text; default "Hello from the fake vendor." */
  text?: string;
  /** Number of stream chunks; default one per word. */
  chunks?: number;
  /** Milliseconds before the headers. */
  delayMs?: number;
  /** Milliseconds between stream chunks. */
  chunkMs?: number;
  /** Where the connection is reset: before any byte, after the headers, or after n chunks. */
  reset?: "before" | "headers" | number;
  /** Accepts and never answers; `headers` sends those first, a number sends n chunks first. */
  hang?: "before" | "headers" | number;
  /** After n chunks, an error event inside the stream. */
  errorEvent?: number;
  /** Leaves usage or the end mark out. */
  omit?: ("usage" | "done" | "finish")[];
  /** Puts the caller's key into the text, `split` over two writes of one event. */
  echoKey?: "plain" | "base64" | "split";
  /** Sends this much text as fast as the reader takes it. */
  flood?: number;
  /** Content type of a good answer. */
  contentType?: string;
  /** Answers a tool call instead of text. */
  tool?: { name: string; arguments: string };
}

/** Files to and from a home on an operator's connection, in pieces, each at the pace of whoever takes it. */
import { Fault } from "../../lib/errors.ts";
import type { AgentClient } from "../agent-client.ts";
import { filePieces, putFile } from "../files.ts";
import type { StreamSink } from "./exec-stream.ts";
import type { LineSocket } from "./lines.ts";
import type { StreamInput, StreamOutput, StreamRequest } from "./stream-wire.ts";

/** Writes what comes to the home. Resolves when it is there under its name. */
export async function putStream(
  client: AgentClient,
  { path, mode }: Extract<StreamRequest, { op: "put" }>,
  lines: LineSocket,
  begin: (sink: StreamSink) => void,
): Promise<void> {
  const pieces = new Pieces();
  begin(pieces);
  lines.write({ begun: true } satisfies StreamOutput);
  await putFile(client, path, pieces, mode === undefined ? {} : { mode });
  lines.end({ end: 0 } satisfies StreamOutput);
}

/** The operator's lines as pieces of a file: the next line is asked for when the last piece was taken. */
class Pieces implements StreamSink {
  #next = Promise.withResolvers<Buffer | undefined>();
  #taken = Promise.withResolvers<void>();

  async input(line: StreamInput): Promise<void> {
    if ("eof" in line) this.#next.resolve(undefined);
    else if ("data" in line) {
      this.#next.resolve(Buffer.from(line.data, "base64"));
      await this.#taken.promise;
    }
  }

  closed(): void {
    this.#next.promise.catch(() => {}); // when nobody waits any more
    this.#next.reject(new Fault({ code: "cancelled", message: "the operator went away" }));
    this.#taken.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let piece = await this.#next.promise; piece !== undefined; piece = await this.#next.promise) {
      this.#next = Promise.withResolvers();
      yield piece;
      this.#taken.resolve();
      this.#taken = Promise.withResolvers();
    }
  }
}

/** Sends a file of the home. */
export async function getStream(
  client: AgentClient,
  { path }: Extract<StreamRequest, { op: "get" }>,
  lines: LineSocket,
  begin: (sink: StreamSink) => void,
): Promise<void> {
  let gone = false;
  begin({
    input: () => undefined,
    closed: () => {
      gone = true;
    },
  });
  let begun = false;
  for await (const { data, size, mode } of filePieces(client, path)) {
    if (!begun) lines.write({ begun: true, size, mode } satisfies StreamOutput);
    begun = true;
    if (data.length > 0) lines.write({ out: data.toString("base64") } satisfies StreamOutput);
    await lines.drained();
    if (gone) return;
  }
  lines.end({ end: 0 } satisfies StreamOutput);
}

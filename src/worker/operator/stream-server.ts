/**
 * The worker's stream socket: programs and files of sandboxes for the operator's commands. Who can open it is the operator
 * (0600, in a directory of 0700): it asks for no other proof, so it must never listen elsewhere.
 */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { errorOf } from "../../lib/admin/wire.ts";
import { Fault } from "../../lib/errors.ts";
import type { AgentClient } from "../agent-client.ts";
import { execStream, type StreamSink } from "./exec-stream.ts";
import { getStream, putStream } from "./file-stream.ts";
import { LineSocket } from "./lines.ts";
import { attached, type OperatorDeps } from "./methods.ts";
import { inShellContext } from "./shell-context.ts";
import { MAX_LINE, StreamInput, type StreamOutput, StreamRequest } from "./stream-wire.ts";

/** Streams at once, of all sandboxes. */
const MAX_STREAMS = 64;

/** A listening stream socket. */
export interface StreamServer {
  close(): Promise<void>;
}

/** Listens; what a dead worker left is replaced. @throws Fault `admin-socket` when that can't be done. */
export async function serveStreams(path: string, deps: OperatorDeps): Promise<StreamServer> {
  const peers = new Set<Socket>();
  const server = createServer((peer) => {
    peers.add(peer);
    peer.once("close", () => peers.delete(peer));
    serve(peer, deps, peers.size > MAX_STREAMS);
  });
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Bound under a name of its own and moved into place: a server that closes unlinks the name that it bound, and that
    // must not be its successor's.
    const bound = `${path}.${process.pid}`;
    rmSync(bound, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // Unix sockets are bound within listen(): the file is never open to others.
      const umask = process.umask(0o177);
      try {
        server.listen(bound, resolve);
      } finally {
        process.umask(umask);
      }
    });
    renameSync(bound, path);
  } catch (cause) {
    throw new Fault({ code: "admin-socket", message: `${path} can't be bound`, retryable: true, cause });
  }
  server.on("error", (err) => deps.log.error({ err }, "stream socket failed"));
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const peer of peers) peer.destroy();
      await closed;
    },
  };
}

/** One connection: a request, then the stream. */
function serve(peer: Socket, deps: OperatorDeps, tooMany: boolean): void {
  const { log } = deps;
  let sink: StreamSink | undefined;
  let asked = false;
  let gone = false;
  const fail = (error: unknown) => {
    const known = errorOf(error);
    if (!known) log.error({ err: error }, "a stream of the operator failed");
    const failed = known ?? {
      code: "internal",
      message: "it failed at this; the log says why (nemoclaw logs)",
    };
    lines.end({ failed } satisfies StreamOutput);
  };
  const lines = new LineSocket(peer, {
    max: MAX_LINE,
    onLine(text) {
      try {
        if (asked) return sink?.input(StreamInput.parse(JSON.parse(text)));
        asked = true;
        if (tooMany) throw new Fault({ code: "too-many-connections", message: "too many commands at once" });
        const request = StreamRequest.parse(JSON.parse(text));
        // Lines that follow wait until it has begun.
        const begun = Promise.withResolvers<void>();
        const begin = (made: StreamSink) => {
          sink = made;
          if (gone) made.closed();
          begun.resolve();
        };
        run(deps, request, lines, begin).catch(fail).finally(begun.resolve);
        return begun.promise;
      } catch (error) {
        fail(error instanceof SyntaxError ? new Fault({ code: "bad-request", message: "not JSON" }) : error);
      }
    },
    onClose() {
      gone = true;
      sink?.closed();
    },
  });
}

async function run(
  deps: OperatorDeps,
  request: StreamRequest,
  lines: LineSocket,
  begin: (sink: StreamSink) => void,
): Promise<void> {
  const state = deps.sandboxes.of(request.sandbox).now.phase;
  if (state === "cold" || state === "parked") lines.write({ waking: true } satisfies StreamOutput);
  deps.log.info({ sandboxId: request.sandbox, op: request.op }, "stream of the operator");
  await attached(deps, request.sandbox, (client: AgentClient) => {
    if (request.op === "exec")
      return inShellContext(deps, request.sandbox, () => execStream(client, request, lines, begin));
    if (request.op === "put") return putStream(client, request, lines, begin);
    return getStream(client, request, lines, begin);
  });
}

/**
 * A process's admin socket: serves a table of methods to the operator's commands, one JSON object per line. Who can open
 * it is the operator (0600, in a directory of 0700): it asks for no other proof, so it must never listen elsewhere.
 */
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { Fault } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { AdminMethods } from "./methods.ts";
import { AdminRequest, errorOf, MAX_REPLY, MAX_REQUEST } from "./wire.ts";

/** Limits of the socket. */
const MAX_CONNECTIONS = 32;
const MAX_RUNNING = 16;
const IDLE_MS = 10 * 60_000;

/** A listening admin socket. */
export interface AdminServer {
  close(): Promise<void>;
}

/** Listens; what a dead process left is replaced. @throws Fault `admin-socket` when that can't be done. */
export async function serveAdmin(path: string, methods: AdminMethods, logger: Logger): Promise<AdminServer> {
  const peers = new Set<Socket>();
  const server = createServer((peer) => {
    peers.add(peer);
    peer.once("close", () => peers.delete(peer));
    peer.on("error", () => peer.destroy());
    peer.setTimeout(IDLE_MS, () => peer.destroy());
    if (peers.size > MAX_CONNECTIONS) {
      const error = { code: "too-many-connections", message: "too many commands at once" };
      peer.end(`${JSON.stringify({ id: null, ok: false, error })}\n`);
      return;
    }
    serve(peer, methods, logger);
  });
  await listen(server, path);
  server.on("error", (err) => logger.error({ err }, "admin socket failed"));
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const peer of peers) peer.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // Unix sockets are bound within listen(): the file is never open to others.
      const umask = process.umask(0o177);
      try {
        server.listen(path, resolve);
      } finally {
        process.umask(umask);
      }
    });
  } catch (cause) {
    throw new Fault({ code: "admin-socket", message: `${path} can't be bound`, retryable: true, cause });
  }
}

/** Reads lines by bytes, so that a line without an end can't grow. */
function serve(peer: Socket, methods: AdminMethods, logger: Logger): void {
  let pieces: Buffer[] = [];
  let size = 0;
  let running = 0;
  const answer = (value: unknown) => {
    if (peer.writable) peer.write(`${JSON.stringify(value)}\n`);
  };
  peer.on("data", (data: Buffer) => {
    let rest = data;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      pieces.push(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      if (size + end > MAX_REQUEST) return tooLong();
      const line = Buffer.concat(pieces).toString("utf8");
      [pieces, size] = [[], 0];
      if (line.trim() !== "") void take(line);
    }
    size += rest.length;
    if (size > MAX_REQUEST) return tooLong();
    if (rest.length > 0) pieces.push(rest);
  });

  function tooLong(): void {
    [pieces, size] = [[], 0];
    peer.removeAllListeners("data");
    peer.pause();
    const error = { code: "too-long", message: `a request may have ${MAX_REQUEST} bytes` };
    peer.end(`${JSON.stringify({ id: null, ok: false, error })}\n`, () => peer.destroy());
  }

  async function take(line: string): Promise<void> {
    const request = parse(line);
    if (!request) {
      const message = "expected one JSON object per line: {id, method, params}";
      return answer({ id: null, ok: false, error: { code: "bad-request", message } });
    }
    const { id } = request;
    if (running >= MAX_RUNNING) {
      const message = `at most ${MAX_RUNNING} requests at once on one connection`;
      return answer({ id, ok: false, error: { code: "too-many-requests", message } });
    }
    running++;
    try {
      answer(await call(request, methods));
    } catch (err) {
      logger.error({ err, method: request.method }, "admin method failed");
      const message = "it failed at this; the log says why (nemoclaw logs)";
      answer({ id, ok: false, error: { code: "internal", message } });
    } finally {
      running--;
    }
  }
}

async function call({ id, method, params }: AdminRequest, methods: AdminMethods): Promise<unknown> {
  const known = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!known) {
    const message = `there is no method ${JSON.stringify(method)}`;
    return { id, ok: false, error: { code: "unknown-method", message } };
  }
  try {
    const reply = { id, ok: true, result: (await known.run(params ?? {})) ?? null };
    if (JSON.stringify(reply).length <= MAX_REPLY) return reply;
    return { id, ok: false, error: { code: "reply-too-long", message: "the answer is too long" } };
  } catch (error) {
    const known = errorOf(error);
    if (!known) throw error;
    return { id, ok: false, error: known };
  }
}

function parse(line: string): AdminRequest | undefined {
  try {
    const parsed = AdminRequest.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

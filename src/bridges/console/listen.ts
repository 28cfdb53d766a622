/**
 * The console's two doors: a unix socket that only its owner can open, and optionally a port on loopback behind a token.
 * Must never listen on any other address, and never replace a socket that somebody still answers on.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import { guardRequest, SECURITY_HEADERS } from "./guard.ts";
import { json } from "./routes.ts";

/** Answers a request that was let in. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Listens on the unix socket: its directory is 0700 and the socket 0600, so no token is needed. */
export async function listenOnSocket(path: string, handler: Handler): Promise<Server> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path)) {
    throw new Fault({
      code: "console-in-use",
      message: `another console answers on ${path}`,
      hint: "stop the other instance, or use another NEMOCLAW_HOME",
    });
  }
  await unlink(path).catch(() => {});
  const server = createServer(handler);
  await listening(server, { path });
  await chmod(path, 0o600);
  return server;
}

/** Listens on 127.0.0.1; `port` 0 picks one. */
export async function listenOnPort(
  port: number,
  token: string,
  handler: Handler,
  logger: Logger,
): Promise<Server> {
  const server = createServer((request, response) => {
    const { host, origin, authorization } = request.headers;
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const decision = guardRequest({ host, origin, authorization, path }, { port: portOf(server), token });
    if (decision.kind === "allow") return handler(request, response);
    logger.warn({ reason: decision.reason, path }, "console request refused");
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader("connection", "close");
    json(response, decision.status, {
      error: { code: "refused", message: decision.reason, retryable: false },
    });
  });
  await listening(server, { host: "127.0.0.1", port });
  return server;
}

/** The port that a server got. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The web token of this home: made once, so that an open page survives a restart. */
export async function webToken(secretsDir: string): Promise<string> {
  const file = join(secretsDir, "web-token");
  const known = await readFile(file, "utf8").catch(() => "");
  if (/^[A-Za-z0-9_-]{32,}$/.test(known.trim())) return known.trim();
  const token = randomBytes(32).toString("base64url");
  await mkdir(secretsDir, { recursive: true, mode: 0o700 });
  await writeFile(file, `${token}\n`, { mode: 0o600, flush: true });
  return token;
}

function listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(isTaken(error, where) ?? error);
    server.once("error", failed);
    server.listen(where, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

/** Somebody else has the port that the operator chose: trying again doesn't help. */
function isTaken(error: NodeJS.ErrnoException, where: object): Fault | undefined {
  if (error.code !== "EADDRINUSE" || !("port" in where)) return undefined;
  return new Fault({
    code: "console-port-taken",
    message: `port ${where.port} of this machine is in use by another program`,
    hint: "choose another (--port, or console.port in config.yaml; 0 takes a free one), or end that program: ss -ltnp",
    cause: error,
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

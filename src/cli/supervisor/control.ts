/**
 * The supervisor's own socket, `run/status.sock`: what `nemoclaw status` and `nemoclaw stop` talk to. Only the user who
 * started the service may connect (0600). One JSON line in, one JSON line out.
 */
import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describeError, Fault } from "../../lib/errors.ts";
import type { ChildStatus } from "./child.ts";

/** Everything that `nemoclaw status` shows. */
export interface ServiceStatus {
  state: "starting" | "ready" | "degraded" | "stopping";
  pid: number;
  version: string;
  home: string;
  startedAt: string;
  redis: { where: string; pid: number; adopted: boolean };
  services: ChildStatus[];
  /** Protections of the sandbox, as probed at start. */
  layers: { name: string; active: boolean; detail: string; required: boolean; fix?: string | undefined }[];
  warnings: string[];
}

/** What may be asked. */
export type ControlRequest =
  | { op: "status" }
  | { op: "stop"; sandboxes: boolean }
  | { op: "reload" }
  /** Ends all agents and starts none, until the connection ends. */
  | { op: "rest" };

/** What `nemoclaw reload` did. */
export interface ReloadReport {
  /** Settings that differ, as paths. */
  changed: string[];
  /** Processes that were restarted or started for it. */
  restarted: string[];
  /** Settings that wait for the next start. */
  waits: string[];
  /** Processes that can't start with the new settings, and why. */
  troubles: string[];
}

/** Listens; a socket file left by a killed supervisor is replaced, since the home's lock is ours. */
export async function serveControl(
  socket: string,
  answer: (request: ControlRequest, closed: Promise<void>) => Promise<unknown>,
): Promise<Server> {
  rmSync(socket, { force: true });
  const server = createServer((peer) => {
    peer.on("error", () => peer.destroy());
    peer.setTimeout(120_000, () => peer.destroy());
    const closed = new Promise<void>((resolve) => peer.once("close", () => resolve()));
    createInterface({ input: peer }).once("line", (line) => {
      let lasts = false;
      const reply = async () => {
        const request = JSON.parse(line) as ControlRequest;
        lasts = request.op === "rest";
        if (lasts) peer.setTimeout(0);
        return { ok: true, result: (await answer(request, closed)) ?? null };
      };
      reply()
        .catch((error: unknown) => {
          const { code = "control-failed", hint } = error instanceof Fault ? error : {};
          const message = error instanceof Fault ? error.message : describeError(error);
          return { ok: false, code, message, hint };
        })
        .then((value) => {
          const text = `${JSON.stringify(value)}\n`;
          if (lasts && value.ok) peer.write(text);
          else peer.end(text);
        });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return server;
}

/**
 * Asks a running supervisor. `limitMs`: how long it may be silent; default for ever, since a stop takes what it takes.
 * @throws Fault `not-running` when there is none, `not-answering` when it is silent.
 */
export async function askControl<T>(socket: string, request: ControlRequest, limitMs = 0): Promise<T> {
  const peer = await connectTo(socket);
  peer.setTimeout(limitMs, () =>
    peer.destroy(new Fault({ code: "not-answering", message: `the service on ${socket} does not answer` })),
  );
  peer.write(`${JSON.stringify(request)}\n`);
  return resultOf<T>(await text(peer));
}

/**
 * Brings a running service's agents to rest; resolves once they are, to what ends the rest. So does our own end.
 * @throws Fault `not-running`
 */
export async function restControl(socket: string): Promise<() => void> {
  const peer = await connectTo(socket);
  peer.write(`${JSON.stringify({ op: "rest" } satisfies ControlRequest)}\n`);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: peer }).once("line", resolve);
    peer.once("close", () =>
      reject(new Fault({ code: "not-running", message: "the service ended meanwhile" })),
    );
  });
  try {
    resultOf(line);
  } catch (error) {
    peer.destroy();
    throw error;
  }
  return () => peer.destroy();
}

async function connectTo(socket: string): Promise<Socket> {
  const peer = createConnection(socket);
  try {
    await new Promise<void>((resolve, reject) => {
      peer.once("connect", resolve);
      peer.once("error", reject);
    });
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === "EACCES";
    throw new Fault({
      code: denied ? "not-allowed" : "not-running",
      message: denied ? `${socket} belongs to another user` : "nemoclaw is not running on this home",
      hint: denied ? "run this as the user who started it" : "start it with: nemoclaw start",
      cause: error,
    });
  }
  return peer;
}

function resultOf<T>(line: string): T {
  const reply = JSON.parse(line) as
    | { ok: true; result: T }
    | { ok: false; code: string; message: string; hint?: string };
  if (reply.ok) return reply.result;
  const { code, message, hint } = reply;
  throw new Fault({ code, message, ...(hint ? { hint } : {}) });
}

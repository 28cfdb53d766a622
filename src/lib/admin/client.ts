/**
 * How the operator's commands ask a process by its admin socket: one connection, one request, one answer.
 */
import { createConnection } from "node:net";
import { Fault } from "../errors.ts";
import { AdminReply, MAX_REPLY } from "./wire.ts";

/** Longest wait unless told otherwise. */
const WAIT_MS = 30_000;

/**
 * Asks; `who` names the process in messages, `signal` gives the wait up. The result is as the method gives it.
 * @throws Fault `service-not-running` when nobody listens, `admin-cancelled`, and every Fault that the method answers with.
 */
export async function adminCall<T = unknown>(
  socketPath: string,
  method: string,
  params: unknown = {},
  options: { timeoutMs?: number; who?: string; signal?: AbortSignal } = {},
): Promise<T> {
  const { timeoutMs = WAIT_MS, who = "the gateway", signal } = options;
  const request = `${JSON.stringify({ id: 1, method, params })}\n`;
  const line = await exchange({ path: socketPath, request, timeoutMs, method, who, signal });
  let reply: AdminReply;
  try {
    reply = AdminReply.parse(JSON.parse(line));
  } catch (cause) {
    throw new Fault({ code: "admin-answer", message: `${who}'s answer to ${method} is none`, cause });
  }
  if (reply.ok) return reply.result as T;
  const { code, message, hint } = reply.error;
  throw new Fault({ code, message, ...(hint === undefined ? {} : { hint }) });
}

interface Exchange {
  path: string;
  request: string;
  timeoutMs: number;
  method: string;
  who: string;
  signal: AbortSignal | undefined;
}

function exchange({ path, request, timeoutMs, method, who, signal }: Exchange): Promise<string> {
  return new Promise((resolve, reject) => {
    const peer = createConnection(path);
    const pieces: Buffer[] = [];
    let size = 0;
    const cancel = () =>
      fail(new Fault({ code: "admin-cancelled", message: `${method} was given up`, certain: false }));
    const fail = (fault: Fault) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      peer.destroy();
      reject(fault);
    };
    const timer = setTimeout(() => {
      const message = `${who} didn't answer ${method} within ${timeoutMs / 1_000} s`;
      fail(
        new Fault({
          code: "admin-timeout",
          message,
          hint: "nemoclaw status shows how it is",
          certain: false,
        }),
      );
    }, timeoutMs);
    signal?.addEventListener("abort", cancel);
    if (signal?.aborted) cancel();
    peer.once("connect", () => peer.write(request));
    peer.on("error", (cause) => fail(connectFault(path, who, cause as NodeJS.ErrnoException)));
    peer.on("data", (data: Buffer) => {
      const end = data.indexOf(10);
      pieces.push(end < 0 ? data : data.subarray(0, end));
      size += data.length;
      if (end < 0 && size <= MAX_REPLY) return;
      if (end < 0) return fail(new Fault({ code: "admin-answer", message: `${who}'s answer is too long` }));
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      peer.destroy();
      resolve(Buffer.concat(pieces).toString("utf8"));
    });
    peer.once("end", () =>
      fail(
        new Fault({
          code: "admin-lost",
          message: `${who} ended before it answered ${method}`,
          hint: "look at what became of it and repeat",
          retryable: true,
          certain: false,
        }),
      ),
    );
  });
}

/** Why a socket of ours can't be reached, as a Fault. */
export function connectFault(path: string, who: string, cause: NodeJS.ErrnoException): Fault {
  if (cause.code === "EACCES" || cause.code === "EPERM") {
    return new Fault({
      code: "not-allowed",
      message: `${path} belongs to another user`,
      hint: "run this as the user who started the service",
      cause,
    });
  }
  if (cause.code === "ENOENT" || cause.code === "ECONNREFUSED" || cause.code === "ENOTDIR") {
    return new Fault({
      code: "service-not-running",
      message: "nemoclaw is not running on this home",
      hint: "start it with: nemoclaw start",
      cause,
    });
  }
  return new Fault({ code: "admin-lost", message: `${who} can't be asked: ${cause.message}`, cause });
}

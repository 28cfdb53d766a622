/**
 * How the operator's commands ask the gateway: one connection, one request, one answer.
 */
import { createConnection } from "node:net";
import { Fault } from "../../lib/errors.ts";
import { AdminReply, MAX_REPLY } from "./wire.ts";

/** Longest wait unless told otherwise. */
const WAIT_MS = 30_000;

/**
 * Asks. The result is as the method gives it. @throws Fault `service-not-running` when nobody listens, and every Fault
 * that the method answers with.
 */
export async function adminCall<T = unknown>(
  socketPath: string,
  method: string,
  params: unknown = {},
  options: { timeoutMs?: number } = {},
): Promise<T> {
  const { timeoutMs = WAIT_MS } = options;
  const line = await exchange(
    socketPath,
    `${JSON.stringify({ id: 1, method, params })}\n`,
    timeoutMs,
    method,
  );
  let reply: AdminReply;
  try {
    reply = AdminReply.parse(JSON.parse(line));
  } catch (cause) {
    throw new Fault({ code: "admin-answer", message: `the gateway's answer to ${method} is none`, cause });
  }
  if (reply.ok) return reply.result as T;
  const { code, message, hint } = reply.error;
  throw new Fault({ code, message, ...(hint === undefined ? {} : { hint }) });
}

function exchange(path: string, request: string, timeoutMs: number, method: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const peer = createConnection(path);
    const pieces: Buffer[] = [];
    let size = 0;
    const fail = (fault: Fault) => {
      clearTimeout(timer);
      peer.destroy();
      reject(fault);
    };
    const timer = setTimeout(() => {
      const message = `the gateway didn't answer ${method} within ${timeoutMs / 1_000} s`;
      fail(
        new Fault({
          code: "admin-timeout",
          message,
          hint: "nemoclaw status shows how it is",
          certain: false,
        }),
      );
    }, timeoutMs);
    peer.once("connect", () => peer.write(request));
    peer.on("error", (cause) => fail(connectFault(path, cause as NodeJS.ErrnoException)));
    peer.on("data", (data: Buffer) => {
      const end = data.indexOf(10);
      pieces.push(end < 0 ? data : data.subarray(0, end));
      size += data.length;
      if (end < 0 && size <= MAX_REPLY) return;
      if (end < 0)
        return fail(new Fault({ code: "admin-answer", message: "the gateway's answer is too long" }));
      clearTimeout(timer);
      peer.destroy();
      resolve(Buffer.concat(pieces).toString("utf8"));
    });
    peer.once("end", () =>
      fail(
        new Fault({
          code: "admin-lost",
          message: `the gateway ended before it answered ${method}`,
          hint: "look at what became of it and repeat",
          retryable: true,
          certain: false,
        }),
      ),
    );
  });
}

function connectFault(path: string, cause: NodeJS.ErrnoException): Fault {
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
  return new Fault({ code: "admin-lost", message: `the gateway can't be asked: ${cause.message}`, cause });
}

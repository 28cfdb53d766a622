/**
 * A program inside a sandbox on an operator's connection. Each way at most a window's bytes are under way: a terminal that
 * doesn't read stops the program, a program that doesn't read stops the terminal.
 */
import { Fault } from "../../lib/errors.ts";
import type { AgentClient } from "../agent-client.ts";
import type { ExecSession } from "../exec-session.ts";
import type { LineSocket } from "./lines.ts";
import type { StreamInput, StreamOutput, StreamRequest } from "./stream-wire.ts";

/** What the operator's lines are given to while a stream runs. */
export interface StreamSink {
  /** Resolves when the next line may come. */
  input(line: StreamInput): void | Promise<void>;
  /** The operator is gone. */
  closed(): void;
}

/** Runs it to its end; rejects when it can't be started or its sandbox goes away. */
export async function execStream(
  client: AgentClient,
  request: Extract<StreamRequest, { op: "exec" }>,
  lines: LineSocket,
  begin: (sink: StreamSink) => void,
): Promise<void> {
  const over = Promise.withResolvers<number>();
  const { op: _, sandbox: __, ...command } = request;
  let roomWanted: (() => void) | undefined;
  const room = () => {
    const wake = roomWanted;
    roomWanted = undefined;
    wake?.();
  };
  // What comes right behind the guest's ack is told after `begun`.
  const then = (work: (session: ExecSession) => void) => void opening.then(work, () => {});
  const opening = client.exec(definedOnly(command), {
    out: (stream, data) =>
      then((session) => {
        const text = data.toString("base64");
        lines.write((stream === 2 ? { err: text } : { out: text }) satisfies StreamOutput);
        void lines.drained().then(() => session.took(data.length));
      }),
    room,
    end: (code) =>
      then(() => {
        over.resolve(code);
        room();
      }),
    lost: (reason) =>
      then(() => {
        const message = `the sandbox was lost: ${reason}`;
        over.reject(
          new Fault({ code: "session-lost", message, hint: "nemoclaw NAME status", certain: false }),
        );
        room();
      }),
  });
  const opened = await opening;
  lines.write({ begun: true } satisfies StreamOutput);
  begin({
    async input(line) {
      if ("size" in line) opened.resize(line.size.columns, line.size.rows);
      else if ("signal" in line) opened.signal(line.signal);
      else if ("eof" in line) opened.write(Buffer.alloc(0), true);
      else {
        let data: Buffer = Buffer.from(line.data, "base64");
        while (data.length > 0) {
          const now = data.subarray(0, opened.room);
          opened.write(now);
          data = data.subarray(now.length);
          if (data.length > 0) await new Promise<void>((resolve) => (roomWanted = resolve));
          if (opened.over) return;
        }
      }
    },
    closed() {
      opened.close();
      over.resolve(0);
      room();
    },
  });
  const code = await over.promise;
  lines.end({ end: code } satisfies StreamOutput);
}

/** Without the keys that are undefined (exactOptionalPropertyTypes). */
function definedOnly({
  argv,
  cwd,
  env,
  tty,
}: Omit<Extract<StreamRequest, { op: "exec" }>, "op" | "sandbox">) {
  return { argv, ...(cwd === undefined ? {} : { cwd }), ...(env ? { env } : {}), ...(tty ? { tty } : {}) };
}

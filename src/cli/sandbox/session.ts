/**
 * A program inside a sandbox on this terminal (or these pipes): bytes, window size and signals there, bytes and status
 * back. Must leave the terminal as it was, however it ends.
 */
import { Fault } from "../../lib/errors.ts";
import type { OpenStream, StreamRequest } from "../../worker/index.ts";
import { say } from "../io.ts";
import { openWorkerStream, type Reached } from "./reach.ts";

/** What is run, and how. */
export interface SessionOptions {
  /** Empty: the shell. */
  argv: string[];
  cwd?: string | undefined;
  tty: boolean;
  /** Seconds after which it is ended with status 124. */
  timeoutS?: number | undefined;
}

/** Variables of this terminal that the program may have (the guest takes no others). */
const PASSED = ["TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "NO_COLOR"];
/** Leaves what a full-screen program set when it could not put it back itself: other screen, mouse, pasting, cursor. */
const TIDY = "\u001b[?1049l\u001b[?1000;1002;1003;1006l\u001b[?2004l\u001b[?25h\u001b[0m\r\n";
/** What ssh has too: a way out of a session that doesn't answer. At the start of a line. */
const ESCAPE = /(^|[\r\n])~\.$/;

/** Runs it to its end; resolves with the program's status. @throws Fault */
export async function runSession(sandbox: Reached, options: SessionOptions): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const write = (to: NodeJS.WriteStream) => (data: Buffer) =>
    to.write(data) ? undefined : new Promise<void>((resolve) => to.once("drain", resolve));
  let began = false;
  const stream = await openWorkerStream(sandbox, requestOf(sandbox, options), {
    waking: () => say(`Starting ${sandbox.name}…`),
    begun: () => {
      began = true;
      if (options.tty && stdin.isTTY) stdin.setRawMode(true);
      feed(stream, options.tty);
    },
    out: write(stdout),
    err: write(stderr),
  });
  // `| head` has seen enough.
  stdout.on("error", () => stream.close());
  const restore = () => {
    if (stdin.isTTY) stdin.setRawMode(false);
  };
  process.once("exit", restore);
  const timeout = options.timeoutS === undefined ? undefined : setTimeout(timedOut, options.timeoutS * 1_000);
  let late = false;
  function timedOut(): void {
    late = true;
    stream.close();
  }
  const forget = onSignals(stream, options.tty);
  const resized = () => stream.send({ size: windowSize() });
  if (options.tty) stdout.on("resize", resized);
  try {
    return await stream.ended;
  } catch (error) {
    if (late) return 124;
    if (began && options.tty && stdout.isTTY) stdout.write(TIDY);
    if (stream.left) return 0;
    throw error;
  } finally {
    clearTimeout(timeout);
    forget();
    stdout.off("resize", resized);
    restore();
    process.off("exit", restore);
    stdin.destroy();
  }
}

function requestOf(
  { id }: Reached,
  { argv, cwd, tty }: SessionOptions,
): Extract<StreamRequest, { op: "exec" }> {
  const env = Object.fromEntries(
    PASSED.flatMap((name) =>
      process.env[name] === undefined ? [] : [[name, process.env[name].slice(0, 256)]],
    ),
  );
  return {
    ...{ op: "exec", sandbox: id, argv, env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(tty ? { tty: windowSize() } : {}),
  };
}

function windowSize(): { columns: number; rows: number } {
  const { columns = 80, rows = 24 } = process.stdout;
  return { columns: Math.max(1, columns), rows: Math.max(1, rows) };
}

/** What is typed or piped in, at the program's pace. */
function feed(stream: OpenStream, tty: boolean): void {
  const { stdin } = process;
  let line = "\n";
  stdin.on("data", (data: Buffer) => {
    if (tty) {
      line = (line + data.toString("latin1")).slice(-3);
      if (ESCAPE.test(line)) return stream.close();
    }
    stdin.pause();
    void stream.write(data).then(() => stdin.resume());
  });
  stdin.on("end", () => stream.send({ eof: true }));
  stdin.on("error", () => stream.send({ eof: true }));
}

/** Ctrl-C of a program without a terminal is passed on; the second ends the session. Returns what forgets it. */
function onSignals(stream: OpenStream, tty: boolean): () => void {
  let interrupted = false;
  const handlers = (["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const).map((signal) => {
    const handler = () => {
      if (tty || interrupted || signal === "SIGHUP") stream.close();
      else stream.send({ signal });
      if (signal === "SIGINT") interrupted = true;
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const forget of handlers) forget();
  };
}

/** @throws Fault `usage` when there is no terminal. */
export function requireTerminal(): void {
  if (process.stdin.isTTY && process.stdout.isTTY) return;
  throw new Fault({
    code: "usage",
    message: "a terminal is needed for this",
    hint: "without one: nemoclaw NAME exec -- COMMAND",
  });
}

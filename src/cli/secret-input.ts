/**
 * Takes a secret from the operator: typed where nobody sees it, or from standard input. Never from an argument or the
 * environment: those can be seen by others (`ps`) and stay in histories.
 */
import type { ReadStream } from "node:tty";
import { Fault } from "../lib/errors.ts";

/** Longest input; no secret of a service comes near. */
const MAX = 64 * 1024;

/** Where it may come from. */
export interface SecretSourceOptions {
  /** All of standard input, less the line's end. */
  readonly stdin: boolean;
  readonly prompt: string;
}

/** Reads one secret. @throws Fault `usage` when nobody is there to type it. */
export async function readSecretInput(
  { stdin, prompt }: SecretSourceOptions,
  input: NodeJS.ReadStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  if (stdin) return readAll(input);
  if (!input.isTTY)
    throw new Fault({
      code: "usage",
      message: "the secret is typed at a prompt, and there is no terminal",
      hint: "hand it over by standard input: --stdin < file",
    });
  return readHidden(prompt, input as ReadStream, output);
}

async function readAll(input: NodeJS.ReadStream): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of input as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX) throw new Fault({ code: "usage", message: "standard input is longer than any secret" });
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

/** Line editing as far as a secret needs it: backspace, Ctrl-U, Ctrl-C, Ctrl-D. */
function readHidden(prompt: string, input: ReadStream, output: NodeJS.WritableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const finish = (end: () => void) => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
      end();
    };
    const take = (bytes: Buffer) => {
      for (const char of bytes.toString("utf8")) {
        if (char === "\r" || char === "\n") return finish(() => resolve(text));
        if (char === "\u0003" || char === "\u0004")
          return finish(() => reject(new Fault({ code: "usage", message: "no secret was given" })));
        if (char === "\u007f" || char === "\b") text = text.slice(0, -1);
        else if (char === "\u0015") text = "";
        else if (char >= " " && text.length < MAX) text += char;
      }
    };
    output.write(prompt);
    input.setRawMode(true);
    input.resume();
    input.on("data", take);
  });
}

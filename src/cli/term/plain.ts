/**
 * `openshell term` without a screen: what happens as lines, questions in the guide's words, answers as lines of standard
 * input. For pipes, logs, `--plain`, and terminals that can do no more.
 */
import { createInterface } from "node:readline";
import type { Paths } from "../../lib/paths.ts";
import { Printer } from "./printer.ts";
import { startSources } from "./sources.ts";

/** Prints until a signal, or the end of a terminal's input, ends it. */
export async function printLines(
  paths: Paths,
  out: NodeJS.WriteStream = process.stdout,
  input: NodeJS.ReadStream = process.stdin,
): Promise<void> {
  const printer = new Printer(Date.now());
  const print = (lines: readonly string[]) => lines.forEach((line) => void out.write(`${line}\n`));
  const answers = createInterface({ input });
  const ended = new Promise<void>((resolve) => {
    const end = () => resolve();
    // The end of a pipe or of /dev/null only means that nobody answers.
    answers.once("close", () => (input.isTTY ? end() : undefined));
    answers.once("SIGINT", end);
    out.once("error", end); // `| head` has seen enough.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
  });
  print(["Waiting for agents that want to reach something. Ctrl+C ends this."]);
  const sources = startSources(paths, (news) => print(printer.after(news)));
  answers.on("line", (line) => {
    const { lines, decide } = printer.answer(line, Date.now());
    print(lines);
    if (decide) sources.decide(decide);
  });
  await ended;
  sources.close();
  answers.close();
  input.unref?.();
}

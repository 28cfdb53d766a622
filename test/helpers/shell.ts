/** An ordinary shell in a terminal, in which people type commands of a home. */
import { join } from "node:path";
import { startTerminal, type Terminal } from "./tmux.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin");

/** Starts it and types `command`; `line` types and presses Enter. */
export function hostShell(home: string, command: string): Terminal & { line(text: string): void } {
  const env = { NEMOCLAW_HOME: home, PATH: `${BIN}:${process.env["PATH"]}`, PS1: "host> " };
  const terminal = startTerminal(["bash", "--norc", "--noprofile", "-i"], { columns: 100, rows: 30, env });
  const line = (text: string) => {
    terminal.type(text);
    terminal.press("Enter");
  };
  line(command);
  return { ...terminal, line };
}

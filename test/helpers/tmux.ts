/** A terminal for tests: a program in a tmux server of its own, its screen as text, keys as typed. */
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { waitUntil } from "./service.ts";

/** Why there can't be one here, or false. */
export function noTmux(): string | false {
  return spawnSync("tmux", ["-V"]).status === 0 ? false : "needs tmux";
}

/** A running terminal. */
export interface Terminal {
  /** What is on the screen, line by line, without colours. */
  screen(): string;
  /** Types keys by tmux's names (`y`, `Enter`, `C-c`). */
  press(...keys: string[]): void;
  /** Types a text as it is. */
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** From now on everything that the program writes goes into a file, too; without one no more. */
  record(file?: string): void;
  /** Waits until the screen shows it; fails with the screen. */
  shows(what: RegExp, ms?: number): Promise<void>;
  close(): void;
}

/** Runs a program in a terminal of so many columns and rows. */
export function startTerminal(
  command: readonly string[],
  options: { columns?: number; rows?: number; env?: Record<string, string> } = {},
): Terminal {
  const server = `nc-test-${process.pid}-${randomBytes(3).toString("hex")}`;
  const { columns = 80, rows = 24, env = {} } = options;
  const tmux = (...args: string[]) =>
    execFileSync("tmux", ["-L", server, "-f", "/dev/null", "-u", ...args], {
      env: {
        PATH: process.env["PATH"],
        LANG: "C.UTF-8",
        TERM: "xterm-256color",
        HOME: "/nonexistent",
        ...env,
      },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const size = ["-x", String(columns), "-y", String(rows)];
  tmux("new-session", "-d", "-s", "t", ...size, ...variables, "--", ...command);
  tmux("set-option", "-g", "remain-on-exit", "on");
  tmux("set-option", "-g", "window-size", "manual");
  const screen = () => tmux("capture-pane", "-p", "-t", "t");
  return {
    screen,
    press: (...keys) => void tmux("send-keys", "-t", "t", ...keys),
    type: (text) => void tmux("send-keys", "-t", "t", "-l", "--", text),
    resize: (width, height) =>
      void tmux("resize-window", "-t", "t", "-x", String(width), "-y", String(height)),
    record: (file) => void tmux("pipe-pane", "-t", "t", ...(file ? ["-O", `cat > '${file}'`] : [])),
    shows: (what, ms = 20_000) =>
      waitUntil(
        () => what.test(screen()),
        ms,
        () => `${what} is not on the screen:\n${screen()}`,
      ),
    close() {
      spawnSync("tmux", ["-L", server, "kill-server"]);
    },
  };
}

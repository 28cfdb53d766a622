/** A person's shell in a terminal: commands typed as they stand in the guide, each with its exit code and its screen. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTerminal, type Terminal } from "../helpers/tmux.ts";
import { assertGolden, masked } from "./golden.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** The prompt shows the last exit code. */
const PROMPT = /\[(\d+)\]\$$/;

/** What a command did. */
export interface Typed {
  code: number;
  /** Its output, without the line that was typed and the prompt after it. */
  text: string;
}

/** See the module's header. */
export class Shell {
  readonly terminal: Terminal;
  readonly #masks: [string, string][];

  constructor(personHome: string, serviceHome: string, env: Record<string, string>) {
    const bin = join(personHome, ".local", "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of ["nemoclaw", "openshell"]) symlinkSync(join(ROOT, "bin", name), join(bin, name));
    writeFileSync(join(personHome, ".bashrc"), 'export PATH="$HOME/.local/bin:$PATH"\n');
    this.#masks = [
      [serviceHome, "<home>"],
      [personHome, "~"],
    ];
    this.terminal = startTerminal(["bash", "--norc", "--noprofile", "-i"], {
      columns: 240,
      rows: 60,
      env: {
        ...{ HOME: personHome, NEMOCLAW_HOME: serviceHome, PS1: "[$?]$ ", PATH: process.env["PATH"] ?? "" },
        ...{ BASH_SILENCE_DEPRECATION_WARNING: "1", NO_COLOR: "1", ...env },
      },
    });
  }

  /** Types a command and waits until the prompt is back. */
  async run(command: string, ms = 60_000): Promise<Typed> {
    await this.begin(command);
    await this.terminal.shows(/\n\[\d+\]\$\s*$/, ms);
    const lines = this.terminal.screen().trimEnd().split("\n");
    const code = Number(PROMPT.exec(lines.at(-1) ?? "")?.[1]);
    return { code, text: lines.slice(1, -1).join("\n") };
  }

  /** Clears the screen and types a command; what it shows is the caller's to wait for. */
  async begin(command: string): Promise<void> {
    this.terminal.type("clear");
    this.terminal.press("Enter");
    await this.terminal.shows(/^\[\d+\]\$\s*$/);
    this.terminal.type(command);
    this.terminal.press("Enter");
    await sleep(50);
  }

  /** Runs it, expects this exit code and text, and compares the screen when it has a name. */
  async expect(command: string, what: RegExp, options: { code?: number; golden?: string; ms?: number } = {}) {
    const typed = await this.run(command, options.ms);
    assert.match(typed.text, what, command);
    assert.equal(typed.code, options.code ?? 0, `${command}\n${typed.text}`);
    if (options.golden) this.golden(options.golden, typed.text);
    return typed;
  }

  /** Compares a text, or what is on the screen now; `from` cuts away what depends on the machine and stands before. */
  golden(name: string, text: string = this.terminal.screen(), from = ""): void {
    assertGolden(name, masked(text.slice(Math.max(0, text.indexOf(from))), this.#masks));
  }
}

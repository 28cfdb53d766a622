/** Which words may come where, read off the commands themselves. Pure. */
import type { Command } from "commander";

/** Path of words (`policy explain`, empty at the beginning, `@` for a sandbox's name) → what may come next. */
export type Words = ReadonlyMap<string, readonly string[]>;

/** Every path of a program. A hidden command is known and not offered. */
export function wordsOf(program: Command, prefix = ""): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const walk = (command: Command, path: string) => {
    const options = command
      .createHelp()
      .visibleOptions(command)
      .flatMap(({ long, short }) => long ?? short ?? []);
    const names = command
      .createHelp()
      .visibleCommands(command)
      .map((one) => one.name());
    found.set(path, [...new Set([...names, ...options])]);
    for (const one of command.commands) walk(one, path === "" ? one.name() : `${path} ${one.name()}`);
  };
  walk(program, prefix);
  return found;
}

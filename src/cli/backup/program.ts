/** The program itself, where install.sh put it: links in `~/.local/bin`, the package below `~/.local/share`. */
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { PROJECT_ROOT } from "../project.ts";

/** Removes it by its own installer when the command that people type is this copy. Returns what to say. */
export function removeProgram(): string[] {
  const installer = join(PROJECT_ROOT, "install.sh");
  if (!existsSync(installer) || !isOurs(join(homedir(), ".local", "bin", "nemoclaw"))) return [];
  const { status, stderr } = spawnSync("bash", [installer, "--uninstall"], { encoding: "utf8" });
  return status === 0
    ? ["the commands in ~/.local/bin are gone"]
    : [`the commands in ~/.local/bin stay: ${stderr.trim().split("\n").at(-1)}`];
}

function isOurs(link: string): boolean {
  try {
    return realpathSync(link).startsWith(realpathSync(PROJECT_ROOT) + sep);
  } catch {
    return false;
  }
}

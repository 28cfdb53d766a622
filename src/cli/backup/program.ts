/**
 * The program itself, where install.sh and `nemoclaw deploy` put it: links in `~/.local/bin`, the package below
 * `~/.local/share`, the unit of systemd.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { UNIT } from "../deploy/scripts.ts";
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

/** Keeps systemd from starting what is gone. Only a unit that `nemoclaw deploy` wrote. Returns what to say. */
export function removeUnit(
  root: string = "/",
  uid: number | undefined = process.getuid?.(),
  systemctl: (args: string[]) => unknown = (args) => spawnSync("systemctl", args, { stdio: "ignore" }),
): string[] {
  const asRoot = uid === 0;
  const dir = asRoot ? "etc/systemd/system" : join(homedir(), ".config", "systemd", "user");
  const file = join(root, dir, "nemoclaw.service");
  if (!existsSync(file) || readFileSync(file, "utf8") !== UNIT) return [];
  const manager = asRoot ? [] : ["--user"];
  systemctl([...manager, "disable", "nemoclaw.service"]);
  rmSync(file);
  systemctl([...manager, "daemon-reload"]);
  return [`${file} is gone`];
}

function isOurs(link: string): boolean {
  try {
    return realpathSync(link).startsWith(realpathSync(PROJECT_ROOT) + sep);
  } catch {
    return false;
  }
}

/** How this host's top-level directories are laid out. */
import { lstatSync, readlinkSync } from "node:fs";

/** /bin and its like: symlinks into /usr on most systems, directories on some. */
export function systemDirectories(): Record<string, string> {
  const found: Record<string, string> = { usr: "directory" };
  for (const dir of ["bin", "lib", "lib64", "sbin"]) {
    const stat = lstatSync(`/${dir}`, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) found[dir] = readlinkSync(`/${dir}`);
    else if (stat?.isDirectory()) found[dir] = "directory";
  }
  return found;
}

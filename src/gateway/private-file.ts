/**
 * Files that the gateway writes for itself or for one sandbox to read: whole or not at all, with the mode from the first
 * byte on. Only ever in directories that the gateway or the launcher owns, never in one that a guest can write.
 */
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Writes so that readers see the old or the new text, a crash loses neither, and `mode` is never wider. */
export function writePrivate(path: string, text: string, mode = 0o600): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  const umask = process.umask(0);
  let fd: number;
  try {
    fd = openSync(
      fresh,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
    );
  } finally {
    process.umask(umask);
  }
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
}

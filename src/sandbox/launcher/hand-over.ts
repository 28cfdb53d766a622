/**
 * Gives a socket that gateway or worker made to the sandbox that may dial it: owner the sandbox's uid, mode 0600.
 * Runs with the launcher's rights on a name in a directory that its caller owns, so it trusts nothing there: the file
 * is opened once, without following links, and what was checked is what is changed.
 */
import { chmodSync, chownSync, closeSync, constants, fstatSync, openSync } from "node:fs";
import { Fault } from "../../lib/errors.ts";

/** open(2): a handle on the file itself, whatever it is. Not in Node's constants; one value on x64 and arm64. */
const O_PATH = 0o10000000;

/** `path` must be a socket owned by `from` (or handed over already). */
export function handOverSocket(path: string, from: number, to: number): void {
  let fd: number;
  try {
    fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    throw new Fault({
      code: "launcher-no-socket",
      message: `no socket at ${path}`,
      retryable: true,
      cause: error,
    });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isSocket() || stat.nlink !== 1 || (stat.uid !== from && stat.uid !== to)) {
      throw new Fault({ code: "launcher-not-a-socket", message: `${path} is not a socket of its maker` });
    }
    const exact = `/proc/self/fd/${fd}`;
    if (stat.uid !== process.getuid?.() || process.getuid?.() === 0) chownSync(exact, to, to);
    chmodSync(exact, 0o600);
  } finally {
    closeSync(fd);
  }
}

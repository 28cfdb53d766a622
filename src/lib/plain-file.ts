/**
 * Opens files in directories that another user owns, as root does with those of services: whoever owns the directory may
 * put anything in a file's place. A link isn't followed, a pipe isn't waited for, and what is no file isn't read.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { Fault } from "./errors.ts";

/** open(2)'s words for a link, a socket or a device in the file's place. */
const NO_FILE = new Set(["ELOOP", "ENXIO", "ENODEV"]);

/** A descriptor for reading. @throws Fault `file-not-plain`; the system's error, e.g. when nothing is there */
export function openPlain(file: string): number {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw NO_FILE.has((error as NodeJS.ErrnoException).code ?? "") ? notPlain(file) : error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw notPlain(file);
}

/** All of a file that should be small. @throws as {@link openPlain}; Fault `file-too-large` */
export function readPlain(file: string, mostBytes: number): Buffer {
  const fd = openPlain(file);
  try {
    if (fstatSync(fd).size > mostBytes) {
      throw new Fault({
        code: "file-too-large",
        message: `${file} is larger than ${mostBytes} bytes`,
        hint: "nothing of this program writes so much there: look at it, then remove it",
      });
    }
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function notPlain(file: string): Fault {
  return new Fault({
    code: "file-not-plain",
    message: `${file} is a link, a pipe or something else that is no plain file`,
    hint: "nothing of this program puts that there: find out who did, then remove it",
  });
}

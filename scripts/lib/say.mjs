/**
 * How set-up speaks: progress on stderr only (stdout belongs to the command's own output), and failures that name the
 * next step. Plain Node 20, no dependencies: this runs before anything is installed.
 */

/** A failure that set-up explains itself: printed without a stack, exit code 1 unless another is given. */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string[]} [todo] lines that say exactly what to run or change
   * @param {number} [exitCode]
   */
  constructor(message, todo = [], exitCode = 1) {
    super(message);
    this.todo = todo;
    this.exitCode = exitCode;
  }
}

/** Prints one progress line. @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Prints a failure for a person and ends the process. @param {unknown} error @returns {never} */
export function die(error) {
  // A program that isn't there, a folder that may not be written: the system's own words name it.
  if (error instanceof Error && "syscall" in error) {
    say(`nemoclaw: ${error.message}`);
    process.exit(1);
  }
  if (!(error instanceof SetupError)) throw error;
  say(`nemoclaw: ${error.message}`);
  for (const line of error.todo) say(`  ${line}`);
  process.exit(error.exitCode);
}

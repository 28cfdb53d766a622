/** A check of something that this user may not look at says so, instead of ending the others. */
import { type Finding, fail } from "../preflight/finding.ts";

/** Runs a check; the system's refusals become its finding. @throws whatever else goes wrong: that is a bug */
export async function guarded(
  name: string,
  check: () => Finding | readonly Finding[] | Promise<Finding | readonly Finding[]>,
): Promise<Finding[]> {
  try {
    return [await check()].flat();
  } catch (error) {
    const { code, path, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const fix =
      code === "EACCES" || code === "EPERM"
        ? "run this as root, or as the user who runs the service"
        : "look at it and the folders above it: ls -ld";
    return [fail(name, `${path ?? "this"} can't be looked at (${code})`, fix)];
  }
}

/** What can go wrong with a sandbox on its host, whichever driver made it, as Faults that say what to do. */
import { Fault } from "../../lib/errors.ts";

/** Somebody else, normally a sandbox that still runs, holds the home. */
export function homeLocked(lock: string): Fault {
  return new Fault({
    code: "sandbox-home-locked",
    message: `another sandbox is running on this home (${lock} is locked)`,
    hint: `find it with: fuser ${lock}`,
    retryable: true,
  });
}

/** No record of that id on this host. */
export function unknownSandbox(id: string): Fault {
  return new Fault({ code: "sandbox-unknown", message: `there is no sandbox ${id} on this host` });
}

/** One more is too many. */
export function tooMany(most: number): Fault {
  return new Fault({
    code: "sandbox-too-many",
    message: `this host has its ${most} sandboxes`,
    hint: "destroy some that nobody needs (nemoclaw list), or raise sandbox.most in config.yaml and start anew",
  });
}

/** Other uids can't get to a directory that sandboxes need. */
export function unreachable(path: string, blocked: string): Fault {
  return new Fault({
    code: "sandbox-unreachable",
    message: `sandboxes run as their own users and can't reach ${path}: ${blocked} is closed to them`,
    hint: `chmod o+x ${blocked}, or choose another place (NEMOCLAW_HOME)`,
  });
}

/** A part of the installation isn't there. */
export function incomplete(path: string): Fault {
  return new Fault({
    code: "sandbox-incomplete",
    message: `sandboxes can't be made: ${path} is missing`,
    hint: "npm start sets up what is missing",
  });
}

/** Why sandboxes can't be parked here. */
export function parkUnsupported(why: string): Fault {
  return new Fault({ code: "sandbox-park-unsupported", message: `parking is not possible: ${why}` });
}

/** Something in it starts processes faster than they can be stopped. */
export function restless(id: string): Fault {
  return new Fault({ code: "sandbox-restless", message: `the processes of ${id} don't come to rest` });
}

/** A sandbox was started, but what should have probed it didn't run. */
export function noSelfTest(output: string): Fault {
  const said = output.trim().split("\n").at(-1)?.slice(0, 400);
  return new Fault({
    code: "sandbox-no-self-test",
    message: `the self-test's sandbox ended without a result: ${said || "it said nothing"}`,
    hint: "nemoclaw debug shows the launcher's log",
  });
}

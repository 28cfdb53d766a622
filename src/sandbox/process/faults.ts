/**
 * What can be missing on a host, as Faults that name it and say how to get it.
 * The texts that bubblewrap prints are matched here and nowhere else.
 */
import { existsSync, readFileSync } from "node:fs";
import { Fault } from "../../lib/errors.ts";

const DOCKER_HINT = "use the Docker driver instead (sandbox.driver: docker)";

/** AppArmor's restriction of Ubuntu 23.10 and later. */
const APPARMOR_SWITCH = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

function isOn(file: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8").trim() !== "0";
}

/** This isn't Linux, or not one of the processors that we have filters for. */
export function unsupportedPlatform(platform: string, arch: string): Fault {
  return new Fault({
    code: "sandbox-platform",
    message: `the process sandbox needs Linux on x64 or arm64, this is ${platform} on ${arch}`,
    hint: DOCKER_HINT,
  });
}

/** No bubblewrap, or one that can't forbid nested user namespaces. */
export function noBubblewrap(version?: string): Fault {
  return new Fault({
    code: version ? "sandbox-bwrap-old" : "sandbox-no-bwrap",
    message: version
      ? `bubblewrap ${version} is too old, 0.8.0 is needed`
      : "bubblewrap (bwrap) is not installed",
    hint: `apt-get install bubblewrap, or ${DOCKER_HINT}`,
  });
}

/** Why bubblewrap didn't get as far as our first program, from what it printed. */
export function startFailure(output: string): Fault {
  const said = output.trim().split("\n").at(-1)?.slice(0, 400) ?? "";
  if (/uid map|user namespace|loopback|new namespace|clone/i.test(said)) {
    if (isOn(APPARMOR_SWITCH)) {
      return new Fault({
        code: "sandbox-apparmor",
        message: `AppArmor forbids user namespaces to bubblewrap on this host: ${said}`,
        hint: `install an AppArmor profile for /usr/bin/bwrap with "userns," (Ubuntu: package apparmor-profiles, bwrap-userns-restrict), or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or ${DOCKER_HINT}`,
      });
    }
    return new Fault({
      code: "sandbox-no-userns",
      message: `this host gives no user namespaces: ${said}`,
      hint: `sysctl -w kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0 (in a container: allow unshare), or ${DOCKER_HINT}`,
    });
  }
  return new Fault({
    code: "sandbox-start-failed",
    message: `the sandbox could not be started: ${said || "bubblewrap ended without a word"}`,
    userMessage: "Your agent's sandbox could not be started. The operator has been told.",
  });
}

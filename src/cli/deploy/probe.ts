/** What the other machine is like, and whether it will do. Pure but for the reading of lines. */
import { type Finding, fail, ok, warn } from "../preflight/finding.ts";

/** Facts by name, as PROBE prints them. */
export type RemoteFacts = Readonly<Record<string, string>>;

/** Reads `name=value` lines; others are what a login script printed. */
export function readFacts(text: string): RemoteFacts {
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const [, name, value] = /^([a-zA-Z]+)=(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value ?? ""]];
    }),
  );
}

const GB = 1024 * 1024;

/** The same limits as the preflight of `nemoclaw onboard`, which looks closer once it is there. */
export function judgeMachine(facts: RemoteFacts): Finding[] {
  const number = (name: string) => Number(facts[name] ?? 0);
  const [memory, disk] = [number("memoryKb"), number("diskKb")];
  const asRoot = facts["uid"] === "0";
  return [
    facts["system"] === "Linux" && /^(x86_64|aarch64)$/.test(facts["machine"] ?? "")
      ? ok("system", `Linux, ${facts["machine"]}`)
      : fail("system", `${facts["system"]}, ${facts["machine"]}`, "choose a Linux machine, x64 or arm64"),
    facts["bash"] ? ok("bash", facts["bash"]) : fail("bash", "not there", "apt-get install bash"),
    memory >= 1.8 * GB
      ? ok("memory", `${(memory / GB).toFixed(1)} GB`)
      : fail(
          "memory",
          `${(memory / GB).toFixed(1)} GB`,
          "choose a machine with 2 GB or more (16 GB recommended)",
        ),
    disk >= 2 * GB
      ? ok("disk", `${(disk / GB).toFixed(1)} GB free`)
      : fail("disk", `${(disk / GB).toFixed(1)} GB free`, "2 GB the least, 40 GB recommended"),
    facts["userns"] === "yes"
      ? ok("user namespaces", "allowed")
      : fail("user namespaces", "refused", "as root there: sysctl -w user.max_user_namespaces=15000"),
    asRoot || facts["sudo"] === "yes"
      ? ok("rights", asRoot ? "root" : "sudo without a password")
      : warn(
          "rights",
          "neither root nor sudo",
          "missing Debian packages must be there already (bubblewrap, redis-server)",
        ),
    facts["systemd"] === "yes" ? ok("service", "systemd") : ok("service", "no systemd: in the background"),
  ];
}

/**
 * What a sandbox sees (../LAYOUT.md), as bubblewrap's arguments. Pure.
 * Must stay a list of what is given: nothing of the host is visible that is not named here.
 */

import { etcFiles, HOST_ETC, INSIDE, INSIDE_UID } from "../host/inside.ts";

/** File descriptors that bubblewrap is started with. `gate` and `lock` reach PID 1 (gate.pl closes the first). */
export const FD = { gate: 3, lock: 4, args: 5, seccomp: 6, info: 7 } as const;

/** What the layout is made of; all paths are the host's. */
export interface LayoutParts {
  name: string;
  home: string;
  config: string;
  egress: string;
  control: string;
  guest: string;
  runtime: string;
  node: string;
  /** Bytes of /tmp and /dev/shm each. */
  tmpBytes: number;
  /** Top-level directories as this host has them: a symlink's target, or `directory`; absent ones are left out. */
  system: Readonly<Record<string, string>>;
}

/** The arguments, for `--args`; the program comes after them on the command line. */
export function bwrapArguments(parts: LayoutParts): string[] {
  const ro = (from: string, to: string) => ["--ro-bind", from, to];
  const tmpfs = (at: string) => ["--perms", "1777", "--size", String(parts.tmpBytes), "--tmpfs", at];
  return [
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    ...["--uid", String(INSIDE_UID), "--gid", String(INSIDE_UID), "--hostname", parts.name],
    ...["--new-session", "--cap-drop", "ALL", "--as-pid-1"],
    "--clearenv",
    ...["--setenv", "PATH", `${INSIDE.node}/bin:/usr/bin:/bin`],
    ...["--setenv", "HOME", INSIDE.home, "--setenv", "LANG", "C.UTF-8"],
    ...Object.entries(parts.system).flatMap(([dir, target]) =>
      target === "directory" ? ro(`/${dir}`, `/${dir}`) : ["--symlink", target, `/${dir}`],
    ),
    ...["--perms", "0755", "--dir", "/etc"],
    ...HOST_ETC.flatMap((file) => ["--ro-bind-try", `/etc/${file}`, `/etc/${file}`]),
    ...["--symlink", "../usr/lib/os-release", "/etc/os-release"],
    ...Object.keys(etcFiles(parts.name)).flatMap((file) => ro(`${parts.config}/etc/${file}`, `/etc/${file}`)),
    ...["--proc", "/proc", "--dev", "/dev", ...tmpfs("/dev/shm"), "--remount-ro", "/dev", ...tmpfs("/tmp")],
    ...ro(parts.node, INSIDE.node),
    ...ro(parts.runtime, INSIDE.runtime),
    ...ro(parts.guest, INSIDE.guest),
    ...ro(parts.config, INSIDE.config),
    ...ro(parts.egress, INSIDE.egress),
    ...ro(parts.control, INSIDE.control),
    ...["--bind", parts.home, INSIDE.home],
    ...["--remount-ro", "/", "--chdir", INSIDE.home],
    ...["--seccomp", String(FD.seccomp), "--info-fd", String(FD.info)],
  ];
}

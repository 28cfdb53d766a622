/** Where things are inside a sandbox, and its own files of /etc, the same for all drivers (../LAYOUT.md). Pure. */

/** Where things are inside. */
export const INSIDE = {
  home: "/home/sandbox",
  config: "/run/nemoclaw/config",
  egress: "/run/nemoclaw/egress",
  control: "/run/nemoclaw/control",
  guest: "/opt/nemoclaw/guest",
  runtime: "/opt/openclaw",
  node: "/opt/node",
} as const;

/** User and group inside, whatever they are on the host. */
export const INSIDE_UID = 1000;

/** Files of the host's /etc that programs inside need; none tells of the host's users or network. */
export const HOST_ETC: readonly string[] = [
  "alternatives",
  "ca-certificates.conf",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "mime.types",
  "protocols",
  "services",
  "ssl/certs",
  "ssl/openssl.cnf",
  "timezone",
];

/** Files of /etc that are ours, by name. `etc/` in the config directory holds them. */
export function etcFiles(name: string, uid: number = INSIDE_UID): Record<string, string> {
  return {
    passwd: `sandbox:x:${uid}:${uid}:sandbox:${INSIDE.home}:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
    group: `sandbox:x:${uid}:\nnogroup:x:65534:\n`,
    hosts: `127.0.0.1 localhost ${name}\n::1 localhost ip6-localhost\n`,
    hostname: `${name}\n`,
    "nsswitch.conf":
      "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\nprotocols: files\n",
  };
}

/** PID 1 of every sandbox (src/sandbox/guest/README.md). */
export const GUEST_PROGRAM: readonly string[] = ["/usr/bin/perl", `${INSIDE.guest}/init.pl`];

/**
 * What an agent must not be able to do, as data: name, what probe.pl is asked to try, and how it must be refused.
 * `$…` words are filled in by the test that runs them.
 */

/** One probe. `expect`: the answers that count as refused; anything else fails. */
export interface Probe {
  name: string;
  try: readonly (string | number)[];
  expect: readonly string[];
}

const [UNIX, INET, INET6, NETLINK] = [1, 2, 10, 16];
const [STREAM, DGRAM, RAW] = [1, 2, 3];
const NO_FILE = ["ENOENT", "EACCES"];
const refused = (name: string, ...attempt: (string | number)[]): Probe => ({
  name,
  try: attempt,
  expect: ["EPERM"],
});
const call = (name: string, ...args: (string | number)[]): Probe => refused(name, "call", name, ...args);
const family = (name: string, number: number): Probe => ({
  name: `socket family ${name}`,
  try: ["socket", number, RAW, 0],
  expect: ["EAFNOSUPPORT"],
});

export const FILE_PROBES: readonly Probe[] = [
  {
    name: "another user's home, by its path on the host",
    try: ["read", "$otherHome/secret"],
    expect: NO_FILE,
  },
  { name: "own home by its path on the host", try: ["list", "$ownHome"], expect: NO_FILE },
  { name: "the installation's secrets", try: ["list", "$installation/secrets"], expect: NO_FILE },
  { name: "another user's socket directories", try: ["list", "$installation/run"], expect: NO_FILE },
  { name: "host's shadow", try: ["read", "/etc/shadow"], expect: NO_FILE },
  { name: "host's users", try: ["list", "/root"], expect: NO_FILE },
  { name: "host's /var", try: ["list", "/var"], expect: NO_FILE },
  { name: "host's /sys", try: ["list", "/sys"], expect: NO_FILE },
  { name: "old root of bubblewrap", try: ["list", "/oldroot"], expect: NO_FILE },
  { name: "host's disk", try: ["read", "/dev/vda"], expect: NO_FILE },
  { name: "host's memory", try: ["read", "/dev/mem"], expect: NO_FILE },
  { name: "kvm", try: ["read", "/dev/kvm"], expect: NO_FILE },
  { name: "tun", try: ["read", "/dev/net/tun"], expect: NO_FILE },
  { name: "fuse", try: ["read", "/dev/fuse"], expect: NO_FILE },
  { name: "write /usr", try: ["write", "/usr/bin/escape"], expect: ["EROFS", "EACCES"] },
  { name: "write /etc", try: ["write", "/etc/passwd"], expect: ["EROFS", "EACCES"] },
  { name: "write the runtime", try: ["write", "/opt/openclaw/x"], expect: ["EROFS", "EACCES"] },
  { name: "write node", try: ["write", "/opt/node/bin/node"], expect: ["EROFS", "EACCES", "ENOENT"] },
  { name: "write the guest", try: ["write", "/opt/nemoclaw/guest/init.pl"], expect: ["EROFS", "EACCES"] },
  {
    name: "write own configuration",
    try: ["write", "/run/nemoclaw/config/sandbox.json"],
    expect: ["EROFS", "EACCES"],
  },
  { name: "write the stage", try: ["write", "/run/nemoclaw/config/stage.pl"], expect: ["EROFS", "EACCES"] },
  { name: "write /", try: ["write", "/x"], expect: ["EROFS", "EACCES"] },
  { name: "write /dev", try: ["write", "/dev/x"], expect: ["EROFS", "EACCES"] },
  { name: "list the control directory", try: ["list", "/run/nemoclaw/control"], expect: ["EACCES"] },
  { name: "list the egress directory", try: ["list", "/run/nemoclaw/egress"], expect: ["EACCES"] },
  { name: "make a device", try: ["device"], expect: ["EPERM", "EACCES"] },
  { name: "kernel settings", try: ["write", "/proc/sys/kernel/core_pattern"], expect: ["EROFS", "EACCES"] },
  {
    name: "nested user namespaces' switch",
    try: ["write", "/proc/sys/user/max_user_namespaces"],
    expect: ["EROFS", "EACCES"],
  },
  { name: "sysrq", try: ["write", "/proc/sysrq-trigger"], expect: ["EROFS", "EACCES", "ENOENT"] },
  { name: "kernel memory by /proc", try: ["read", "/proc/kcore"], expect: ["EACCES", "EPERM", "ENOENT"] },
];

export const PROCESS_PROBES: readonly Probe[] = [
  { name: "/proc/1/mem", try: ["read", "/proc/1/mem"], expect: ["EACCES", "EPERM"] },
  { name: "/proc/1/mem, writing", try: ["write", "/proc/1/mem"], expect: ["EACCES", "EPERM"] },
  { name: "/proc/1/environ", try: ["read", "/proc/1/environ"], expect: ["EACCES", "EPERM"] },
  { name: "/proc/1/maps", try: ["read", "/proc/1/maps"], expect: ["EACCES", "EPERM"] },
  { name: "/proc/1/root", try: ["list", "/proc/1/root"], expect: ["EACCES", "EPERM"] },
  { name: "/proc/1/cwd", try: ["list", "/proc/1/cwd"], expect: ["EACCES", "EPERM"] },
  { name: "/proc/1/fd/1", try: ["read", "/proc/1/fd/1"], expect: ["EACCES", "EPERM"] },
  { name: "the guest's memory", try: ["read", "/proc/$guest/mem"], expect: ["EACCES", "EPERM"] },
  { name: "the guest's environment", try: ["read", "/proc/$guest/environ"], expect: ["EACCES", "EPERM"] },
  { name: "the guest's descriptors", try: ["read", "/proc/$guest/fd/1"], expect: ["EACCES", "EPERM"] },
  { name: "kill the guest", try: ["kill", "KILL", "$guest"], expect: ["EPERM"] },
  { name: "kill PID 1", try: ["kill", "TERM", 1], expect: ["EPERM"] },
  { name: "a host process, by its pid", try: ["kill", "TERM", "$launcherPid"], expect: ["ESRCH"] },
  { name: "a host process in /proc", try: ["list", "/proc/$launcherPid"], expect: ["ENOENT"] },
  { name: "ptrace, seize PID 1", try: ["call", "ptrace", 0x4206, 1, 0, 0], expect: ["EPERM"] },
  { name: "ptrace, attach to the guest", try: ["call", "ptrace", 16, "$guest", 0, 0], expect: ["EPERM"] },
  { name: "ptrace, even traceme", try: ["call", "ptrace", 0, 0, 0, 0], expect: ["EPERM"] },
  call("process_vm_readv", 1, 0, 0, 0, 0, 0),
  call("process_vm_writev", 1, 0, 0, 0, 0, 0),
  { name: "pidfd_getfd of the guest", try: ["getfd", "$guest"], expect: ["EPERM"] },
  call("kcmp", 1, "$guest", 0, 0, 0),
  call("process_madvise", -1, 0, 0, 21, 0),
  call("move_pages", 1, 0, 0, 0, 0, 0),
];

export const KERNEL_PROBES: readonly Probe[] = [
  { ...call("keyctl", 0, -3, 0), name: "keyring, keyctl" },
  { ...call("add_key", "user", "x", "y", 1, -3), name: "keyring, add_key" },
  { ...call("request_key", "user", "x", 0, -3), name: "keyring, request_key" },
  { ...call("unshare", 0x10000000), name: "user namespace, unshare" },
  { ...call("clone", 0x10000011, 0, 0, 0, 0), name: "user namespace, clone" },
  { name: "user namespace, clone3", try: ["call", "clone3", 0, 0], expect: ["ENOSYS"] },
  { ...call("unshare", 0x20000), name: "mount namespace, unshare" },
  { ...call("unshare", 0x40000000), name: "network namespace, unshare" },
  { ...call("unshare", 0x80), name: "time namespace, unshare" },
  call("setns", 0, 0),
  call("mount", "none", "/tmp", "tmpfs", 0, 0),
  call("umount2", "/run/nemoclaw/config", 2),
  call("pivot_root", "/tmp", "/tmp"),
  call("chroot", "/tmp"),
  call("fsopen", "tmpfs", 0),
  call("fsmount", 0, 0, 0),
  call("fspick", -100, "/tmp", 0),
  call("open_tree", -100, "/", 1),
  call("move_mount", -100, "/tmp", -100, "/home", 0),
  call("mount_setattr", -100, "/usr", 0, 0, 0),
  call("name_to_handle_at", -100, "/", 0, 0, 0),
  call("open_by_handle_at", -100, 0, 0),
  call("io_uring_setup", 8, 0),
  call("bpf", 5, 0, 0),
  call("userfaultfd", 1),
  call("perf_event_open", 0, 0, -1, -1, 0),
  call("memfd_secret", 0),
  call("vmsplice", 1, 0, 0, 0),
  call("fanotify_init", 0, 0),
  call("kexec_load", 0, 0, 0, 0),
  call("init_module", 0, 0, ""),
  call("finit_module", 0, "", 0),
  call("delete_module", "x", 0),
  call("reboot", 0, 0, 0, 0),
  call("swapon", "/tmp/x", 0),
  call("acct", 0),
  call("syslog", 3, 0, 0),
  call("quotactl", 0, 0, 0, 0),
  call("personality", 0x0040000),
  call("sethostname", "x", 1),
  call("settimeofday", 0, 0),
  // Docker's profile knows no x32 and ends the process.
  { name: "x32 calls", try: ["call", "x32_getpid"], expect: ["ENOSYS", "Bad system call"] },
  { name: "calls newer than the filter", try: ["call", "future"], expect: ["ENOSYS"] },
  { name: "TIOCSTI", try: ["tiocsti"], expect: ["EPERM"] },
];

export const NETWORK_PROBES: readonly Probe[] = [
  { name: "TCP, IPv4, the world", try: ["connect", INET, STREAM, "192.0.2.1", 80], expect: ["ENETUNREACH"] },
  {
    name: "TCP, IPv4, cloud metadata",
    try: ["connect", INET, STREAM, "169.254.169.254", 80],
    expect: ["ENETUNREACH"],
  },
  {
    name: "TCP, IPv6, the world",
    try: ["connect", INET6, STREAM, "2001:db8::1", 80],
    expect: ["ENETUNREACH", "EADDRNOTAVAIL"],
  },
  {
    name: "TCP, a service on the host's loopback",
    try: ["connect", INET, STREAM, "127.0.0.1", "$hostPort"],
    expect: ["ECONNREFUSED"],
  },
  { name: "UDP, the world", try: ["send", "192.0.2.1", 53], expect: ["ENETUNREACH"] },
  { name: "DNS", try: ["resolve", "example.com"], expect: ["unresolved"] },
  { name: "raw IPv4", try: ["socket", INET, RAW, 1], expect: ["EPERM"] },
  { name: "raw IPv6", try: ["socket", INET6, RAW, 58], expect: ["EPERM"] },
  { name: "ping sockets", try: ["socket", INET, DGRAM, 1], expect: ["EPROTONOSUPPORT"] },
  { name: "sctp", try: ["socket", INET, STREAM, 132], expect: ["EPROTONOSUPPORT"] },
  { name: "mptcp", try: ["socket", INET, STREAM, 262], expect: ["EPROTONOSUPPORT"] },
  { name: "netfilter by netlink", try: ["socket", NETLINK, RAW, 12], expect: ["EPROTONOSUPPORT"] },
  { name: "audit by netlink", try: ["socket", NETLINK, RAW, 9], expect: ["EPROTONOSUPPORT"] },
  family("ax25", 3),
  family("ipx", 4),
  family("appletalk", 5),
  family("key", 15),
  family("packet", 17),
  family("rds", 21),
  family("can", 29),
  family("tipc", 30),
  family("bluetooth", 31),
  family("rxrpc", 33),
  family("alg", 38),
  family("nfc", 39),
  family("vsock", 40),
  family("kcm", 41),
  family("smc", 43),
  family("xdp", 44),
  { name: "unix socket", try: ["socket", UNIX, STREAM, 0], expect: ["EPERM"] },
  { name: "unix datagram socket", try: ["socket", UNIX, DGRAM, 0], expect: ["EPERM"] },
  {
    name: "abstract unix socket of the host",
    try: ["connect", UNIX, STREAM, "@$abstract"],
    expect: ["EPERM"],
  },
  {
    name: "dial control.sock",
    try: ["connect", UNIX, STREAM, "/run/nemoclaw/control/control.sock"],
    expect: ["EPERM"],
  },
  {
    name: "dial egress.sock",
    try: ["connect", UNIX, STREAM, "/run/nemoclaw/egress/egress.sock"],
    expect: ["EPERM"],
  },
  {
    name: "dial control.sock with a socket pair",
    try: ["redial", "/run/nemoclaw/control/control.sock"],
    expect: ["EPROTOTYPE"],
  },
];

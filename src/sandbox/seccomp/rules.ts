/**
 * What no sandbox may ask of the kernel, and why: the one source for every driver's filter (BPF here, JSON for
 * Docker). Everything else is allowed; namespaces, dropped capabilities and Landlock stand behind it.
 * Must stay data: no rule depends on the machine.
 */
import type { CallName } from "./calls.ts";

/** Errors that a refused call returns. */
export const ERRNO = { EPERM: 1, ENOSYS: 38, EPROTONOSUPPORT: 93, EAFNOSUPPORT: 97 } as const;
export type Errno = keyof typeof ERRNO;

/** A test of one argument's low 32 bits (all that the kernel itself looks at for these), after `mask`. */
export interface ArgTest {
  arg: 0 | 1 | 2;
  mask?: number;
  in?: readonly number[];
  notIn?: readonly number[];
}

/** Refuses `calls` with `errno`; with `when`, only if all its tests hold. */
export interface Rule {
  calls: readonly CallName[];
  errno: Errno;
  why: string;
  when?: readonly ArgTest[];
}

const AF = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16 } as const;
const SOCK_TYPE = 0xf;
const CLONE_NEW = 0x7e02_0080; // NEWTIME 80, NEWNS 2_0000, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET

/** Rules of the whole sandbox, PID 1 included. */
export const SANDBOX_RULES: readonly Rule[] = [
  {
    calls: ["clone"],
    errno: "EPERM",
    why: "new namespaces bring new capabilities, the way into most kernel holes",
    when: [{ arg: 0, mask: CLONE_NEW, notIn: [0] }],
  },
  {
    calls: ["clone3"],
    errno: "ENOSYS",
    why: "flags lie in memory that a filter can't read; libc falls back to clone",
  },
  { calls: ["unshare", "setns"], errno: "EPERM", why: "namespaces, see clone" },
  {
    calls: ["socket"],
    errno: "EAFNOSUPPORT",
    why: "vsock, packet, bluetooth, alg, xdp and 40 more: not bounded by a network namespace, or rarely tested code",
    when: [{ arg: 0, notIn: [AF.UNIX, AF.INET, AF.INET6, AF.NETLINK] }],
  },
  {
    calls: ["socket"],
    errno: "EPROTONOSUPPORT",
    why: "os.networkInterfaces() needs NETLINK_ROUTE (0); netfilter, audit, crypto and the rest are attack surface",
    when: [
      { arg: 0, in: [AF.NETLINK] },
      { arg: 2, notIn: [0] },
    ],
  },
  {
    calls: ["socket"],
    errno: "EPERM",
    why: "raw (3) and packet (10) sockets",
    when: [
      { arg: 0, in: [AF.INET, AF.INET6] },
      { arg: 1, mask: SOCK_TYPE, in: [3, 10] },
    ],
  },
  {
    calls: ["socket"],
    errno: "EPROTONOSUPPORT",
    why: "only TCP (6) and UDP (17): others load modules (sctp, smc, mptcp)",
    when: [
      { arg: 0, in: [AF.INET, AF.INET6] },
      { arg: 2, notIn: [0, 6, 17] },
    ],
  },
  {
    calls: ["socketpair"],
    errno: "EAFNOSUPPORT",
    why: "tipc has pairs too",
    when: [{ arg: 0, notIn: [AF.UNIX] }],
  },
  {
    calls: ["ioctl"],
    errno: "EPERM",
    why: "TIOCSTI and TIOCLINUX type into the terminal of an attached operator; TIOCSETD loads line disciplines",
    when: [{ arg: 1, in: [0x5412, 0x541c, 0x5423] }],
  },
  {
    calls: ["personality"],
    errno: "EPERM",
    why: "switches off address randomisation; asking (ffff_ffff) and plain Linux (0, 8, with uname26) stay",
    when: [{ arg: 0, notIn: [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff] }],
  },
  {
    calls: ["mount", "umount2", "pivot_root", "chroot", "sysfs"],
    errno: "EPERM",
    why: "the file tree is the wall",
  },
  {
    calls: ["fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr"],
    errno: "EPERM",
    why: "the new way to mount",
  },
  {
    calls: ["name_to_handle_at", "open_by_handle_at"],
    errno: "EPERM",
    why: "opens files by number, past the tree",
  },
  {
    calls: ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"],
    errno: "EPERM",
    why: "memory and files of other processes, PID 1's first of all",
  },
  {
    calls: ["process_madvise", "process_mrelease", "migrate_pages", "move_pages"],
    errno: "EPERM",
    why: "memory of other processes",
  },
  {
    calls: ["add_key", "request_key", "keyctl"],
    errno: "EPERM",
    why: "keyrings belong to the uid, not to a sandbox",
  },
  {
    calls: ["io_uring_setup", "io_uring_enter", "io_uring_register"],
    errno: "EPERM",
    why: "opens sockets past this filter, and a long list of holes; libuv falls back to epoll",
  },
  {
    calls: ["bpf", "perf_event_open"],
    errno: "EPERM",
    why: "programs in the kernel, and a view of the whole machine",
  },
  { calls: ["userfaultfd"], errno: "EPERM", why: "makes kernel races winnable" },
  { calls: ["vmsplice", "memfd_secret"], errno: "EPERM", why: "past holes; nothing of ours calls them" },
  { calls: ["fanotify_init"], errno: "EPERM", why: "watches whole file systems" },
  {
    calls: ["kexec_load", "kexec_file_load", "reboot", "init_module", "finit_module", "delete_module"],
    errno: "EPERM",
    why: "the kernel itself",
  },
  {
    calls: ["create_module", "get_kernel_syms", "query_module"],
    errno: "EPERM",
    why: "the kernel itself, Linux 2.4",
  },
  {
    calls: ["swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog"],
    errno: "EPERM",
    why: "affairs of the host; its log tells addresses",
  },
  {
    calls: [
      "settimeofday",
      "clock_settime",
      "clock_adjtime",
      "adjtimex",
      "sethostname",
      "setdomainname",
      "vhangup",
    ],
    errno: "EPERM",
    why: "affairs of the host",
  },
  { calls: ["iopl", "ioperm", "modify_ldt"], errno: "EPERM", why: "ports and segments of the processor" },
  { calls: ["uselib", "ustat", "nfsservctl", "lookup_dcookie"], errno: "EPERM", why: "dead calls" },
];

/** Rules on top, for everything but PID 1 and the guest (loaded by stage.pl). */
export const AGENT_RULES: readonly Rule[] = [
  {
    calls: ["socket"],
    errno: "EPERM",
    why: "only the guest dials egress.sock and control.sock; socketpair stays for children",
    when: [{ arg: 0, in: [AF.UNIX] }],
  },
];

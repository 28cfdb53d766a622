# The stage between the guest (PID 1) and anything of the agent: it takes rights away from itself, then execs.
# Use: /usr/bin/perl /run/nemoclaw/config/stage.pl [--] PROGRAM ARG…      (PROGRAM: absolute, or found on PATH)
# Gives: Landlock, the agent's seccomp filter (no AF_UNIX sockets), no core dumps, default signals, only fds 0-2.
# Keeps: environment, working directory, process group, fds 0-2. Never: widens anything, or starts with a layer missing.
# Exit 125 and a line "stage: …" on stderr when it can't; 126/127 as a shell when PROGRAM can't be run.
use strict;
use warnings;
use Config;

my $DIR = '/run/nemoclaw/config';

my %NUMBERS = (
    x86_64  => { prctl => 157, seccomp => 317, prlimit64 => 302, rt_sigprocmask => 14, close => 3 },
    aarch64 => { prctl => 167, seccomp => 277, prlimit64 => 261, rt_sigprocmask => 135, close => 57 },
);
my ($arch) = $Config{archname} =~ /^(x86_64|aarch64)/ or refuse('this processor is not supported');
my $nr = $NUMBERS{$arch};
my ($LANDLOCK_CREATE, $LANDLOCK_ADD, $LANDLOCK_RESTRICT, $CLOSE_RANGE) = (444, 445, 446, 436);

sub refuse { print STDERR "stage: $_[0]\n"; exit 125 }

# A layer that this host can't give ends the stage, unless the operator chose best_effort (launcher makes the file).
my $BEST_EFFORT = -e "$DIR/best-effort";
sub missing { refuse($_[0]) unless $BEST_EFFORT }

shift @ARGV if @ARGV && $ARGV[0] eq '--';
refuse('no program given') unless @ARGV;

# -- out-of-memory: the agent goes before PID 1 (a process may always raise its own score).
if (open my $score, '>', '/proc/self/oom_score_adj') { print {$score} '300'; close $score }

# -- no core dumps (RLIMIT_CORE = 4), no new privileges (PR_SET_NO_NEW_PRIVS = 38).
my ($none, $unblocked) = ("\0" x 16, "\0" x 8);    # variables: syscall() wants writable strings
syscall($nr->{prlimit64}, 0, 4, $none, 0) == 0 or refuse("RLIMIT_CORE: $!");
syscall($nr->{prctl}, 38, 1, 0, 0, 0) == 0 or refuse("no_new_privs: $!");

landlock();
filter();

# -- the program starts with default signals, none blocked, and with fds 0-2 only.
for my $name (split ' ', $Config{sig_name}) {
    next if $name =~ /^(ZERO|KILL|STOP|NUM\d+|RTMIN|RTMAX|IOT|CLD|POLL|UNUSED)$/;
    $SIG{$name} = 'DEFAULT';
}
syscall($nr->{rt_sigprocmask}, 2, $unblocked, 0, 8);
if (syscall($CLOSE_RANGE, 3, 0xffffffff, 4) != 0) {    # 4: CLOSE_RANGE_CLOEXEC, Linux 5.11
    opendir my $fds, '/proc/self/fd' or refuse("/proc/self/fd: $!");
    my @open = grep { /^\d+$/ && $_ > 2 } readdir $fds;
    closedir $fds;
    syscall($nr->{close}, $_ + 0) for @open;
}

{ no warnings 'exec'; exec { $ARGV[0] } @ARGV }
my ($code, $why) = ($! == 2 ? 127 : 126, "$!");
print STDERR "stage: $ARGV[0]: $why\n";
exit $code;

# Files by Landlock. The network is not its business: the namespace has only loopback, which agents use for servers
# of their own on any port, and rules are by port number, not address: they could forbid, but not protect, anything.
sub landlock {
    my $abi = syscall($LANDLOCK_CREATE, 0, 0, 1);
    return missing("Landlock is not available: $!") if $abi < 1;

    my $READ  = 1 << 2 | 1 << 3;                              # READ_FILE, READ_DIR
    my $EXEC  = 1 << 0;
    my $WRITE = 1 << 1 | ($abi >= 3 ? 1 << 14 : 0);           # WRITE_FILE, TRUNCATE
    my $IOCTL = $abi >= 5 ? 1 << 15 : 0;                      # IOCTL_DEV
    my $MAKE  = 0x1fff & ~0xf & ~(1 << 6 | 1 << 11);          # remove and make all but device nodes
    $MAKE |= 1 << 13 if $abi >= 2;                            # REFER: rename across directories
    my $handled = 0x1fff | ($abi >= 2 ? 1 << 13 : 0) | ($abi >= 3 ? 1 << 14 : 0) | $IOCTL;

    my $attr = pack 'Q', $handled;
    $attr .= pack 'Q', 0   if $abi >= 4;                      # no port rules, see above
    $attr .= pack 'Q', 1|2 if $abi >= 6;                      # scopes: abstract unix sockets, signals
    my $set = syscall($LANDLOCK_CREATE, $attr, length $attr, 0);
    return missing("landlock_create_ruleset: $!") if $set < 0;

    my $all = $READ | $EXEC | $WRITE | $MAKE;
    my %may = (
        (map { $_ => $all } qw(/home/sandbox /tmp /dev/shm)),
        (map { $_ => $READ | $EXEC } qw(/usr /opt /bin /sbin /lib /lib64)),
        # egress/trust: certificates and placeholders that the gateway wrote; the socket beside it stays out of reach.
        (map { $_ => $READ } qw(/etc /run/nemoclaw/config /run/nemoclaw/egress/trust)),
        # /proc: own oom_score_adj is written by OpenClaw for its tools; PID 1's files stay shut by the ptrace rule.
        '/proc' => $READ | $WRITE,
        '/dev'  => $READ | $WRITE | $IOCTL,
    );
    for my $path (sort keys %may) {
        next if -l $path;                                     # /bin -> /usr/bin: its target has a rule
        sysopen my $fd, $path, 0x200000 or next;              # O_PATH
        my $rule = pack 'Ql', $may{$path} & $handled, fileno $fd;
        syscall($LANDLOCK_ADD, $set, 1, $rule, 0) == 0
            or refuse("landlock_add_rule $path: $!");
    }
    syscall($LANDLOCK_RESTRICT, $set, 0) == 0 or refuse("landlock_restrict_self: $!");
    syscall($nr->{close}, $set);
}

# The agent's own filter, on top of the sandbox's (which bubblewrap loaded before PID 1 began).
sub filter {
    open my $file, '<:raw', "$DIR/agent.bpf" or refuse("agent.bpf: $!");
    local $/;
    my $program = <$file>;
    close $file;
    my $count = length($program) / 8;
    refuse('agent.bpf is damaged') unless $count >= 1 && $count == int $count && $count <= 4096;
    my $fprog = pack 'S x6 P', $count, $program;
    syscall($nr->{seccomp}, 1, 0, $fprog) == 0 or missing("seccomp: $!");
}

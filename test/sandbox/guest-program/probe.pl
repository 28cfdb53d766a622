# Escape probes. `perl probe.pl NAME ARG…` tries one thing that a sandbox must not allow and prints one word: `done` when it
# went through, else the error's name. Refuses to run anywhere but in a sandbox.
use strict;
use warnings;
use Config;
use Errno;
use Fcntl;
use Socket;

# /sys is not there, shut, or (in a container, for the guest) empty.
my ($sys_dir, @sys);
@sys = grep { $_ !~ /^\./ } readdir $sys_dir if opendir $sys_dir, '/sys';
$ENV{SBX_INSIDE} and -e '/run/nemoclaw/config/sandbox.json' and -e '/opt/nemoclaw/guest/probe.pl' and !@sys
    or die "probe: not in a sandbox\n";

# Nothing may hang: whoever is refused must learn it at once.
alarm 3;

my $x64 = $Config{archname} =~ /^x86_64/;
my %NR = (
    clone => [56, 220], clone3 => [435, 435], unshare => [272, 97], setns => [308, 268], mount => [165, 40],
    umount2 => [166, 39], pivot_root => [155, 41], chroot => [161, 51], fsopen => [430, 430], fsmount => [432, 432],
    fspick => [433, 433], move_mount => [429, 429], open_tree => [428, 428], mount_setattr => [442, 442],
    ptrace => [101, 117], process_vm_readv => [310, 270], process_vm_writev => [311, 271], pidfd_open => [434, 434],
    pidfd_getfd => [438, 438], kcmp => [312, 272], keyctl => [250, 219], add_key => [248, 217],
    request_key => [249, 218], io_uring_setup => [425, 425], bpf => [321, 280], userfaultfd => [323, 282],
    perf_event_open => [298, 241], memfd_secret => [447, 447], name_to_handle_at => [303, 264],
    open_by_handle_at => [304, 265], fanotify_init => [300, 262], kexec_load => [246, 104],
    init_module => [175, 105], finit_module => [313, 273], delete_module => [176, 106], reboot => [169, 142],
    swapon => [167, 224], acct => [163, 89], syslog => [103, 116], quotactl => [179, 60], personality => [135, 92],
    sethostname => [170, 161], settimeofday => [164, 170], process_madvise => [440, 440], move_pages => [279, 239],
    vmsplice => [278, 75], mknodat => [259, 33], x32_getpid => [0x40000027, 0x40000027], future => [500, 500],
);

sub result {
    my $ok = shift;
    my ($errno) = grep { $!{$_} } qw(EPERM EACCES ENOENT ENOSYS EROFS EAFNOSUPPORT EPROTONOSUPPORT ENETUNREACH
        ECONNREFUSED ESRCH ENOTDIR EINVAL EFAULT EBADF EPROTOTYPE ENXIO ENODEV ENOTTY EIO EHOSTUNREACH EADDRNOTAVAIL EISCONN);
    print $ok ? "done\n" : ($errno // $! + 0) . "\n";
    exit 0;
}
sub writable { return "$_[0]" . '' }

my ($name, @args) = @ARGV;
my %probe = (
    # -- files
    read    => sub { result(sysopen my $f, $args[0], O_RDONLY) },
    write   => sub { result(sysopen my $f, $args[0], O_WRONLY | O_CREAT) },
    list    => sub { result(opendir my $d, $args[0]) },
    device  => sub { result(syscall(number('mknodat'), -100, writable('/home/sandbox/dev'), 0020666, 0x0103) == 0) },
    # -- system calls: the number and up to six numeric arguments
    call    => sub { my $nr = number(shift @args); result(syscall($nr, map { /^-?\d+$/ ? $_ + 0 : writable($_) } @args) >= 0) },
    # -- processes
    kill    => sub { result(kill $args[0], $args[1]) },
    getfd   => sub {
        my $fd = syscall(number('pidfd_open'), $args[0] + 0, 0);
        result(0) if $fd < 0;
        result(syscall(number('pidfd_getfd'), $fd, 0, 0) >= 0);
    },
    # -- network: family type protocol [sockaddr as hex]
    socket  => sub { result(socket my $s, $args[0], $args[1], $args[2]) },
    connect => sub {
        socket my $s, $args[0], $args[1], 0 or result(0);
        my $to = $args[0] == AF_INET6 ? pack_sockaddr_in6($args[3], Socket::inet_pton(AF_INET6, $args[2]))
               : $args[0] == AF_INET  ? pack_sockaddr_in($args[3], inet_aton($args[2]))
               :                        pack('S a*', AF_UNIX, $args[2] =~ s/^@/\0/r);
        local $SIG{ALRM} = sub { print "timeout\n"; exit 0 };
        alarm 3;
        result(connect $s, $to);
    },
    send    => sub {
        socket my $s, AF_INET, SOCK_DGRAM, 0 or result(0);
        result(defined send $s, 'x', 0, pack_sockaddr_in($args[1], inet_aton($args[0])));
    },
    # A datagram pair can be told to talk to somebody else: not to a stream socket, though.
    redial  => sub {
        socketpair my $a, my $b, AF_UNIX, SOCK_DGRAM, 0 or result(0);
        result(connect $a, pack('S a*', AF_UNIX, $args[0]));
    },
    resolve => sub {
        my ($error) = Socket::getaddrinfo($args[0], 80);
        print $error ? "unresolved\n" : "done\n";
    },
    # -- terminals
    tiocsti => sub {
        sysopen my $master, '/dev/ptmx', O_RDWR or result(0);
        result(ioctl $master, 0x5412, writable('x'));
    },
    # -- what is there
    env     => sub { print "$_=$ENV{$_}\n" for sort keys %ENV },
    fds     => sub { opendir my $d, '/proc/self/fd'; my $own = fileno $d; print join(' ', sort grep { /^\d/ && $_ != $own } readdir $d), "\n" },
    pair    => sub { result(socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, 0) },
    loopback => sub {
        socket my $l, AF_INET, SOCK_STREAM, 0 or result(0);
        bind $l, pack_sockaddr_in(0, INADDR_LOOPBACK) and listen $l, 1 or result(0);
        socket my $c, AF_INET, SOCK_STREAM, 0 or result(0);
        result(connect $c, getsockname $l);
    },
    hog     => sub { my @kept; push @kept, 'x' x (1 << 20) for 1 .. $args[0]; print "done\n" },
    forks   => sub {
        my $n = 0;
        while ($n < $args[0]) { my $pid = fork; last unless defined $pid; if (!$pid) { sleep 5; exit } $n++ }
        print "$n\n";
    },
);
sub number { my $pair = $NR{$_[0]} or die "probe: no call $_[0]\n"; return $pair->[$x64 ? 0 : 1] }
($probe{$name} or die "probe: no probe $name\n")->();

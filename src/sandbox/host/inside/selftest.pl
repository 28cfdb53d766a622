# What the boot self-test runs as PID 1 of a throw-away sandbox: tries what must not work and prints "NAME RESULT" lines
# for selftest.ts to judge. `agent` as argument: the part that runs behind stage.pl. Must refuse to run outside.
use strict;
use warnings;
use Config;
use Socket;

-e '/run/nemoclaw/config/sandbox.json' or die "selftest: not in a sandbox\n";
$| = 1;
my $x64 = $Config{archname} =~ /^x86_64/;
my %nr = $x64 ? (keyctl => 250, unshare => 272) : (keyctl => 219, unshare => 97);
sub say_result { print "$_[0] $_[1]\n" }
sub attempt { my ($name, $ok) = @_; say_result($name, $ok ? 'done' : $! + 0) }

if (@ARGV && $ARGV[0] eq 'agent') {
    # Both would go through by file modes alone: only Landlock refuses them.
    attempt('agent-root-dir', opendir my $dir, '/');
    attempt('agent-init-environ', open my $environ, '<', '/proc/1/environ');
    attempt('agent-home', open my $file, '>', '/home/sandbox/.selftest');
    attempt('agent-unix-socket', socket my $unix, AF_UNIX, SOCK_STREAM, 0);
    exit 0;
}

open my $status, '<', '/proc/self/status' or die;
while (<$status>) { say_result($1, $2) if /^(CapEff|CapBnd|Seccomp|NoNewPrivs):\s+(\w+)/ }
for my $ns (qw(cgroup ipc mnt net pid user uts)) { say_result("ns-$ns", readlink "/proc/self/ns/$ns") }

open my $dev, '<', '/proc/net/dev' or die;
say_result('interfaces', join ',', map { /^\s*(\w+):/ ? $1 : () } <$dev>);
socket my $tcp, AF_INET, SOCK_STREAM, 0;
attempt('connect', connect $tcp, pack_sockaddr_in(80, inet_aton('192.0.2.1')));

attempt('keyctl', syscall($nr{keyctl}, 0, -3, 0) >= 0);
attempt('unshare', syscall($nr{unshare}, 0x10000000) == 0);
attempt('usr', open my $usr, '>', '/usr/.selftest');

my $staged = fork // die;
if (!$staged) { exec '/usr/bin/perl', '/run/nemoclaw/config/stage.pl', '--', '/usr/bin/perl', $0, 'agent'; exit 127 }
waitpid $staged, 0;
say_result('stage', $? >> 8);
my $abi = syscall(444, 0, 0, 1);
say_result('landlock-abi', $abi);

my @children;
while (@children < 200) {
    my $pid = fork;
    last unless defined $pid;
    if (!$pid) { sleep 30; exit 0 }
    push @children, $pid;
}
say_result('forks', scalar @children);
kill 'KILL', @children;
waitpid $_, 0 for @children;

my $hog = fork // die;
if (!$hog) { my @kept; push @kept, 'x' x (1 << 20) for 1 .. 256; exit 0 }
waitpid $hog, 0;
say_result('hog-signal', $? & 127);
say_result('end', 'reached');

# The first moment of a container's PID 1: takes the lock on the home, sends what follows to the host's log file, then
# becomes PROGRAM. The lock and the log are files of the host, mounted one by one; no agent can open them (stage.pl).
# Use: perl dock.pl SECONDS PROGRAM ARG…   Exit 125 when another sandbox holds the home for longer than SECONDS.
use strict;
use warnings;
use Fcntl qw(:flock);

$^F = 10;                                               # the lock stays open over exec: it ends with PID 1
my $seconds = shift @ARGV;
sub refuse { print STDERR "dock: $_[0]\n"; exit 125 }

open my $log, '>>', '/run/nemoclaw/log' or refuse("log: $!");
open STDOUT, '>&', $log or refuse("stdout: $!");
open STDERR, '>&', $log or refuse("stderr: $!");
close $log;
open my $lock, '<', '/run/nemoclaw/lock' or refuse("lock: $!");
while (!flock $lock, LOCK_EX | LOCK_NB) {
    refuse('another sandbox is running on this home') if $seconds-- < 1;
    sleep 1;
}
exec { $ARGV[0] } @ARGV or refuse("$ARGV[0]: $!");

# The first moment of a sandbox's PID 1: waits until the launcher has put it under its limits, then becomes PROGRAM.
# Use: perl gate.pl NAME=SOFT[:HARD]… -- PROGRAM ARG…   One byte on fd 3 opens; end of file (the launcher died) ends it,
# so that nothing ever runs without its limits. Must never read anything that an agent can write.
use strict;
use warnings;
use Config;

my %RESOURCES = (cpu => 0, fsize => 1, data => 2, stack => 3, core => 4, nproc => 6, nofile => 7);
my $prlimit = $Config{archname} =~ /^x86_64/ ? 302 : 261;

sub refuse { print STDERR "gate: $_[0]\n"; exit 125 }

while (@ARGV) {
    my $word = shift @ARGV;
    last if $word eq '--';
    my ($name, $soft, $hard) = $word =~ /^(\w+)=(\d+)(?::(\d+))?$/ or refuse("bad limit $word");
    my $number = $RESOURCES{$name} // refuse("unknown limit $name");
    my ($old, $new) = ("\0" x 16, '');
    syscall($prlimit, 0, $number, 0, $old) == 0 or refuse("$name: $!");
    my $most = (unpack 'QQ', $old)[1];                  # a hard limit can only be lowered
    $hard = $soft unless defined $hard;
    ($soft, $hard) = map { $_ < $most ? $_ : $most } $soft, $hard;
    $new = pack 'QQ', $soft, $hard;
    syscall($prlimit, 0, $number, $new, 0) == 0 or refuse("$name: $!");
}

open my $gate, '<&=', 3 or refuse("fd 3: $!");
(sysread($gate, my $byte, 1) // 0) == 1 or exit 1;
close $gate;

# PID 1 inherits fds 0-2 and the lock, 4, whatever the launcher itself may have inherited.
if (syscall(436, 5, 0xffffffff, 4) != 0) {              # close_range, CLOSE_RANGE_CLOEXEC: Linux 5.11
    opendir my $fds, '/proc/self/fd' or refuse("/proc/self/fd: $!");
    my @open = grep { /^\d+$/ && $_ > 4 } readdir $fds;
    closedir $fds;
    my $close = $prlimit == 302 ? 3 : 57;
    syscall($close, $_ + 0) for @open;
}
exec { $ARGV[0] } @ARGV or refuse("$ARGV[0]: $!");

# Pages the memory of processes out to swap: perl pageout.pl PID…   Needs CAP_SYS_NICE and ptrace access to them.
# Numbers in, nothing else: run by the launcher, which has checked that the pids are one sandbox's.
use strict;
use warnings;
no warnings 'portable';    # addresses of 64 bits

my ($PROCESS_MADVISE, $PIDFD_OPEN, $PAGEOUT) = (440, 434, 21);    # one number on all processors
my $done = 0;
for my $pid (grep { /^\d+$/ } @ARGV) {
    my $fd = syscall($PIDFD_OPEN, $pid + 0, 0);
    next if $fd < 0;                                              # gone meanwhile
    open my $maps, '<', "/proc/$pid/maps" or next;
    while (<$maps>) {
        my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) / or next;
        next if /\[v(var|dso|syscall)/;
        my $vec = pack 'QQ', hex $from, hex($to) - hex $from;
        my $bytes = syscall($PROCESS_MADVISE, $fd, $vec, 1, $PAGEOUT, 0);
        if ($bytes < 0 && $!{EPERM}) { print STDERR "process_madvise: $!\n"; exit 1 }
        $done += $bytes if $bytes > 0;                            # locked mappings say EINVAL
    }
    close $maps;
    if (open my $handle, '<&=', $fd) { close $handle }
}
print "$done\n";

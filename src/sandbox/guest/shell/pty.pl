#!/usr/bin/perl
# Gives a program a terminal. Use: perl pty.pl COLUMNS ROWS -- PROGRAM ARG…
# fd 0: what is typed; fd 1: what is shown; fd 3: lines "COLUMNS ROWS", the window's new size. Ends with PROGRAM's status
# (128 + signal), and by hanging up when it is ended itself. Stays outside the agent's cage, which PROGRAM enters by the
# stage: so it must never look at what passes through it, and hands PROGRAM nothing but the terminal.
use strict;
use warnings;
use Fcntl;
use POSIX ();

# asm-generic/ioctls.h: the same on x86_64 and aarch64.
my ($TIOCSPTLCK, $TIOCGPTN, $TIOCSWINSZ, $TIOCSCTTY) = (0x40045431, 0x80045430, 0x5414, 0x540E);
my ($TCGETS, $TCSETS, $IUTF8) = (0x5401, 0x5402, 0x4000);

my ($columns, $rows, $dash, @program) = @ARGV;
die "pty: bad use\n" unless @program && $dash eq '--' && "$columns $rows" =~ /\A\d{1,4} \d{1,4}\z/;

sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK or die "pty: /dev/ptmx: $!\n";
my $number = pack 'i', 0;    # ioctl wants variables
ioctl $master, $TIOCSPTLCK, $number or die "pty: unlock: $!\n";
ioctl $master, $TIOCGPTN, $number or die "pty: number: $!\n";
my $name = '/dev/pts/' . unpack 'i', $number;
sysopen my $slave, $name, O_RDWR | O_NOCTTY or die "pty: $name: $!\n";
size($columns, $rows);
# Erasing takes whole characters, not bytes.
my $modes = "\0" x 64;
if (ioctl $slave, $TCGETS, $modes) {
    substr $modes, 0, 4, pack('I', unpack('I', $modes) | $IUTF8);
    ioctl $slave, $TCSETS, $modes;
}

my ($status, $hang_up);
$SIG{$_} = sub { $hang_up = 1 } for qw(HUP TERM);
$SIG{CHLD} = sub { };    # interrupts the wait below
$SIG{PIPE} = 'IGNORE';
my $pid = fork;
die "pty: fork: $!\n" unless defined $pid;
if ($pid == 0) {
    $SIG{$_} = 'DEFAULT' for qw(CHLD PIPE HUP TERM);
    POSIX::setsid();
    ioctl $slave, $TIOCSCTTY, 0;
    POSIX::dup2(fileno $slave, $_) for 0 .. 2;
    opendir my $open, '/proc/self/fd' or POSIX::_exit(125);
    my @fds = grep { /^\d+$/ && $_ > 2 } readdir $open;
    POSIX::close($_) for @fds;
    no warnings 'exec';
    exec { $program[0] } @program or POSIX::_exit(127);
}
close $slave;

open my $control, '<&=', 3 or die "pty: fd 3: $!\n";
fcntl STDOUT, F_SETFL, (fcntl(STDOUT, F_GETFL, 0) | O_NONBLOCK);
# Each way holds one piece at most: a side that doesn't take it stops the other, and only that way.
my ($typed, $shown, $sizes) = ('', '', '');
my ($typing, $sizing, $showing) = (1, 1, 1);
while ($showing && !$hang_up) {
    my ($in, $out) = ('', '');
    vec($in, 0, 1)               = 1 if $typing && $typed eq '';
    vec($in, fileno $control, 1) = 1 if $sizing;
    vec($in, fileno $master, 1)  = 1 if $shown eq '';
    vec($out, fileno $master, 1) = 1 if $typed ne '';
    vec($out, 1, 1)              = 1 if $shown ne '';
    # Once the program has ended, what it wrote is there already; what it left behind is not waited for. CHLD may come just
    # before the wait, so that isn't for ever.
    $status = $? if !defined $status && waitpid($pid, POSIX::WNOHANG()) == $pid;
    my $found = select $in, $out, undef, defined $status ? 0 : 1;
    next if $found < 0;
    last if defined $status && $found == 0 && $shown eq '';
    if ($sizing && vec $in, fileno $control, 1) {
        my $got = sysread $control, $sizes, 64, length $sizes;
        $sizing = 0 if !$got;
        size($1, $2) while $sizes =~ s/\A(\d{1,4}) (\d{1,4})\n//;
        $sizes = '' if length $sizes > 32;
    }
    if ($typing && vec $in, 0, 1) {
        $typing = 0 unless sysread STDIN, $typed, 16_384;
    }
    if (vec $out, fileno $master, 1) {
        my $put = syswrite $master, $typed;
        if (defined $put)          { substr $typed, 0, $put, '' }
        elsif (!$!{EAGAIN})        { ($typed, $typing) = ('', 0) }
    }
    if (vec $in, fileno $master, 1) {
        my $got = sysread $master, $shown, 65_536;
        # EIO: nobody has the terminal any more.
        $showing = 0 if !$got && !(!defined $got && $!{EAGAIN});
    }
    if (vec $out, 1, 1) {
        my $put = syswrite STDOUT, $shown;
        if (defined $put)   { substr $shown, 0, $put, '' }
        elsif (!$!{EAGAIN}) { last }
    }
}
close $master;    # whoever still has the terminal is hung up on
if (!defined $status) { waitpid $pid, 0; $status = $? }
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);

sub size {
    my $size = pack 'S4', $_[1], $_[0], 0, 0;
    ioctl $master, $TIOCSWINSZ, $size;
}

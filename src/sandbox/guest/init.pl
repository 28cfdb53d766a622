#!/usr/bin/perl
# PID 1 of a sandbox. Starts the guest (Node), reaps every orphan, passes signals on, and ends with the guest's
# status; the kernel then ends everything else in the PID namespace. Node can't do this itself: libuv only waits
# for children that it started. Owns nothing else: it must never read a file, open a socket or listen to the agent.
use strict;
use warnings;
use POSIX ();

my $here = $0 =~ s{[^/]*\z}{}r;
my @command = @ARGV ? @ARGV : ("/opt/node/bin/node", (grep { -e } map { "${here}main.$_" } "ts", "js")[0] // "main.ts");

my $guest;
# Handlers before the fork: PID 1 ignores every signal that it has no handler for.
for my $name (qw(TERM INT HUP USR1 USR2)) {
  $SIG{$name} = sub { kill $name, $guest if $guest };
}

$guest = fork;
die "init: fork: $!\n" unless defined $guest;
if ($guest == 0) {
  $SIG{$_} = "DEFAULT" for qw(TERM INT HUP USR1 USR2);
  # PID 1 alone holds what the host handed in (the lock on the home).
  opendir my $open, "/proc/self/fd" or die "init: /proc/self/fd: $!\n";
  my @fds = grep { /^\d+$/ && $_ > 2 } readdir $open;
  POSIX::close($_) for @fds;
  no warnings "exec";
  exec { $command[0] } @command or do { print STDERR "init: $command[0]: $!\n"; exit 127 };
}

while (1) {
  my $pid = wait;
  if ($pid == -1) { next if $!{EINTR}; exit 1 }
  next if $pid != $guest;
  exit($? & 127 ? 128 + ($? & 127) : $? >> 8);
}

# A guest for tests: PID 1 reaps, its first child runs what the test asks for and writes down what came out.
# A job is a file `NAME.job` in ~/.jobs: NUL-separated words, the first is `agent` (through the stage) or `guest`.
use strict;
use warnings;

my $dir = '/home/sandbox/.jobs';
my $runner = fork // die;
if ($runner) {
    while ((my $gone = wait) != -1) { exit 1 if $gone == $runner }
    exit 1;
}
$SIG{CHLD} = 'DEFAULT';
mkdir $dir;
chmod 0777, $dir;
while (1) {
    for my $job (glob "$dir/*.job") {
        open my $file, '<', $job or next;
        local $/;
        my ($as, @words) = split /\0/, <$file>;
        close $file;
        unlink $job;
        my $name = $job =~ s/\.job$//r;
        @words = ('/usr/bin/perl', '/run/nemoclaw/config/stage.pl', '--', @words) if $as eq 'agent';
        next if fork;
        my $pid = fork // die;
        if (!$pid) {
            open STDIN,  '<', '/dev/null';
            # What a careless guest might leave open: the stage has to close it.
            open my $leak, '>', "$dir/leak";
            require Fcntl;
            fcntl $leak, Fcntl::F_SETFD(), 0;
            open STDOUT, '>', "$name.out";
            open STDERR, '>&', \*STDOUT;
            $ENV{SBX_INSIDE} = 1;
            exec { $words[0] } @words;
            exit 127;
        }
        waitpid $pid, 0;
        open my $rc, '>', "$name.tmp";
        print {$rc} ($? & 127 ? 128 + ($? & 127) : $? >> 8);
        close $rc;
        rename "$name.tmp", "$name.rc";
        exit 0;
    }
    select undef, undef, undef, 0.02;
    1 while waitpid(-1, 1) > 0;
}

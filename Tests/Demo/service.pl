#!/usr/bin/perl
# A small service for the demonstration. perl-base is part of every Debian, so nothing has to be installed for it.
#
#   service.pl database PORT            answers every connection with "ready"
#   service.pl web PORT DATABASE_PORT   answers HTTP: 200 "ok" while the database answers, else 503
#   service.pl worker FILE              works while FILE exists, else it ends with an error at once
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($kind, @arguments) = @ARGV;
die "usage: service.pl database|web|worker ...\n" unless defined $kind;

if ($kind eq 'worker') {
    my ($file) = @arguments;
    die "cannot read its configuration $file\n" unless -e $file;
    print "worker is ready\n";
    sleep 1 while -e $file;
    die "its configuration $file is gone\n";
}

my ($port, $database) = @arguments;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1)
    or die "cannot listen on 127.0.0.1:$port: $!\n";
print "$kind listens on 127.0.0.1:$port\n";

while (my $client = $listener->accept) {
    if ($kind eq 'database') {
        print $client "ready\n";
    } else {
        # Read the request's head, but wait for nobody for long.
        eval {
            local $SIG{ALRM} = sub { die "late\n" };
            alarm 1;
            while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
            alarm 0;
        };
        my $is_up = database_answers($database);
        my ($status, $body) = $is_up ? ('200 OK', "ok\n") : ('503 Service Unavailable', "the database does not answer\n");
        print $client "HTTP/1.1 $status\r\nContent-Type: text/plain\r\nContent-Length: " . length($body)
            . "\r\nConnection: close\r\n\r\n$body";
    }
    close $client;
}

sub database_answers {
    my ($port) = @_;
    my $answer = '';
    eval {
        local $SIG{ALRM} = sub { die "late\n" };
        # A database that hangs still accepts connections: only its word counts.
        alarm 1;
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "refused\n";
        $answer = <$socket> // '';
        alarm 0;
    };
    alarm 0;
    return $answer =~ /^ready/;
}

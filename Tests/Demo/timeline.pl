#!/usr/bin/perl
# Turns heald's journal (journalctl --output=short-precise on standard input) into a timeline for people.
# HEALD_DEMO_COLOUR=yes colours it.
use strict;
use warnings;

$| = 1;
my $colour = ($ENV{HEALD_DEMO_COLOUR} // '') eq 'yes';
my %codes = (DOWN => 31, RESTART => 36, done => 2, WELL => 32, ALERT => 33, 'GIVEN UP' => 33, waits => 2, proof => 2, LEVEL => 33);

while (my $line = <STDIN>) {
    my ($time, $text) = $line =~ /(\d\d:\d\d:\d\d\.\d{3})\d* \S+ [^:]+: (.*)/ or next;
    my %field;
    while ($text =~ /([\w-]+)=("(?:[^"\\]|\\.)*"|\S+)/g) {
        my ($key, $value) = ($1, $2);
        $value =~ s/^"(.*)"$/$1/;
        $value =~ s/\\"/"/g;
        $field{$key} = $value;
    }
    my ($what, $detail);
    if ($text =~ /^Incident opened/) {
        ($what, $detail) = ('DOWN', "$field{message}  ($field{check}: $field{reason})");
    } elsif ($text =~ /^Action begins/) {
        ($what, $detail) = ($field{action}, "attempt $field{attempt}");
    } elsif ($text =~ /^Action ended/) {
        ($what, $detail) = ('done', "$field{result}: $field{detail}");
    } elsif ($text =~ /^Repair verified/) {
        ($what, $detail) = ('proof', ($field{succeeded} eq 'true' ? 'it holds: ' : 'it did not help: ') . $field{detail});
    } elsif ($text =~ /^Incident resolved/) {
        my %healers = (heald => 'healed by heald', dependency => 'came back with what it needs', itself => 'by itself',
            person => 'healed by a person', systemd => 'healed by systemd');
        ($what, $detail) = ('WELL', $healers{$field{by}} // $field{by});
    } elsif ($text =~ /exhausted/) {
        ($what, $detail) = ('GIVEN UP', 'every step was tried; people were told');
    } elsif ($text =~ /^Level of degradation changed/) {
        ($what, $detail) = ('LEVEL', "$field{from} → $field{to}: $field{why}");
    } elsif ($text =~ /^Note/) {
        ($what, $detail) = ('waits', $field{text});
    } elsif ($text =~ /suppressed/i) {
        ($what, $detail) = ('waits', 'for ' . ($field{'root-cause'} // $field{root} // 'what it needs'));
    } else {
        next;
    }
    $field{component} //= 'host' if defined $what && $what eq 'LEVEL';
    next unless defined $field{component};
    my $code = $codes{$what} // 0;
    $detail = substr($detail, 0, 96) . '…' if length $detail > 97;
    my $row = sprintf '  %s  %-9s %-9s %s', $time, $field{component}, $what, $detail;
    $row = "\e[${code}m$row\e[0m" if $colour && $code;
    print "$row\n";
}

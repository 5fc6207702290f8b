#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# A filter on Sendmail::PMilter that takes mail away from the MTA, as MailScanner's milter is described
# to: a listed sender is rejected, mail from loopback is let through (or not), and every other message
# is written to a spool and then discarded, for a scanner to deliver it later. A message that cannot be
# written is a temporary failure, and none is ever there in part.
#
#     pmilter_spool.pl inet:PORT@127.0.0.1 SPOOL [ignore-loopback=yes|no] [reject=ADDRESS]...
#
# A message grows in SPOOL/ID.part, and is SPOOL/ID.msg once it is whole: lines `client`, `from`, `rcpt`
# and an empty one, then the message. What it does stands on standard error.

use strict;
use warnings;

use IO::Handle;
use Sendmail::PMilter qw(:all);
use Socket;

my ($address, $spool, @words) = @ARGV;
die "usage: pmilter_spool.pl ADDRESS SPOOL [WORD...]\n" unless defined $spool;

my %rejected = map { lc $_ => 1 } map { /^reject=(.*)/ ? $1 : () } @words;
my $ignore_loopback = grep { $_ eq 'ignore-loopback=yes' } @words;
my $count = 0;

STDERR->autoflush(1);
$SIG{XFSZ} = 'IGNORE';    # a file that may grow no more is a full disk: an error, not an end

# One connection's state, in $ctx->getpriv: client, from, rcpt; part and out while a message is written;
# let_through for a client whose mail is none of ours. An MTA that goes on after the ACCEPT at connect (they
# exist) is told so again and again: to discard what it keeps sending would lose the message.

sub say_so { print STDERR "$$ @_\n" }

# The open message goes away, with all that is there of it.
sub forget {
    my ($ctx, $why) = @_;
    my $state = $ctx->getpriv or return;
    if (defined $state->{part}) {
        close $state->{out} if $state->{out};
        unlink $state->{part};
        say_so("gone: $state->{id}, $why");
    }
    delete @$state{qw(part out id failed from rcpt)};
}

sub failed {
    my ($state, $what) = @_;
    $state->{failed} = "$what: $!";
    say_so("tempfail: $state->{failed}");
}

# Writes to the open message; what fails once stays failed.
sub put {
    my ($state, $text) = @_;
    while (length $text && !$state->{failed}) {
        my $done = syswrite $state->{out}, $text;
        defined $done ? substr($text, 0, $done, '') : failed($state, 'write');
    }
    return !$state->{failed};
}

# Begins the message's file, when the envelope is known.
sub begin {
    my ($state) = @_;
    $state->{id} = $$ . '-' . ++$count;
    my $part = "$spool/$state->{id}.part";
    if (!open $state->{out}, '>:raw', $part) {
        failed($state, $part);
        delete $state->{out};
        return 0;
    }
    $state->{part} = $part;
    return put($state, join '', "client $state->{client}\n", "from $state->{from}\n",
        map({ "rcpt $_\n" } @{$state->{rcpt}}), "\n");
}

# Whether the file is open and whole so far; opens it first. Not outside a message: PMilter hands on
# whatever comes, in any order.
sub writing {
    my ($state) = @_;
    return 0 if !$state || !defined $state->{from} || $state->{failed};
    return $state->{out} ? 1 : begin($state);
}

sub tempfail {
    my ($ctx) = @_;
    $ctx->setreply('452', '4.3.1', 'The spool cannot take this message');
    forget($ctx, 'not written');
    return SMFIS_TEMPFAIL;
}

sub is_loopback {
    my ($packed) = @_;
    return 0 unless defined $packed;
    my $family = sockaddr_family($packed);
    return (unpack_sockaddr_in($packed))[1] =~ /^\x7f/ if $family == AF_INET;
    return (unpack_sockaddr_in6($packed))[1] eq inet_pton(AF_INET6, '::1') if $family == AF_INET6;
    return 0;
}

sub on_connect {
    my ($ctx, $host, $packed) = @_;
    forget($ctx, 'a new client');
    $ctx->setpriv({client => $host});
    say_so("connect: $host");
    if ($ignore_loopback && is_loopback($packed)) {
        say_so('accept: loopback');
        $ctx->getpriv->{let_through} = 1;
        return SMFIS_ACCEPT;
    }
    return SMFIS_CONTINUE;
}

sub on_mail {
    my ($ctx, $from) = @_;
    forget($ctx, 'a new message');
    my $state = $ctx->getpriv || {client => '?'};
    @$state{qw(from rcpt)} = ($from, []);
    $ctx->setpriv($state);
    my ($bare) = $from =~ /^<?([^>]*)/;
    if ($rejected{lc $bare}) {
        say_so("reject: $from");
        $ctx->setreply('550', '5.7.1', 'This sender is listed');
        return SMFIS_REJECT;
    }
    return SMFIS_CONTINUE;
}

sub on_rcpt {
    my ($ctx, $rcpt) = @_;
    my $state = $ctx->getpriv;
    return tempfail($ctx) unless $state && defined $state->{from};
    push @{$state->{rcpt}}, $rcpt;
    return SMFIS_CONTINUE;
}

sub on_header {
    my ($ctx, $name, $value) = @_;
    my $state = $ctx->getpriv;
    return writing($state) && put($state, "$name: $value\n") ? SMFIS_CONTINUE : tempfail($ctx);
}

sub on_eoh {
    my ($ctx) = @_;
    my $state = $ctx->getpriv;
    return writing($state) && put($state, "\n") ? SMFIS_CONTINUE : tempfail($ctx);
}

sub on_body {
    my ($ctx, $data) = @_;
    my $state = $ctx->getpriv;
    return writing($state) && put($state, $data) ? SMFIS_CONTINUE : tempfail($ctx);
}

sub on_eom {
    my ($ctx) = @_;
    my $state = $ctx->getpriv;
    return tempfail($ctx) unless writing($state);
    my $whole = $state->{part} =~ s/\.part$/.msg/r;
    if (!$state->{out}->sync || !close($state->{out}) || !rename($state->{part}, $whole)) {
        failed($state, $whole);
        return tempfail($ctx);
    }
    say_so("discard: $state->{id} is in the spool");
    delete @$state{qw(part out id from rcpt)};
    return SMFIS_DISCARD;
}

# A callback that leaves those alone who are let through.
sub unless_let_through {
    my ($callback) = @_;
    return sub {
        my $state = $_[0]->getpriv;
        return $state && $state->{let_through} ? SMFIS_ACCEPT : $callback->(@_);
    };
}

my $milter = Sendmail::PMilter->new;
$milter->setconn($address) or die "$address: $!\n";
$milter->register(
    'milterdrill-spool',
    {
        connect => \&on_connect,
        envfrom => unless_let_through(\&on_mail),
        envrcpt => unless_let_through(\&on_rcpt),
        header => unless_let_through(\&on_header),
        eoh => unless_let_through(\&on_eoh),
        body => unless_let_through(\&on_body),
        eom => unless_let_through(\&on_eom),
        abort => sub { forget($_[0], 'abort'); SMFIS_CONTINUE },
        close => sub { forget($_[0], 'the connection ended'); say_so('close'); SMFIS_CONTINUE },
    },
    0
) or die "register: $!\n";
$milter->set_dispatcher(Sendmail::PMilter::postfork_dispatcher());
$milter->main;

#!/usr/bin/perl
# SPDX-License-Identifier: MIT
#
# A filter on Sendmail::PMilter with every callback, which lets everything pass: what the model `pmilter`
# is held to.
#
#     pmilter_plain.pl inet:PORT@127.0.0.1

use strict;
use warnings;

use Sendmail::PMilter qw(:all);

my ($address) = @ARGV;
die "usage: pmilter_plain.pl ADDRESS\n" unless defined $address;

my %callbacks = map { $_ => sub { SMFIS_CONTINUE } }
    qw(connect helo envfrom envrcpt header eoh body abort close);
$callbacks{eom} = sub { SMFIS_ACCEPT };

my $milter = Sendmail::PMilter->new;
$milter->setconn($address);
$milter->register('plain', \%callbacks, 0);
$milter->set_dispatcher(Sendmail::PMilter::postfork_dispatcher);
$milter->main;

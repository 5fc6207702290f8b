# SPDX-License-Identifier: MIT
"""Known deviations of real programs that take a setting or a client of their own: the others are
scenarios of the catalogue (ci/findings.md has all, by id)."""

import os

import pytest

from peers.libmilter import Libmilter
from peers.postfix import Postfix
from peers.sendmail import Sendmail

QUESTION = 'drill 1 "a known deviation" tests={side}\n'


@pytest.fixture(name="play")
def fixture_play(drill, work):
    def play(side, text, *words):
        path = os.path.join(work, "x.drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write(QUESTION.format(side=side) + text)
        return drill("run", *words, "--timeout", "20s", path)

    return play


@pytest.mark.parametrize("mta,line", [(Postfix, "FOOBAR"), (Sendmail, "FOOBAR and more")],
                         ids=["postfix", "sendmail"])
def test_an_unknown_command_is_shown_with_its_words_or_without(play, mta, line):
    """P-13"""
    if mta.missing():
        pytest.skip(mta.missing())
    with mta() as peer:
        play("mta", 'smtp after=helo send="FOOBAR and more"\n...\n'
             f'> unknown line="{line}"\n< continue\n...\nverdict accept\n', "--listen",
             peer.milter, "--smtp", f"127.0.0.1:{peer.port}").check_exit(0)


@pytest.mark.parametrize("refused", [
    '> bodyeob data="the last bytes"\n< reject\n< reject\n',
    '> body\n< reject\n> bodyeob\n< silence for=200ms\n> close\n'], ids=["bodyeob", "body"])
def test_bytes_at_the_end_that_a_filter_refuses_are_refused_twice(play, refused):
    """L-3; in a frame of their own they are refused once, and what follows is dropped."""
    if Libmilter.missing():
        pytest.skip(Libmilter.missing())
    with Libmilter(words=["body=reject"]) as peer:
        play("milter", f"...\n> eoh\n< continue\n{refused}", "--milter",
             peer.address).check_exit(0)


def test_after_an_early_accept_nothing_of_the_message_is_answered(play):
    """L-6"""
    if Libmilter.missing():
        pytest.skip(Libmilter.missing())
    with Libmilter(words=["rcpt=accept"]) as peer:
        play("milter", '...\n> rcpt\n< accept\n> header name="X" value="1"\n< silence for=300ms\n'
             "> mail\n< continue\n> abort\n> quit\n> close\n", "--milter",
             peer.address).check_exit(0)


# Ruleset 0 gives this recipient to the error mailer.
REFUSES = 'LOCAL_RULE_0\nRrefused < @ $+ > $*\t$#error $@ 5.1.1 $: "550 no such user"\n'


@pytest.mark.parametrize("steps", ["0", "rcpt_rej"])
def test_of_a_refused_recipient_a_milter_hears_nothing(play, steps):
    """D-9, otherwise than noted: neither its macros come, nor with rcpt_rej the command."""
    if Sendmail.missing():
        pytest.skip(Sendmail.missing())
    with Sendmail(more=REFUSES) as peer:
        play("mta", 'message rcpt="<refused@mx.example.com>" rcpt="<bob@example.com>"\n'
             f"> optneg\n< optneg protocol={steps}\n...\n> mail\n< continue\n"
             '> macro stage=rcpt {rcpt_addr}="bob@example.com"\n> rcpt address="<bob@example.com>"\n'
             '< continue\n...\nverdict at=rcpt rcpt="<refused@mx.example.com>" reject\n', "--listen",
             peer.milter, "--smtp", f"127.0.0.1:{peer.port}").check_exit(0)

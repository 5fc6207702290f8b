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

# SPDX-License-Identifier: MIT
"""A spooling filter on Sendmail::PMilter: a message is in its spool whole, or not at all."""

import os
import smtplib

import pytest

from peers.base import wait_until
from peers.libmilter import Libmilter
from peers.pmilter import Pmilter
from peers.postfix import Postfix
from sending import SECONDS, both_versions, check_logged, mail, play, send

COMMANDS = ("optneg", "connect", "helo", "mail", "rcpt", "header", "eoh", "body", "bodyeob")
FULL = ("--client", "127.0.0.1")


@pytest.fixture(name="spool")
def fixture_spool(pmilter):
    """The filter, with nothing in its spool."""
    pmilter.empty()
    return pmilter


@pytest.fixture(name="limited", scope="module")
def fixture_limited():
    """One whose disk is full after 64 KiB, and which does not let loopback through."""
    if Pmilter.missing():
        pytest.skip(Pmilter.missing())
    with Pmilter(file_limit=1 << 16, ignore_loopback=False) as peer:
        yield peer


def check_nothing_left(peer, connections):
    """It is done with so many connections, and its spool is empty."""
    assert wait_until(lambda: peer.closed() >= connections, peer.alive, SECONDS), peer.log()
    assert not peer.parts() and not peer.messages(), peer.log()


def play_cut(drill, peer, work, steps):
    before = peer.closed()
    play(drill, peer, work, steps).check_exit(0)
    assert wait_until(lambda: peer.closed() > before, peer.alive, SECONDS), peer.log()


@both_versions
def test_a_message_is_spooled_whole_and_discarded(drill, spool, work, version):
    sent = send(drill, spool, mail(work, "Hello.\nBob?\n"), version).check("accept", "250")
    assert "< discard" in sent.lines, sent.result.dump("not discarded")
    [message] = spool.messages()
    assert message.startswith(b"client client.example\nfrom <alice@example.org>\n"
                              b"rcpt <bob@example.com>\n\nFrom: Alice Ashby"), message
    assert message.endswith(b"\n\nHello.\r\nBob?\r\n"), message
    check_logged(spool, "is in the spool")


def test_a_listed_sender_is_rejected(drill, spool, work):
    send(drill, spool, mail(work), 6, "--from", "listed@example.org").check(
        "reject", "550 5.7.1 This sender is listed")
    assert not spool.messages() and not spool.parts()


@pytest.mark.parametrize("mta", ["postfix", "stalwart"])
def test_loopback_is_let_through(drill, spool, work, mta):
    """Also when the MTA goes on after the ACCEPT: to discard what it sends then would lose mail."""
    result = drill("send", "--milter", spool.address, "--mta", mta, "--message", mail(work),
                   *FULL).check_exit(0).check_out("< accept")
    assert "< discard" not in result.out, result.dump("discarded")
    assert not spool.messages() and not spool.parts()


def test_loopback_can_be_treated_as_all_others(drill, limited, work):
    limited.empty()
    sent = send(drill, limited, mail(work), 6, *FULL).check("accept")
    assert "< discard" in sent.lines and len(limited.messages()) == 1


def test_a_full_disk_is_a_temporary_failure(drill, limited, work):
    limited.empty()
    before = limited.closed()
    send(drill, limited, mail(work, "a line of a long message\n" * 8000)).check(
        "tempfail", "452 4.3.1 The spool cannot take this message")
    check_nothing_left(limited, before + 1)
    send(drill, limited, mail(work)).check("accept")
    assert len(limited.messages()) == 1


def test_a_spool_that_is_not_there_is_a_temporary_failure(drill, spool, work):
    os.rename(spool.spool, spool.spool + ".away")
    try:
        send(drill, spool, mail(work)).check("tempfail", "452 4.3.1")
    finally:
        os.rename(spool.spool + ".away", spool.spool)
    send(drill, spool, mail(work)).check("accept")
    assert len(spool.messages()) == 1 and not spool.parts()


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_conversation_cut_within_a_frame_leaves_nothing(drill, spool, work, command, end):
    play_cut(drill, spool, work, f"...\n> {command} cut=4\n> {end}\n")
    assert not spool.parts() and not spool.messages(), spool.log()


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_a_conversation_cut_behind_a_frame_leaves_nothing(drill, spool, work, command, end):
    play_cut(drill, spool, work, f"...\n> {command}\n> {end}\n")
    assert not spool.parts() and not spool.messages(), spool.log()


def test_a_reply_that_is_not_waited_for_leaves_a_whole_message_or_none(drill, spool, work):
    play_cut(drill, spool, work, "...\n> bodyeob\n> reset\n")
    assert not spool.parts(), spool.log()
    assert all(message.endswith(b"Hello.\r\n") for message in spool.messages())


@pytest.mark.parametrize("command,began", [("rcpt", 0), ("header", 1), ("eoh", 1), ("body", 1)])
def test_an_aborted_message_leaves_nothing(drill, spool, work, command, began):
    """It is the abort that does it, not the end of the connection behind it."""
    before = spool.said(", abort")
    play_cut(drill, spool, work, f"...\n> {command}\n< continue\n> abort\n> quit\n")
    assert not spool.parts() and not spool.messages(), spool.log()
    assert spool.said(", abort") == before + began, spool.log()


def test_behind_an_aborted_message_the_next_is_whole(drill, spool, work):
    play_cut(drill, spool, work,
             'message from="<first@example.org>"\nmessage from="<second@example.org>"\n'
             'body data="Second.\\r\\n"\n...\n> body\n< continue\n> abort\n...\n> bodyeob\n'
             "< discard\n...\n")
    [message] = spool.messages()
    assert b"from <second@example.org>" in message and message.endswith(b"\n\nSecond.\r\n"), message
    assert not spool.parts()


def test_a_new_sender_without_an_abort_drops_the_message(drill, spool, work):
    before = spool.said(", a new message")
    play_cut(drill, spool, work, '...\n> body\n< continue\n> mail address="<next@example.org>"\n'
                                 "< continue\n> close\n")
    assert not spool.parts() and not spool.messages(), spool.log()
    assert spool.said(", a new message") == before + 1, spool.log()


@pytest.mark.parametrize("command", ["rcpt", "header", "eoh", "body", "bodyeob"])
def test_outside_a_message_nothing_is_written(drill, spool, work, command):
    play_cut(drill, spool, work, f"...\n> helo\n< continue\n> {command}\n< replycode\n> close\n")
    assert not spool.parts() and not spool.messages(), spool.log()


def test_two_messages_of_a_connection_are_both_there(drill, spool, work):
    play_cut(drill, spool, work, 'message from="<first@example.org>"\n'
                                 'message from="<second@example.org>"\n...\n')
    assert [b"<first@" in spool.messages()[0], b"<second@" in spool.messages()[1]] == [True, True]
    assert not spool.parts()


def ask_both(spool, words):
    """What a Postfix with two milters says at the end of the data, and what it has then."""
    first = Libmilter(logging=True, words=words)
    if first.missing() or Postfix.missing():
        pytest.skip(first.missing() or Postfix.missing())
    with first, Postfix(smtpd_milters=f"inet:127.0.0.1:{first.port}, "
                                      f"inet:127.0.0.1:{spool.port}") as mta:
        with smtplib.SMTP("127.0.0.1", mta.port, timeout=SECONDS) as client:
            client.ehlo("client.example")
            assert client.docmd("XCLIENT", "ADDR=192.0.2.7 NAME=a.example")[0] == 220
            client.ehlo("client.example")
            client.docmd("MAIL", "FROM:<alice@example.org>")
            client.docmd("RCPT", "TO:<bob@example.com>")
            code, _ = client.data(b"From: <alice@example.org>\r\nSubject: a test\r\n\r\nHello.\r\n")
        assert wait_until(lambda: not mta.queue_files(), mta.alive, SECONDS), mta.log()
        assert mta.lines("milter-"), mta.log()
    return code


def test_as_the_last_of_two_it_gets_what_the_first_made(spool):
    assert ask_both(spool, ["actions=1", "addheader=X-First:yes"]) == 250
    [message] = spool.messages()
    assert b"\nX-First: yes\n" in message and message.endswith(b"\n\nHello.\r\n"), message
    assert not spool.parts()


def test_as_the_last_of_two_it_keeps_nothing_that_the_first_refuses(spool):
    before = spool.closed()
    assert ask_both(spool, ["bodyeob=550 5.7.1 no"]) == 550
    check_nothing_left(spool, before + 1)

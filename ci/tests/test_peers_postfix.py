# SPDX-License-Identifier: MIT
"""milterdrill as the milter of a real Postfix: what it tells its client, logs, and delivers.

Python's smtplib is the client here, so that milterdrill's own is not both judge and witness.
"""

import concurrent.futures
import os
import smtplib
import socket

import pytest

from fakes import MailSink
from peers.base import listens, wait_until
from peers.postfix import Postfix

HEADER = b"From: <alice@example.org>\r\nTo: <bob@example.com>\r\nSubject: a test\r\n\r\n"
MESSAGE = HEADER + b"caf\xe9\r\n.\r\n..dots\r\n"
SECONDS = 20


@pytest.fixture(scope="module")
def sink():
    with MailSink() as server:
        yield server


@pytest.fixture(scope="module")
def postfix(sink):
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    with Postfix(sink=sink.port) as peer:
        yield peer


class Milter:
    """milterdrill as the milter, while the `with` block talks to the MTA; then .result."""

    def __init__(self, drill, peer, folder, text):
        self.path = os.path.join(folder, "x.drill")
        with open(self.path, "w", encoding="utf-8") as out:
            out.write('drill 1 "a question to Postfix" tests=mta\n' + text)
        self.drill, self.peer, self.result = drill, peer, None
        self.pool = concurrent.futures.ThreadPoolExecutor(1)

    def __enter__(self):
        self.run = self.pool.submit(self.drill, "run", "--listen", self.peer.milter, "--timeout",
                                    f"{SECONDS}s", self.path)
        assert wait_until(lambda: listens(self.peer.milter_port), lambda: not self.run.done()), \
            self.run.result().dump("nobody listens")
        return self

    def __exit__(self, *exc):
        self.result = self.run.result()
        self.pool.shutdown()
        self.result.check_exit(0)


def replies(peer, message=MESSAGE, rcpts=("<bob@example.com>",)):
    """{stage: (code, text)} up to the first refusal; `mail` is what an envelope is told."""
    told = {}
    with smtplib.SMTP("127.0.0.1", peer.port, timeout=SECONDS) as client:
        told["helo"] = client.ehlo("client.example")
        told["mail"] = client.docmd("MAIL", "FROM:<alice@example.org>")
        if told["mail"][0] == 250:
            told["rcpt"] = [client.docmd("RCPT", f"TO:{rcpt}") for rcpt in rcpts]
        if any(code == 250 for code, _ in told.get("rcpt", ())):
            told["bodyeob"] = client.data(message)
    return told


def logged(peer, text):
    """Its log comes through a process of its own, and so a moment later."""
    assert wait_until(lambda: peer.lines(text), peer.alive, SECONDS), peer.log()


def test_accepted_mail_is_delivered(drill, postfix, sink, work):
    before = len(sink.taken)
    with Milter(drill, postfix, work, "...\n> bodyeob\n< accept\n"):
        assert replies(postfix)["bodyeob"][0] == 250, postfix.log()
    assert wait_until(lambda: len(sink.taken) > before, postfix.alive, SECONDS), postfix.log()
    assert sink.taken[-1][1].endswith(b"caf\xe9\r\n..\r\n...dots\r\n"), sink.taken[-1]
    assert wait_until(lambda: not postfix.queue_files(), postfix.alive, SECONDS), postfix.log()


def test_reject_at_the_end_of_the_message(drill, postfix, sink, work):
    before = len(sink.taken)
    with Milter(drill, postfix, work, "...\n> bodyeob\n< reject\n"):
        code, text = replies(postfix)["bodyeob"]
    assert (code, text) == (550, b"5.7.1 Command rejected"), postfix.log()
    logged(postfix, "milter-reject: END-OF-MESSAGE")
    assert not postfix.queue() and len(sink.taken) == before


@pytest.mark.parametrize("end,line", [("close", "Application error"),
                                      ("reset", "Connection reset by peer")])
def test_lost_milter_at_mail(drill, postfix, work, end, line):
    with Milter(drill, postfix, work, f"...\n> mail\n< {end}\n"):
        code, text = replies(postfix)["mail"]
    assert code == 451 and text.startswith(b"4.7.1 Service unavailable"), postfix.log()
    logged(postfix, f"can't read SMFIC_MAIL reply packet header: {line}")


@pytest.mark.parametrize("raw,line", [
    (r"\0\0\0\0", "bad packet length: 0"),
    (r"\xff\xff\xff\xff", "unreasonable packet length: 4294967295"),
    (r"\0\0\0\x05c1234", "reply SMFIR_CONTINUE was followed by"),
    (r"\0\0\0\x01?", "unexpected filter response (unknown filter reply) after event SMFIC_MAIL"),
    (r"\0\0\0\x07hX\0\x31\0z\0", "unexpected filter response SMFIR_ADDHEADER after event"),
])
def test_what_postfix_says_of_a_broken_reply(drill, postfix, work, raw, line):
    with Milter(drill, postfix, work, f'...\n> mail\n< raw data="{raw}"\n> hangup\n'):
        assert replies(postfix)["mail"][0] == 451, postfix.log()
    logged(postfix, line)


def test_one_recipient_is_refused(drill, postfix, sink, work):
    before = len(sink.taken)
    text = ('...\n> rcpt address="<no@example.com>"\n< replycode data="550 5.1.1 nobody\\0"\n'
            "...\n> bodyeob\n< accept\n")
    with Milter(drill, postfix, work, text):
        told = replies(postfix, rcpts=("<no@example.com>", "<bob@example.com>"))
    assert told["rcpt"] == [(550, b"5.1.1 nobody"), (250, b"2.1.5 Ok")], postfix.log()
    assert told["bodyeob"][0] == 250
    assert wait_until(lambda: len(sink.taken) > before, postfix.alive, SECONDS), postfix.log()


def test_without_a_milter_mail_is_put_off(postfix):
    """The default action, here tempfail; and the queue stays empty."""
    assert replies(postfix)["mail"][0] == 451, postfix.log()
    logged(postfix, "connect to Milter service")
    assert not postfix.queue_files()


def test_a_queue_can_be_looked_into(work):
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    with Postfix(default_action="accept") as peer:
        assert replies(peer)["bodyeob"][0] == 250, peer.log()
        waiting = peer.queue()
        assert [entry["sender"] for entry in waiting] == ["alice@example.org"], peer.log()
        assert "Subject: a test" in peer.content(waiting[0]["queue_id"])
        assert len(peer.queue_files()) >= 1
        folder = peer.folder
    assert not os.path.exists(folder)


def test_client_address_by_xclient_and_by_proxy(drill, postfix, work):
    """XCLIENT ends the milter's connection, which PROXY does not: it comes before the session."""
    text = ('...\n> connect address="192.0.2.7" port=4711\n...\n> bodyeob\n< accept\n')
    with Milter(drill, postfix, work, text):
        with socket.create_connection(("127.0.0.1", postfix.proxy_port), SECONDS) as plain:
            plain.sendall(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 25\r\n")
            with smtplib.SMTP() as client:
                client.sock = plain
                assert client.getreply()[0] == 220
                client.sendmail("alice@example.org", ["bob@example.com"], MESSAGE)
    with Milter(drill, postfix, work, "...\n> quit\n> close\n> open\n" + text):
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=SECONDS) as client:
            client.ehlo("client.example")
            assert client.docmd("XCLIENT", "ADDR=192.0.2.7 PORT=4711 NAME=a.example")[0] == 220
            client.ehlo("client.example")
            client.sendmail("alice@example.org", ["bob@example.com"], MESSAGE)

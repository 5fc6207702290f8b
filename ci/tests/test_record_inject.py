# SPDX-License-Identifier: MIT
"""milterdrill record --inject: faults of a scenario, done to live traffic."""

import os
import smtplib
import socket
import struct

import pytest

from fakes import CONTINUE, OPTNEG, Fake, read_frame
from peers.postfix import Postfix
from recorder import Recorder

SECONDS = 20


def frame(code, payload=b""):
    return struct.pack(">Ic", len(payload) + 1, code) + payload


OFFER = frame(b"O", struct.pack(">III", 6, 0x1FF, 0))


def milter(seen=None):
    def talk(connection):
        while True:
            code, payload = read_frame(connection)
            if seen is not None:
                seen.append((code, payload))
            if code in b"Q":
                return
            connection.sendall(OPTNEG if code == b"O" else CONTINUE)
    return Fake(talk)


@pytest.fixture(name="injecting")
def fixture_injecting(drill, work):
    def start(fake, text, *options):
        path = os.path.join(work, "fault.drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write('drill 1 "a fault"\n' + text)
        return Recorder(drill, work, fake.address, "--inject", path, "--yes-break-mail", *options)
    return start


def connect(recorder):
    return socket.create_connection(("127.0.0.1", recorder.port), timeout=SECONDS)


def ask(mta, *frames):
    for one in frames:
        mta.sendall(one)
        read_frame(mta)


def test_a_reset_at_the_end_of_the_body(injecting):
    with milter() as fake, injecting(fake, "...\n> bodyeob\n< reset\n") as recorder:
        with connect(recorder) as mta:
            ask(mta, OFFER, frame(b"M", b"<a@example.org>\0"), frame(b"B", b"x"))
            mta.sendall(frame(b"E"))
            with pytest.raises(ConnectionResetError):
                mta.recv(1)
    assert "mail will fail" in recorder.err and "1 faults injected" in recorder.out
    text, = recorder.texts()
    assert "# injected (line 3): the connection is reset\n< reset" in text


def test_only_some_connections_and_always_the_same(injecting):
    def broken(recorder):
        found = []
        for number in range(40):
            with connect(recorder) as mta:
                mta.sendall(OFFER)
                try:
                    read_frame(mta)
                except ConnectionError:
                    found.append(number)
        return found
    runs = []
    for seed in ("7", "7", "8"):
        with milter() as fake, injecting(fake, "> optneg\n< reset\n", "--inject-rate", "1/4",
                                         "--seed", seed) as recorder:
            runs.append(broken(recorder))
    assert runs[0] == runs[1] != runs[2]
    assert 2 <= len(runs[0]) <= 20


def test_a_downgrade_is_what_the_milter_sees(injecting):
    seen = []
    with milter(seen) as fake, \
            injecting(fake, "> optneg version=2 actions=0x3f\n") as recorder:
        with connect(recorder) as mta:
            mta.sendall(OFFER[:6])  # however it is cut
            mta.sendall(OFFER[6:])
            read_frame(mta)
            mta.sendall(frame(b"Q"))
            assert mta.recv(1) == b""
    assert seen[0] == (b"O", struct.pack(">III", 2, 0x3F, 0))
    assert "> optneg version=6" in recorder.texts()[0]  # what the MTA sent
    assert "injected (line 2): rewritten" in recorder.texts()[0]


def test_nothing_passes_behind_the_end(injecting):
    seen = []
    with milter(seen) as fake, injecting(fake, "...\n> mail\n< close\n") as recorder:
        with connect(recorder) as mta:
            ask(mta, OFFER)
            mta.sendall(frame(b"M", b"<a@example.org>\0") + frame(b"R", b"<b@example.com>\0"))
            assert mta.recv(1) in (b"", b"\0")  # the reply to `mail` may have been there already
    assert [code for code, _ in seen] == [b"O", b"M"]


def test_a_delay_and_a_header_that_fits(injecting):
    text = '...\n> header name="Subject" value=~"*lunch*" after=300ms\n< close\n'
    with milter() as fake, injecting(fake, text) as recorder:
        with connect(recorder) as mta:
            ask(mta, OFFER, frame(b"L", b"Subject\0dinner\0"))
            mta.sendall(frame(b"L", b"Subject\0our lunch\0"))
            assert mta.recv(1) == b""
    assert "the connection is closed" in recorder.texts()[0]


def test_silence(injecting):
    with milter() as fake, \
            injecting(fake, "...\n> mail\n< silence for=1min\n", "--grace", "1ms") as recorder:
        with connect(recorder) as mta:
            ask(mta, OFFER)
            mta.sendall(frame(b"M", b"<a@example.org>\0"))
            recorder.wait(1, "< continue")  # the milter did answer
            recorder.process.terminate()
            recorder.end()
            assert mta.recv(1) == b""
    assert "silence from here on" in recorder.texts()[0]


def test_real_mail_gets_a_tempfail(injecting, drill, work, plain_filter):
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    path = os.path.join(work, "fault.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a fault"\n...\n> bodyeob\n< reset\n')
    with Postfix() as postfix, \
            Recorder(drill, work, plain_filter.address, "--inject", path, "--yes-break-mail",
                     listen=postfix.milter), \
            smtplib.SMTP("127.0.0.1", postfix.port, timeout=SECONDS) as client:
        with pytest.raises(smtplib.SMTPDataError) as told:
            client.sendmail("alice@example.org", ["bob@example.com"], b"Subject: x\r\n\r\nx\r\n")
    assert told.value.smtp_code == 451


@pytest.mark.parametrize("text, place, why", [
    ("> raw data=\"x\"\n", ":2:3:", "waits for messages"),
    ("...\n> mail cut=3\n", ":3:3:", "only after="),
    ("...\n> mail | rcpt\n", ":3:3:", "no alternatives"),
    ("< reset\n", ":2:3:", "needs the message"),
    ("...\n> mail\n> optneg version=2\n", ":4:3:", "first message of its side"),
    ("> optneg version=2..\n", ":2:3:", "to a number"),
    ("repeat 2 {\n  > mail\n}\n", ":2:1:", "no blocks"),
    ("client host=\"x\"\n> mail\n< reset\n", ":2:1:", "as it comes"),
    ("> mail\n< reset\nverdict accept\n", ":4:1:", "checks nothing"),
    ("", ":1:1:", "no fault"),
])
def test_what_it_does_not_do_is_refused_with_its_place(drill, work, text, place, why):
    path = os.path.join(work, "fault.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a fault"\n' + text)
    told = start(drill, work, "--inject", path, "--yes-break-mail").check_exit(2)
    assert f"fault.drill{place}" in told.err and why in told.err, told.err
    assert not os.path.exists(os.path.join(work, "out"))


def start(drill, work, *options):
    return drill("record", "--listen", "inet:0@127.0.0.1", "--milter", "inet:9@127.0.0.1", "--out",
                 os.path.join(work, "out"), "--user", "root", *options)


@pytest.mark.parametrize("options, why", [
    (("--inject", "x.drill"), "--yes-break-mail"),
    (("--inject-rate", "1/2"), "--inject-rate does nothing without --inject"),
    (("--seed", "1"), "--seed does nothing without --inject"),
    (("--yes-break-mail",), "--yes-break-mail does nothing without --inject"),
    (("--only", "odd"), "--only knows failed"),
    (("--socket-mode", "9"), "octal"),
    (("--max-bytes", "some"), "a size such as"),
    (("--tls-ca", "x.pem"), "goes with --milter-tls"),
    (("--mta", "postfx"), "did you mean `postfix`"),
    (("--is", "postfix"), "there is no such profile"),
    (("more.drill",), "no operand"),
    (("--milter", "inet:8@127.0.0.1"), "a recorder of its own"),
    (("--listen", "sim:libmilter"), "a model has no connections"),
])
def test_usage_is_one_clear_error(drill, work, options, why):
    start(drill, work, *options).check_exit(2).check_one_error().check_err(why)

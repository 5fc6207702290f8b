# SPDX-License-Identifier: MIT
"""Several milters at one MTA: what each of them sees, and what becomes of the message.

The strongest of these give the same two milters to a real Postfix and to `send --mta postfix`, and
compare: the frames that each milter got, the reply to the client, and what was delivered.
"""

import contextlib
import os
import re
import smtplib
import struct

import pytest

from fakes import Fake, MailSink, read_frame, reply_to
from peers.base import wait_until
from peers.libmilter import Libmilter
from peers.postfix import Postfix

MESSAGE = (b"From: <alice@example.org>\r\nTo: <bob@example.com>\r\nSubject: Hi\r\n"
           b"Date: Fri, 12 Jun 2026 11:19:58 +0200\r\nMessage-Id: <1@example.org>\r\n"
           b"X-A: 1\r\n\r\nHello.\r\nBye.\r\n")
RCPTS = ["bob@example.com", "carol@example.com"]
OFFER = struct.pack(">IcIII", 13, b"O", 6, 0x1ff, 0)
SECONDS = 20
UNCOMPARED = b"DOCQ"  # macros, and what names ports; QUIT is sent or not, as the connection ended


def frame(code, payload=b""):
    return struct.pack(">Ic", len(payload) + 1, code) + payload


def strings(code, *texts, index=None):
    number = b"" if index is None else struct.pack(">I", index)
    return frame(code, number + b"".join(text + b"\0" for text in texts))


class Scripted(Fake):
    """Answers as `script` says, {command: bytes}, or {command: [bytes, bytes, ...]} one by one, else
    by CONTINUE; `seen` are the frames that came."""

    def __init__(self):
        super().__init__(self._talk)
        self.begin({})

    def begin(self, script):
        self.script, self.seen, self.ended = dict(script), [], 0
        self.counts = {}

    def _answer(self, code):
        answer = self.script.get(code)
        if isinstance(answer, list):
            self.counts[code] = self.counts.get(code, -1) + 1
            answer = answer[min(self.counts[code], len(answer) - 1)]
        if answer is None:
            answer = OFFER if code == b"O" else reply_to(code)
        return answer

    def _talk(self, connection):
        try:
            while True:
                code, payload = read_frame(connection)
                self.seen.append((code, payload))
                connection.sendall(self._answer(code))
        finally:
            self.ended += 1

    def commands(self):
        return "".join(code.decode() for code, _ in self.seen if code not in b"D")

    def compared(self):
        return [(code, payload) for code, payload in self.seen if code not in UNCOMPARED]


@pytest.fixture(scope="module")
def milters():
    with Scripted() as first, Scripted() as second:
        yield first, second


@pytest.fixture(scope="module")
def sink():
    with MailSink() as server:
        yield server


@pytest.fixture(scope="module")
def postfix(sink, milters):
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    words = ", ".join(f"inet:127.0.0.1:{milter.port}" for milter in milters)
    with Postfix(sink=sink.port, smtpd_milters=words) as peer:
        yield peer


@pytest.fixture
def send(drill, work, milters):
    """send(first, second, *options): the result of one message, with what the two say."""
    path = os.path.join(work, "message.eml")
    with open(path, "wb") as out:
        out.write(MESSAGE)
    rcpts = [word for rcpt in RCPTS for word in ("--rcpt", rcpt)]

    def run(first, second, *more, mta="postfix"):
        for milter, script in zip(milters, (first, second)):
            milter.begin(script)
        words = [word for milter in milters for word in ("--milter", milter.address)]
        before = [milter.connections for milter in milters]
        result = drill("send", *words, "--message", path, "--mta", mta, "--from",
                     "alice@example.org", *rcpts, "--helo", "client.example", *more)
        ended(milters, before, lambda: True)
        return result
    return run


def ended(milters, before, alive):
    """All that was sent to them has come."""
    for milter, count in zip(milters, before):
        assert wait_until(lambda m=milter, c=count: m.ended == m.connections - c, alive)


def model(send, milters, first, second, mta="postfix"):
    """(what each milter saw, SMTP code, what is delivered or None) of milterdrill's MTA."""
    result = send(first, second, "--show-message", mta=mta).check_exit(0, 1)
    smtp = result.out.split("\nSMTP:", 1)[1].split()[0]
    lines = result.out.split("\nmessage\n", 1)[1].split("\n\nSMTP:", 1)[0].split("\n")
    return [milter.compared() for milter in milters], int(smtp), delivered(lines)


def delivered(lines):
    """The envelope and the message, patched with the diff; None: nothing is delivered."""
    sent = {"envelope": envelope(), "message": MESSAGE.decode().split("\r\n")[:-1]}
    if len(lines) == 1:
        return tuple(sent.values()) if lines == ["delivered as it was sent"] else None
    out = {name: [] for name in sent}
    done = {name: 0 for name in sent}  # lines of what was sent
    part = None
    for line in lines[2:]:
        hunk = re.match(r"@@ (\w+) -(\d+)", line)
        if hunk:
            part, upto = hunk[1], int(hunk[2]) - 1
            out[part] += sent[part][done[part]:upto]
            done[part] = upto
            continue
        out[part] += [line[2:].split()[-1] if part == "envelope" else line[2:]] * (line[0] != "-")
        done[part] += line[0] != "+"
    return tuple(out[name] + sent[name][done[name]:] for name in sent)


def envelope():
    return ["<alice@example.org>", *(f"<{rcpt}>" for rcpt in RCPTS)]


def real(peer, milters, sink, first, second):
    """The same of Postfix."""
    for milter, script in zip(milters, (first, second)):
        milter.begin(script)
    sink.taken.clear()
    before = [milter.connections for milter in milters]
    code = converse(peer)
    ended(milters, before, peer.alive)
    assert wait_until(lambda: not peer.queue_files(), peer.alive), peer.log()
    assert len(sink.taken) < 2
    found = None
    if sink.taken:
        words, raw = sink.taken[0]
        text = raw.decode("utf-8", "backslashreplace").split("\r\n")[:-1]
        found = words, without_received(text)
    return [milter.compared() for milter in milters], code, found


def converse(peer):
    client = smtplib.SMTP(timeout=SECONDS)
    with contextlib.closing(client):
        client.connect("127.0.0.1", peer.port)
        code = client.docmd("EHLO", "client.example")[0]
        if code != 421:
            code = client.docmd("MAIL", "FROM:<alice@example.org>")[0]
        if code < 300:
            codes = [client.docmd("RCPT", f"TO:<{rcpt}>")[0] for rcpt in RCPTS]
            code = 250 if 250 in codes else codes[-1]
        if code < 300:
            code = client.docmd("DATA")[0]
        if code == 354:
            client.send(MESSAGE + b".\r\n")
            code = client.getreply()[0]
        with contextlib.suppress(smtplib.SMTPServerDisconnected):
            client.quit()
    return code


def without_received(lines):
    """Postfix's own Received, and the lines that continue it."""
    out, skipping = [], False
    for at, line in enumerate(lines):
        if "" in lines[:at]:
            out.append(line)
            continue
        skipping = line.startswith("Received: from client.example") or (
            skipping and line[:1] in " \t")
        if not skipping:
            out.append(line)
    return out


ADD = strings(b"h", b"X-First", b"1")
END = frame(b"c")
CASES = {
    "nothing": ({}, {}),
    "a header each": ({b"E": ADD + END}, {b"E": strings(b"h", b"X-Second", b"2") + END}),
    "the same header": ({b"E": strings(b"m", b"X-A", b"first", index=1) + END},
                        {b"E": strings(b"m", b"X-A", b"second", index=1) + END}),
    "deleted, then changed": ({b"E": strings(b"m", b"X-A", b"", index=1) + END},
                              {b"E": strings(b"m", b"X-A", b"new", index=1) + END}),
    "on top": ({b"E": strings(b"i", b"X-Top", b"1", index=0) + END},
               {b"E": strings(b"i", b"X-Top", b"2", index=0) + END}),
    "behind the first": ({b"E": strings(b"i", b"X-I", b"1", index=2) + END},
                         {b"E": strings(b"i", b"X-I", b"2", index=2) + END}),
    "two bodies": ({b"E": frame(b"b", b"One.\r\n") + END}, {b"E": frame(b"b", b"Two.\r\n") + END}),
    "a body, then a header": ({b"E": frame(b"b", b"One.\r\nand more\r\n") + END}, {b"E": ADD + END}),
    "the envelope": ({b"E": strings(b"+", b"<d@example.com>") + strings(b"-", b"<bob@example.com>")
                      + END},
                     {b"E": strings(b"-", b"<d@example.com>") + strings(b"e", b"<x@example.org>")
                      + END}),
    "accept at the end": ({b"E": ADD + frame(b"a")}, {b"E": strings(b"h", b"X-Second", b"2") + END}),
    "accept at MAIL": ({b"M": frame(b"a")}, {b"E": ADD + END}),
    "accept at a header": ({b"L": frame(b"a")}, {b"E": frame(b"r")}),
    "accept at CONNECT": ({b"C": frame(b"a")}, {b"R": [END, frame(b"r")]}),
    "discard at the end": ({b"E": ADD + frame(b"d")}, {b"E": frame(b"r")}),
    "discard at MAIL": ({b"M": frame(b"d")}, {}),
    "discard at RCPT": ({b"R": frame(b"d")}, {}),
    "discard by the second": ({b"E": ADD + END}, {b"E": frame(b"d")}),
    "discard by the second at MAIL": ({}, {b"M": frame(b"d")}),
    "reject at HELO": ({b"H": frame(b"r")}, {}),
    "reject at HELO by the second": ({}, {b"H": frame(b"r")}),
    "reject at CONNECT": ({b"C": frame(b"r")}, {}),
    "reject at CONNECT by the second": ({}, {b"C": frame(b"r")}),
    "reject at MAIL": ({b"M": frame(b"r")}, {}),
    "reject at MAIL by the second": ({}, {b"M": frame(b"r")}),
    "reject of one recipient": ({b"R": [frame(b"r"), END]}, {}),
    "reject of one recipient by the second": ({}, {b"R": [frame(b"r"), END]}),
    "reject of each by another": ({b"R": [frame(b"r"), END]}, {b"R": [frame(b"r")]}),
    "reject of all": ({b"R": frame(b"r")}, {}),
    "reject of all by the second": ({}, {b"R": frame(b"r")}),
    "reject at DATA": ({b"T": frame(b"r")}, {}),
    "reject at DATA by the second": ({}, {b"T": frame(b"r")}),
    "reject at a header by the second": ({b"E": ADD + END}, {b"L": frame(b"r")}),
    "reject at the end": ({b"E": frame(b"r")}, {}),
    "reject at the end by the second": ({b"E": ADD + END}, {b"E": frame(b"r")}),
    "tempfail at the end by the second": ({}, {b"E": frame(b"t")}),
    "421 at the end by the second": ({}, {b"E": strings(b"y", b"421 4.7.1 later")}),
    "421 at MAIL": ({b"M": strings(b"y", b"421 4.7.1 later")}, {}),
    "421 at MAIL by the second": ({}, {b"M": strings(b"y", b"421 4.7.1 later")}),
    "skip of the body": ({b"B": frame(b"s")}, {b"B": frame(b"s"), b"E": ADD + END}),
}


@pytest.mark.parametrize("case", CASES)
def test_postfix_and_its_model_do_the_same(postfix, milters, sink, send, case):
    first, second = CASES[case]
    seen, code, message = real(postfix, milters, sink, first, second)
    assert model(send, milters, first, second) == (seen, code, message)


# ---- two filters on the real libmilter ----

@pytest.fixture
def filters():
    """filters(words, words): two of them, running."""
    if Libmilter.missing():
        pytest.skip(Libmilter.missing())
    with contextlib.ExitStack() as stack:
        yield lambda *each: [stack.enter_context(Libmilter(logging=True, words=words))
                             for words in each]


WORDS = (["actions=3", "addheader=X-First:1", "replacebody=Of the first.\r\n",
          "bodyeob=accept"],
         ["actions=3", "addheader=X-Second:2", "replacebody=Of the second.\r\n",
          "bodyeob=accept"])


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as out:
        out.write(data)
    return path


def send_to(drill, work, peers, *options):
    words = [word for peer in peers for word in ("--milter", peer.address)]
    rcpts = [word for rcpt in RCPTS for word in ("--rcpt", rcpt)]
    return drill("send", *words, "--message", write(work, "m.eml", MESSAGE), "--from",
                 "alice@example.org", *rcpts, "--helo", "client.example", *options)


@pytest.mark.parametrize("mta, header", [("stalwart", ["X-First: 1", "X-Second: 2", "From:"]),
                                         ("postfix", ["X-A: 1", "X-First: 1", "X-Second: 2"]),
                                         ("sendmail", ["X-A: 1", "X-First: 1", "X-Second: 2"])])
def test_what_two_filters_do_is_merged(drill, work, filters, mta, header):
    """S-19: the second's body replaces the first's; headers stand in the order of the milters."""
    result = send_to(drill, work, filters(*WORDS), "--mta", mta, "--show-message").check_exit(0)
    lines = result.out.split("\nmessage\n", 1)[1].split("\n\nSMTP:", 1)[0].split("\n")
    text = "\n".join(delivered(lines)[1])
    assert "\n".join(header) in text and "Of the second." in text, text
    assert "Of the first." not in text and "Hello." not in text, text


@pytest.mark.parametrize("mta, seen", [("stalwart", False), ("postfix", True), ("sendmail", True)])
def test_who_sees_what_the_first_has_made_of_it(drill, work, filters, mta, seen):
    first, second = filters(*WORDS)
    send_to(drill, work, (first, second), "--mta", mta).check_exit(0)
    assert ("header X-First" in second.callbacks()) == seen
    assert "header X-First" not in first.callbacks()


def test_postfix_delivers_of_two_filters_what_the_model_says(drill, work, filters, sink):
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    peers = filters(*WORDS)
    ports = ", ".join(f"inet:127.0.0.1:{peer.port}" for peer in peers)
    sink.taken.clear()
    with Postfix(sink=sink.port, smtpd_milters=ports) as mta:
        assert converse(mta) == 250
        assert wait_until(lambda: not mta.queue_files(), mta.alive), mta.log()
    words, raw = sink.taken[0]
    real_one = words, without_received(raw.decode().split("\r\n")[:-1])
    result = send_to(drill, work, peers, "--mta", "postfix", "--show-message").check_exit(0)
    lines = result.out.split("\nmessage\n", 1)[1].split("\n\nSMTP:", 1)[0].split("\n")
    assert delivered(lines) == real_one


def test_a_discard_of_the_first_ends_it(drill, work, filters):
    first, second = filters(["bodyeob=discard"], ["bodyeob=reject"])
    result = send_to(drill, work, (first, second), "--mta", "postfix", "--format", "jsonl")
    assert result.check_exit(0).record("outcome")["delivered"]["disposition"] == "discarded"
    assert "bodyeob " not in second.callbacks()


def test_frames_say_whose_they_are(drill, work, filters):
    result = send_to(drill, work, filters([], []), "--mta", "postfix", "--format", "jsonl")
    whose = [frame["milter"] for frame in result.check_exit(0).of("frame")
             if frame["word"] == "mail"]
    assert whose == [1, 2]


# ---- the command line ----

SCENARIO = b"""drill 1 "the first accepts at MAIL" tests=milter
mta postfix
...
> mail
< continue
...
verdict reject
"""


def test_run_plays_the_file_against_the_first(drill, work, filters):
    first, second = filters([], ["bodyeob=reject"])
    path = write(work, "x.drill", SCENARIO)
    both = ("--milter", first.address, "--milter", second.address)
    drill("run", *both, path).check_exit(0).check_out("1 passed")
    drill("run", *both, "--repeat", "3", path).check_exit(0).check_out("1 passed")
    drill("run", *both[:2], path).check_exit(1)  # without the second nobody rejects


def test_run_fails_when_the_second_is_not_there(drill, work, filters):
    first, = filters([])
    path = write(work, "x.drill", SCENARIO.replace(b"verdict reject", b"verdict tempfail"))
    with Scripted() as gone:
        address = gone.address
    result = drill("run", "--milter", first.address, "--milter", address, path)
    result.check_exit(1).check_out("another milter of this MTA failed", address)


@pytest.mark.parametrize("words, text", [
    (("send", "--milter", "sim:libmilter", "--milter", "inet:9@127.0.0.1"), "all are models"),
    (("send", "--milter", "sim:libmilter", "--milter", "sim:libmiter"), "did you mean"),
    (("send", *("--milter", "sim:libmilter") * 17), "at most 16"),
    (("send", *("--milter", "sim:libmilter") * 2, "--save", "x.drill"), "one conversation"),
    (("check", *("--milter", "sim:libmilter") * 2, "scenarios"), "one milter"),
    (("diagnose", *("--milter", "sim:libmilter") * 2), "one by one"),
])
def test_what_cannot_be(drill, work, words, text):
    message = write(work, "m.eml", MESSAGE)
    more = () if words[0] == "check" else ("--message", message)
    drill(*words, *more).check_exit(2).check_one_error().check_err(text)

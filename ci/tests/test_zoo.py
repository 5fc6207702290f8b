# SPDX-License-Identifier: MIT
"""What `diagnose` finds in each milter of ci/zoo, exactly. The messages are made here: what matters
stands among much that does not.
"""

import json
import os
import random
import subprocess
import sys

import pytest

from peers.base import taken, wait_until
from peers.harness import ROOT
from peers.libmilter import Libmilter

ZOO = os.path.join(ROOT, "ci", "zoo", "zoo.py")
SESSIONS = 200

WORDS = ("the quick brown report of last week was sent to all who asked for it and nobody has said "
         "a word about numbers tables or dates since then").split()


# ---- messages ----


def prose(lines, seed=1):
    dice = random.Random(seed)
    return "".join(" ".join(dice.choices(WORDS, k=dice.randint(4, 11))) + "\r\n"
                   for _ in range(lines)).encode()


def letters(count, seed=2):
    return bytes(random.Random(seed).choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=count))


def headers(*own, decoys=0, seed=3):
    """What any message has, many that nobody needs, and `own` somewhere among them."""
    dice = random.Random(seed)
    usual = [b"From: Alice <alice@example.org>", b"To: Bob <bob@example.com>",
             b"Subject: the numbers of last week", b"Date: Fri, 2 May 2025 10:11:12 +0200",
             b"Message-ID: <20250502.1011@example.org>", b"MIME-Version: 1.0"]
    more = [b"X-Decoy-%d: %s" % (i, letters(dice.randint(1, 60), i)) for i in range(decoys)]
    for header in own:
        more.insert(dice.randint(0, len(more)), header)
    return usual + more


def message(lines, body):
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def multipart(parts, seed=4):
    """(the header that says so, the body): each part is text, of its own type."""
    dice = random.Random(seed)
    text = b"This is a message in parts.\r\n"
    for part in parts:
        kind = dice.choice([b"text/plain", b"text/html", b"application/octet-stream"])
        text += b"--=_zoo\r\nContent-Type: " + kind + b"\r\n\r\n" + part + b"\r\n"
    return b'Content-Type: multipart/mixed; boundary="=_zoo"', text + b"--=_zoo--\r\n"


def in_parts(*needles, count=9, lines=60, own=()):
    """A multipart message with each needle somewhere in a part of its own."""
    parts = [prose(lines, seed) for seed in range(count)]
    for i, needle in enumerate(needles):
        at = len(parts[2 * i + 3]) * 2 // 5
        parts[2 * i + 3] = parts[2 * i + 3][:at] + needle + parts[2 * i + 3][at:]
    kind, body = multipart(parts)
    return message(headers(*own, kind, decoys=12), body)


def straddling():
    """The word begins six bytes before the second chunk of 65,535 bytes."""
    body = prose(3000)
    return message(headers(decoys=5), body[:65_529] + b"straddle" + body[65_529:])


def recipients(*own, count=0):
    names = [f"user{i}@example.com" for i in range(count)]
    dice = random.Random(5)
    for address in own:
        names.insert(dice.randint(0, len(names)), address)
    return [word for name in names for word in ("--rcpt", name)]


# ---- what is expected ----

PLAIN = message(headers(decoys=8), prose(20))


class Case:
    """`text`: the message; `args`: of milterdrill; the rest: of the trigger, as in the JSON."""

    def __init__(self, text=PLAIN, args=(), symptom="lost", ruled_out=(), also=(), cause=None,
                 **trigger):
        self.text, self.args, self.symptom, self.cause = text, list(args), symptom, cause
        self.ruled_out, self.also, self.trigger = ruled_out, also, trigger


THE_REST = ("protocol version", "HELO name", "offered actions", "offered protocol steps",
            "family of the client's address", "macros", "name of the client", "pace of the MTA")
HEADERS_ONLY = (*THE_REST, "the body", "sender and recipients")
BODY_ONLY = (*THE_REST, "the headers", "sender and recipients")
ENVELOPE_ONLY = ("the headers", "the body", "protocol version", "HELO name")
SESSION_ONLY = ("the message",)
QUICK = ("--timeout", "300ms")
POSTFIX = ("--mta", "postfix")  # Stalwart: bodies come with the headers, values are UTF-8

CASES = {
    "anteater": Case(message(headers(b"Cc: " + letters(41_234), decoys=40), prose(30)),
                     ruled_out=HEADERS_ONLY, kind="frame-size", stage="header", header="Cc",
                     any_header=True, quantity="bytes of data in one frame",
                     largest_pass=30_011, smallest_fail=30_012),
    "badger": Case(message(headers(decoys=140), prose(30)), ruled_out=HEADERS_ONLY,
                   kind="header-count", stage="header", quantity="headers", largest_pass=87,
                   smallest_fail=88, header=None),
    "camel": Case(message(headers(b"X-Campaign-Id: 77", decoys=61), prose(30)),
                  ruled_out=HEADERS_ONLY, kind="header-name", stage="header",
                  header="X-Campaign-Id"),
    "dingo": Case(message(headers(b"X-Where: caf\xe9 \x9f bar", b"X-Other: \xe9\xe9 na\xefve",
                                  decoys=33), prose(30) + b"\x9f in the body\r\n"), POSTFIX,
                  symptom="refused", ruled_out=HEADERS_ONLY, kind="header-bytes", stage="header",
                  header="X-Where", any_header=True, bytes="\\x9f"),
    "eel": Case(message(headers(b"X-Topic: a lottery", b"Subject: you won the Lottery of May",
                                b"Comments: lottery", decoys=21), prose(30) + b"lottery\r\n"),
                symptom="refused", ruled_out=HEADERS_ONLY, kind="header-bytes", stage="header",
                header="Subject", any_header=False, bytes="Lottery"),
    "ferret": Case(message(headers(b"Reply-To: a@example.org", b"Reply-To: b@example.org",
                                   b"X-Mailer: a", b"X-Mailer: b", decoys=17), prose(9)),
                   ruled_out=HEADERS_ONLY, kind="header-count", stage="header",
                   header="Reply-To", largest_pass=1, smallest_fail=2),
    "gecko": Case(message([b"Received: from h%d.example.org by h%d.example.org" % (i, i + 1)
                           for i in range(43)] + headers(decoys=19), prose(9)),
                  symptom="refused", ruled_out=HEADERS_ONLY, kind="header-count", stage="header",
                  header="Received", largest_pass=31, smallest_fail=32),
    "heron": Case(message(headers(*[b"X-Pad-%d: " % i + letters(700 + i, i) for i in range(52)]),
                          prose(9)),
                  ruled_out=HEADERS_ONLY, kind="header-size", stage="header",
                  quantity="bytes of data of all headers", largest_pass=24_683,
                  smallest_fail=24_684),
    "ibis": Case(message(headers(b"X-Tracking: ", b"X-Void:", decoys=9), prose(9)),
                 ruled_out=HEADERS_ONLY, kind="header-bytes", stage="header", header="X-Tracking",
                 any_header=False, bytes=""),
    "jackal": Case(message(headers(b"X-" + letters(70) + b": a", b"X-" + letters(59, 6) + b": a",
                                   decoys=9), prose(9)),
                   ruled_out=HEADERS_ONLY, kind="header-name-size", stage="header",
                   quantity="bytes of a header's name", largest_pass=61, smallest_fail=62),
    "koala": Case(message([h for h in headers(decoys=9) if not h.startswith(b"Message-ID")],
                          prose(9)), symptom="refused", kind="header-name", stage="header",
                  header="Message-ID", missing=True),
    "lemur": Case(message(headers(b"X-Notes: one\r\n two\r\n three", b"X-Else: one\r\n two",
                                  decoys=9), prose(9)),
                  symptom="malformed", ruled_out=HEADERS_ONLY, kind="header-bytes",
                  stage="header", header="X-Notes", any_header=False),
    "mole": Case(in_parts(b"WQX-77/31;"), symptom="malformed", ruled_out=BODY_ONLY,
                 kind="body-bytes", stage="body", bytes="WQX-77/31;"),
    "newt": Case(in_parts(lines=700), symptom="refused", ruled_out=BODY_ONLY, kind="body-size",
                 stage="body", quantity="bytes of body and headers in it", largest_pass=123_457,
                 smallest_fail=123_458),
    "otter": Case(message(headers(decoys=9), b""), POSTFIX, ruled_out=BODY_ONLY[:-1], kind="empty-body",
                  stage="bodyeob", missing=True),
    "panda": Case(message(headers(decoys=9), prose(40) + letters(989) + b"\r\n" + prose(30) +
                          letters(1301) + b"\r\n" + prose(20)),
                  ruled_out=BODY_ONLY, kind="line-length", stage="body",
                  quantity="bytes of one line of the body", largest_pass=991, smallest_fail=992),
    "quail": Case(in_parts(b" na\xc3\xafve "), symptom="refused", ruled_out=BODY_ONLY,
                  kind="body-bytes", stage="body", bytes="\\xc3"),
    "raven": Case(in_parts(b"\0", b"\x01\x02"), args=QUICK, symptom="silent",
                  ruled_out=BODY_ONLY, kind="body-bytes", stage="body", bytes="\\0"),
    "skunk": Case(straddling(), POSTFIX, ruled_out=BODY_ONLY, kind="body-chunks", stage="body",
                  bytes="straddle"),
    "sloth": Case(message(headers(decoys=9), b"short\r\n"), POSTFIX, symptom="refused",
                  ruled_out=SESSION_ONLY, kind="body-size", stage="body", missing=True,
                  quantity="bytes of body", largest_pass=613, smallest_fail=612),
    "tapir": Case(in_parts(lines=700), ruled_out=BODY_ONLY, kind="frame-size", stage="body",
                  quantity="bytes of data in one frame", largest_pass=20_477,
                  smallest_fail=20_478),
    "urchin": Case(in_parts(b"so, Click here!"), symptom="discarded", ruled_out=BODY_ONLY,
                   kind="body-bytes", stage="body", bytes="Click here"),
    "vole": Case(in_parts(b"first-half", b"second-half"), ruled_out=BODY_ONLY, kind="body-bytes",
                 stage="body", bytes="first-half",
                 also=[{"kind": "body-bytes", "bytes": "second-half"}]),
    "python": Case(in_parts(count=61, lines=4), POSTFIX, symptom="refused", ruled_out=BODY_ONLY,
                   kind="mime-parts", stage="body", quantity="MIME parts", largest_pass=37,
                   smallest_fail=38, cause="parts_limit"),
    "wombat": Case(args=recipients(count=61), ruled_out=ENVELOPE_ONLY, kind="recipients",
                   stage="rcpt", quantity="recipients", largest_pass=37, smallest_fail=38),
    "oryx": Case(args=recipients(count=44), symptom="refused", ruled_out=ENVELOPE_ONLY,
                 kind="recipients", stage="rcpt", largest_pass=21, smallest_fail=22),
    "yak": Case(args=recipients("carol@example.net", count=24), symptom="refused",
                ruled_out=ENVELOPE_ONLY, kind="recipient", stage="rcpt",
                bytes="<carol@example.net>"),
    "zebra": Case(args=["--from", "<>", *recipients(count=3)], ruled_out=ENVELOPE_ONLY,
                  kind="sender", stage="mail", bytes="<>"),
    "ape": Case(args=[*POSTFIX, "--from", "alice@example.org", "--arg", "SIZE=4711", "--arg", "BODY=BINARYMIME", "--arg", "RET=HDRS"],
                ruled_out=ENVELOPE_ONLY, kind="esmtp-argument", stage="mail",
                bytes="BODY=BINARYMIME"),
    "bison": Case(args=[*POSTFIX, *recipients(count=8), "--arg", "NOTIFY=NEVER", "--arg",
                        "ORCPT=rfc822;user7@example.com"], symptom="refused",
                  ruled_out=ENVELOPE_ONLY, kind="esmtp-argument", stage="rcpt",
                  bytes="NOTIFY=NEVER"),
    "pelican": Case(args=[*POSTFIX, "--from", "alice@example.org", "--arg", "SIZE=7340032", "--arg",
                          "BODY=8BITMIME"], symptom="refused", ruled_out=ENVELOPE_ONLY,
                    kind="esmtp-argument", stage="mail", name="SIZE", missing=False,
                    quantity="value of the parameter", largest_pass=5_242_880,
                    smallest_fail=5_242_881, cause="told_size"),
    "wren": Case(args=[*POSTFIX, "--from", "alice@example.org", "--arg", "RET=HDRS", "--arg",
                       "SIZE=412"], ruled_out=ENVELOPE_ONLY, kind="esmtp-argument", stage="mail",
                 name="SIZE", missing=True, largest_pass=733, smallest_fail=732),
    "cobra": Case(args=[*POSTFIX, "--set", "milter_protocol=2"], ruled_out=SESSION_ONLY,
                  kind="protocol-version", stage="optneg", name="2"),
    "dodo": Case(args=["--client", "2001:db8::25"], ruled_out=SESSION_ONLY,
                 kind="client-family", stage="connect", name="inet6"),
    "emu": Case(args=["--helo", "localhost"], symptom="refused", ruled_out=SESSION_ONLY,
                kind="helo", stage="helo", name="localhost"),
    "finch": Case(args=[*POSTFIX, "--auth", "dave"], symptom="refused", ruled_out=SESSION_ONLY,
                  kind="macro", stage="mail", name="{auth_type}"),
    "gnu": Case(symptom="refused", ruled_out=SESSION_ONLY, kind="macro", stage="mail",
                name="{auth_authen}", missing=True),
    "hyena": Case(args=["--from", "news@shop.example.net"], ruled_out=ENVELOPE_ONLY,
                  kind="macro", stage="mail", name="{mail_addr}"),
    "rhea": Case(args=["--client", "203.0.113.9"], ruled_out=SESSION_ONLY, kind="macro",
                 stage="bodyeob", name="{client_addr}"),
    "iguana": Case(args=POSTFIX, ruled_out=SESSION_ONLY, kind="steps", stage="optneg", name="nr_hdr"),
    "jaguar": Case(args=["--timeout", "400ms"], symptom="silent", ruled_out=SESSION_ONLY,
                   kind="time", stage="bodyeob", largest_pass=400_000),
    "llama": Case(message(headers(b"DKIM-Signature: v=1; d=example.org; b=" + letters(172),
                                  decoys=9), prose(9)),
                  symptom="malformed", ruled_out=HEADERS_ONLY, kind="header-name",
                  stage="header", header="DKIM-Signature"),
    "moose": Case(message(headers(b"List-Unsubscribe: <https://example.org/u>", decoys=9),
                          prose(9)), symptom="unexpected", ruled_out=HEADERS_ONLY,
                  kind="header-name", stage="header", header="List-Unsubscribe"),
    "magpie": Case(message(headers(b"X-Echo: on", b"X-Echoes: on", decoys=9), prose(9)),
                   symptom="surplus", ruled_out=HEADERS_ONLY, kind="header-name", stage="header",
                   header="X-Echo", cause="reply_too_many"),
    "parrot": Case(args=[*POSTFIX, "--auth", "dave"], symptom="surplus", ruled_out=SESSION_ONLY,
                   kind="macro", name="{auth_type}", cause="reply_too_many"),
    "marmot": Case(message(headers(b"X-Archive: yes", decoys=9), prose(9)), symptom="oversized",
                   kind="header-name", stage="header", header="X-Archive"),
    "nandu": Case(in_parts(b"please-hang-here", lines=300), args=QUICK, symptom="silent",
                  ruled_out=BODY_ONLY, kind="body-bytes", stage="body",
                  bytes="please-hang-here"),
    "phoenix": Case(message(headers(b"X-Nova: 1", decoys=9), prose(9)), ruled_out=HEADERS_ONLY,
                    kind="header-name", stage="header", header="X-Nova"),
    "ocelot": Case(in_parts(b"limited offer", own=[b"X-Priority: 1"]), kind="body-bytes",
                   stage="body", bytes="limited offer", ruled_out=THE_REST,
                   also=[{"kind": "header-name", "header": "X-Priority"}]),
    "puma": Case(message(headers(b"X-Gateway: gw1", decoys=30), prose(9)), kind="header-name",
                 stage="header", header="X-Gateway", ruled_out=("the body", "HELO name"),
                 also=[{"kind": "protocol-version", "name": "6"}]),
    "gibbon": Case(message(headers(decoys=9)[2:] + [b"To: " + letters(3000), b"X-P: 1", b"Cc: " +
                                                    letters(3011, 9)], prose(9)),
                   ruled_out=HEADERS_ONLY, kind="frame-size", stage="header", header="To",
                   any_header=False, largest_pass=2007, smallest_fail=2008,
                   also=[{"kind": "frame-size", "header": "Cc", "largest_pass": 2715,
                          "smallest_fail": 2716}]),
    "quokka": Case(args=recipients(count=23), symptom="refused", kind="recipients", stage="rcpt",
                   largest_pass=9, smallest_fail=10, ruled_out=("the headers", "the body"),
                   also=[{"kind": "client-family", "name": "inet"}]),
}


@pytest.fixture
def animal():
    """animal(NAME): its address."""
    running = []

    def start(name):
        running.append(subprocess.Popen([sys.executable, ZOO, name], stdout=subprocess.PIPE,
                                        text=True))
        return running[-1].stdout.readline().strip()

    yield start
    for process in running:
        process.kill()
        process.communicate()


def diagnose(drill, address, text, work, *args):
    """(the result, its JSON)"""
    path = os.path.join(work, "message.eml")
    with open(path, "wb") as file:
        file.write(text)
    sender = [] if "--from" in args else ["--from", "alice@example.org"]
    rcpt = [] if "--rcpt" in args else ["--rcpt", "bob@example.com"]
    result = drill("diagnose", "--milter", address, "--message", path, *sender, *args, *rcpt,
                   "--json", timeout=120).check_sane()
    found = json.loads(result.out) if result.out else {}
    print(f"{found.get('sessions')} sessions, {found.get('seconds', 0):.2f} s")
    return result, found


def holds(trigger, expected, result):
    got = {key: trigger.get(key) for key in expected}
    assert got == expected, result.dump(f"the trigger {trigger} lacks {expected}")


@pytest.mark.parametrize("name", CASES)
def test_the_planted_fault_is_found(drill, animal, work, name):
    case = CASES[name]
    address = animal(name)
    folder = os.path.join(work, "out")
    result, found = diagnose(drill, address, case.text, work, "--out", folder, *case.args)
    result.check_exit(1)
    assert (found["outcome"], found["deterministic"]) == ("reproduced", True), result.dump(name)
    assert found["signature"]["symptom"] == case.symptom, result.dump(name)
    holds(found["trigger"], case.trigger, result)
    if case.cause:
        assert [cause["id"] for cause in found["causes"]] == [case.cause], result.dump("the cause")
    others = found["triggers"][1:]
    assert len(others) == len(case.also), result.dump("not so many triggers")
    for trigger, expected in zip(others, case.also):
        holds(trigger, expected, result)
    ruled_out = {suspect["suspect"] for suspect in found["ruled_out"]}
    assert not set(case.ruled_out) - ruled_out, result.dump("not ruled out")
    assert found["complete"] and found["sessions"] <= SESSIONS, result.dump("too many sessions")
    assert wait_until(lambda: taken(port_of(address)), lambda: True)
    drill("run", "--milter", address, *timeouts(case), os.path.join(folder, "minimal.drill"))\
        .check_exit(0)


@pytest.mark.parametrize("name,rate", [("kiwi", 0.3), ("weasel", 0.9)])
def test_a_flaky_one_is_told_by_its_rate(drill, animal, work, name, rate):
    """Of the second the first six sessions fail, as if it were always so."""
    result, found = diagnose(drill, animal(name), PLAIN, work)
    result.check_exit(1)
    assert (found["outcome"], found["deterministic"]) == ("flaky", False), result.dump("flaky")
    assert found["rate_low"] <= rate <= found["rate_high"], result.dump("not in it")
    assert found["trigger"] is None and not found["triggers"], result.dump("a trigger")
    assert found["plain_failed"] > 0, result.dump("it is said to depend on the message")
    assert found["sessions"] <= SESSIONS


def test_that_it_does_not_depend_on_the_message_is_said(drill, animal, work):
    path = os.path.join(work, "message.eml")
    with open(path, "wb") as file:
        file.write(PLAIN)
    drill("diagnose", "--milter", animal("kiwi"), "--message", path).check_exit(1)\
        .check_out("now and then", "so it does not depend on the message")


def test_none_is_none(drill, animal, work):
    result, found = diagnose(drill, animal("robin"), PLAIN, work)
    result.check_exit(0)
    assert found["outcome"] == "not reproduced" and found["trigger"] is None, result.dump("none")
    assert found["failed"] == 0 and found["played"] >= 20, result.dump("not tried often")


def test_every_animal_is_looked_at():
    listed = subprocess.run([sys.executable, ZOO, "--list"], capture_output=True, check=True,
                            text=True).stdout.split()
    assert sorted(listed) == sorted([*CASES, "kiwi", "weasel", "robin"]) and len(listed) >= 16


def test_a_megabyte_is_reduced_within_400_sessions(drill, animal, work):
    text = in_parts(b"WQX-77/31;", count=24, lines=1200)
    assert len(text) > 1 << 20
    result, found = diagnose(drill, animal("mole"), text, work)
    holds(found["trigger"], {"kind": "body-bytes", "bytes": "WQX-77/31;"}, result)
    assert found["sessions"] <= 400, result.dump("too many sessions")


# ---- real ones: a filter on the system's libmilter ----


def test_libmilters_own_limit(drill, plain_filter, work):
    text = message(headers(b"X-Members: " + letters(70_123), decoys=20), prose(9))
    result, found = diagnose(drill, plain_filter.address, text, work)
    result.check_exit(1)
    holds(found["trigger"], {"kind": "frame-size", "header": "X-Members", "largest_pass": 65_535,
                             "smallest_fail": 65_536, "any_header": True}, result)
    assert found["causes"][0]["id"] == "libmilter_frame", result.dump("the cause")


def test_a_filter_that_accepts_early(drill, work):
    """Stalwart goes on with the message and waits; Postfix does not."""
    if Libmilter.missing():
        pytest.skip(Libmilter.missing())
    with Libmilter(words=["mail=accept"]) as peer:
        result, found = diagnose(drill, peer.address, PLAIN, work, *QUICK)
        result.check_exit(1)
        assert found["causes"][0]["id"] == "accepted_early", result.dump("the cause")
        assert found["signature"]["symptom"] == "silent"
        assert found["sessions"] <= SESSIONS
        diagnose(drill, peer.address, PLAIN, work, *POSTFIX, *QUICK)[0].check_exit(0)


def port_of(address):
    return int(address.split(":")[1].split("@")[0])


def timeouts(case):
    at = case.args.index("--timeout") if "--timeout" in case.args else len(case.args)
    return case.args[at:at + 2]

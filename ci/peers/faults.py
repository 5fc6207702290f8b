# SPDX-License-Identifier: MIT
"""What an MTA would never send, made by rule, as steps of a scenario.

Each is a session up to some point, frame by frame and with the replies that the milter owes; then, in one write, one
thing that is wrong there, the frame that would have come next, and QUIT. Where no frame can come behind
the fault the MTA is gone (a FIN) instead. So what a milter answers, and how it ends the connection,
is the same every time.
"""

import struct

NUMBERS = struct.Struct(">III")
OFFER = NUMBERS.pack(6, 0x1FF, 0x1FFFFF)
CONNECT = b"client.example\x004" + struct.pack(">H", 47324) + b"192.0.2.1\0"
SESSION = ((b"O", OFFER), (b"C", CONNECT), (b"H", b"client.example\0"), (b"M", b"<alice@example.org>\0"),
           (b"R", b"<bob@example.com>\0"), (b"T", b""), (b"L", b"Subject\0Test\0"), (b"N", b""),
           (b"B", b"Hello.\r\n"), (b"E", b""))
STAGES = {"offer": 0, "connect": 1, "helo": 2, "rcpt": 4, "header": 6, "body": 8, "next": 10}
COMMANDS = {"optneg": b"O", "connect": b"C", "helo": b"H", "mail": b"M", "rcpt": b"R", "data": b"T",
            "header": b"L", "eoh": b"N", "body": b"B", "bodyeob": b"E", "unknown": b"U",
            "macro": b"D", "abort": b"A", "quit": b"Q", "quit_nc": b"K"}
VALID = {**dict(SESSION), b"U": b"XDRILL\0", b"D": b"Ci\x001234\0", b"A": b"", b"Q": b"", b"K": b""}
LIMIT = 65535  # data bytes that libmilter takes; rspamd and PMilter have limits of their own

ALL = '< raw data=~"*"'  # what comes until the end


def frame(code, payload=b"", length=None):
    return struct.pack(">I", len(payload) + 1 if length is None else length) + code + payload


def whole_frames():
    """Framed as they should be."""
    for word, code in COMMANDS.items():
        yield f"{word}-out-of-order", frame(code, VALID[code])
        if VALID[code]:
            yield f"{word}-empty", frame(code)
        if VALID[code].endswith(b"\0"):
            yield f"{word}-without-nul", frame(code, VALID[code][:-1])
            yield f"{word}-one-nul", frame(code, b"\0")
    for code in (b"\0", b"Z", b"c", b"\xff"):
        yield f"code-{code[0]:02x}", frame(code)
        yield f"code-{code[0]:02x}-with-data", frame(code, b"data\0")
    yield "optneg-short", frame(b"O", OFFER[:-1])
    yield "optneg-long", frame(b"O", OFFER + b"\0")
    for version in (0, 1, 2, 7, 0xFFFFFFFF):
        yield f"optneg-version-{version}", frame(b"O", NUMBERS.pack(version, 0x1FF, 0x7F))
    for name, tail in (("family", b"9\xb8\xdc192.0.2.1\0"), ("address", b"4\xb8\xdcnowhere\0"),
                       ("no-port", b"4"), ("no-address", b"4\xb8\xdc"), ("unknown", b"U")):
        yield f"connect-{name}", frame(b"C", b"client.example\0" + tail)
    yield "header-three-strings", frame(b"L", b"Subject\0Test\0more\0")
    yield "header-no-value", frame(b"L", b"Subject\0")
    for size in (LIMIT, LIMIT + 1):
        yield f"body-of-{size}", frame(b"B", b"x" * size)
        yield f"header-of-{size}", frame(b"L", b"X\0" + b"x" * (size - 3) + b"\0")


def lengths():
    """Lengths that lie; nothing can come behind them."""
    for length in (0, LIMIT + 2, 131072, 131073, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF):
        yield f"length-{length}", frame(b"H", b"a\0", length)
    yield "length-0-alone", struct.pack(">I", 0)
    yield "length-0-code", struct.pack(">I", 0) + b"H"
    yield "length-short", frame(b"H", b"client.example\0", 3)


def torn():
    """A frame of which only the first bytes come."""
    mail = frame(b"M", b"<a@b>\0")
    for size in range(1, len(mail)):
        yield f"torn-at-{size}", mail[:size]


def raw(data):
    return f'> raw data=hex "{data.hex()}"'


def before(count, answers):
    """The first frames of a session. `answers`: whether the milter answers what comes before the end."""
    for code, payload in SESSION[:count]:
        yield raw(frame(code, payload))
        if code == b"O":
            yield "< optneg"
        elif answers or code == b"E":
            yield "< accept" if code == b"E" else "< continue"


def reaches_end(stage, name):
    """The whole message is there, and the milter judges it: asked to, or by a QUIT behind the body (rspamd)."""
    return stage == "next" or name.startswith("bodyeob") or (stage == "body" and name.startswith("quit"))


def faults_at(stage, count, answers):
    end, last = (frame(b"Q"), [ALL]) if answers else (b"", ["> half-close", ALL])
    session = list(before(count, answers))
    behind = frame(*SESSION[count]) if count < len(SESSION) else frame(b"M", VALID[b"M"])
    yield "quit", [*session, raw(frame(b"Q")), ALL]
    yield "gone", [*session, "> half-close", ALL]
    for name, data in whole_frames():
        yield name, [*session, raw(data + behind + end), *last]
    for name, data in (*lengths(), *torn()):
        yield name, [*session, raw(data), "> half-close", ALL]


def all_faults(answers):
    """(name, lines of a scenario). Without `answers`, as rspamd, a milter does not leave at a QUIT that comes
    with other frames, either: there the MTA is gone; and no message is sent to its end (withheld:
    ci/findings.md)."""
    for stage, count in STAGES.items():
        for name, lines in faults_at(stage, count, answers):
            if answers or not reaches_end(stage, name):
                yield f"{stage}/{name}", lines

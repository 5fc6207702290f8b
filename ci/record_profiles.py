# SPDX-License-Identifier: MIT
"""Records what real MTAs say to a real milter: scenarios/recorded/<program>-<version>/*.drill.

    /usr/bin/python3 ci/record_profiles.py [--check] [FOLDER]

Postfix with each milter_protocol, Sendmail, and Stalwart take the mail of CASES while `milterdrill
record` stands between them and a plain libmilter filter (ci/peers). What is of the moment and says
nothing of the program is taken off: pauses, the cuts of TCP. With --check nothing is written: the kept
recordings are compared with new ones, frame by frame, but for what except.txt lists.
"""

import argparse
import glob
import hashlib
import os
import re
import shutil
import socket
import ssl
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "tests"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from peers.base import PeerError  # noqa: E402
from peers.harness import Drill  # noqa: E402
from peers.libmilter import Libmilter  # noqa: E402
from peers.postfix import Postfix, SecurePostfix  # noqa: E402
from peers.recorded import RECORDED, Recording, difference, exceptions  # noqa: E402
from peers.sendmail import Sendmail  # noqa: E402
from peers.stalwart import Stalwart  # noqa: E402
from recorder import Recorder  # noqa: E402

SECONDS = 20
SENDER, RCPT = "<alice@example.org>", "<bob@example.com>"
IPV4, IPV6 = "PROXY TCP4 192.0.2.1 192.0.2.25 47324 25", "PROXY TCP6 2001:db8::1 2001:db8::25 47324 25"


def content(*headers, body=b"Hello.\r\n", subject=b"a test"):
    lines = [b"From: Alice Ashby <alice@example.org>", b"To: Bob Builder <bob@example.com>",
             b"Subject: " + subject, b"Date: Fri, 12 Jun 2026 11:19:58 +0200",
             b"Message-ID: <20260612091958.1@example.org>", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def mail(data=content(), sender=SENDER, rcpts=(RCPT,)):
    """One message as the lines of its SMTP dialogue; bytes are what goes behind DATA."""
    return [f"MAIL FROM:{sender}", *[f"RCPT TO:{rcpt}" for rcpt in rcpts], "DATA", data]


FOLDED = content(b"X-Folded: one\r\n two\r\n\tthree", b"X-Empty:", b"X-Blank: ", b"X-None:none",
                 b"X-Wide:   three blanks", b"X-Late:\r\n on the next line")
EIGHT_BIT = content(b"X-Place: Z\xc3\xbcrich", b"X-Latin: caf\xe9", b"MIME-Version: 1.0",
                    b"Content-Type: text/plain; charset=utf-8",
                    b"Content-Transfer-Encoding: 8bit", body=b"gr\xc3\xbc\xc3\x9fe \xe9\r\n")
LINE = b"A line of a long message, which says nothing and goes on. %06d\r\n"
LONG = content(body=b"".join(LINE % number for number in range(200 * 1024 // len(LINE % 0) + 1)))

# What the client says, behind its EHLO. An empty body is no line at all behind the empty one.
CASES = {
    "plain": mail(),
    "folded-headers": mail(FOLDED),
    "eight-bit": mail(EIGHT_BIT, f"{SENDER} BODY=8BITMIME"),
    "empty-body": mail(content(body=b"")),
    "body-200k": mail(LONG),
    "two-recipients": mail(sender=f"{SENDER} SIZE=400 RET=HDRS ENVID=QQ314159", rcpts=(
        f"{RCPT} NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@example.com",
        "<carol@example.net> NOTIFY=NEVER")),
    "leading-blanks": mail(FOLDED),
    "null-sender": mail(sender="<>"),
    "two-messages": mail() + mail(content(subject=b"another"), "<dan@example.org>",
                                  ("<carol@example.net>",)),
    "rset": ["MAIL FROM:<early@example.org>", f"RCPT TO:{RCPT}", "RSET"] + mail(),
    "ipv6": mail(),
    "tls-and-login": ["STARTTLS", "EHLO client.example", "AUTH PLAIN AGFsaWNlAHNlY3JldA==", *mail()],
    "smtputf8": mail(content(subject="Grüße".encode()), "<jürgen@example.org> SMTPUTF8",
                     ("<zoë@example.com>",)),
}
# What the filter is told beside its port: here it asks for SMFIP_HDR_LEADSPC, and keeps SMFIP_SKIP,
# which libmilter presets.
WORDS = {"leading-blanks": ("steps=0x100400",)}


class Client:
    """Speaks SMTP line by line; what is not taken is an error of this file."""

    def __init__(self, address, greeting=None):
        self.socket = socket.create_connection(address, SECONDS)
        self.replies = self.socket.makefile("rb")
        if greeting:
            self.socket.sendall(greeting.encode() + b"\r\n")
        self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.replies.close()
        self.socket.close()

    def reply(self):
        while True:
            line = self.replies.readline()
            if line[:1] not in b"23" or not line:
                raise PeerError(f"the MTA says {line!r}")
            if line[3:4] != b"-":
                return

    def say(self, line):
        if isinstance(line, bytes):
            stuffed = re.sub(rb"(?m)^\.", b"..", line)
            self.socket.sendall(stuffed + b".\r\n")
        else:
            self.socket.sendall(line.encode() + b"\r\n")
        self.reply()
        if line == "STARTTLS":
            self.begin_tls()

    def begin_tls(self):
        """With a certificate that nobody signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.replies.close()
        self.socket = context.wrap_socket(self.socket)
        self.replies = self.socket.makefile("rb")


class ByPostfix:
    """Its client's address, and its own, are what a PROXY line says."""

    profile = "postfix"

    def __init__(self, protocol):
        # What the older protocols do not have.
        self.cannot = () if protocol == 6 else ("leading-blanks", "tls-and-login")
        self.prefix = f"v{protocol}-"
        self.mta = SecurePostfix({"alice": "secret"}, protocol=protocol,
                                 mydestination="mx.example.com, example.com",
                                 default_transport="smtp", relay_transport="smtp",
                                 defer_transports="smtp, local", smtputf8_enable="yes",
                                 inet_protocols="all")
        self.settings = f"milter_protocol={protocol}"

    @staticmethod
    def folder():
        return Postfix.version().lower().replace(" ", "-")

    def client(self, name):
        return Client(("127.0.0.1", self.mta.proxy_port), IPV6 if name == "ipv6" else IPV4)


class BySendmail:
    """Its client is on loopback, for it believes nobody who says otherwise. Mail waits in the queue,
    so that no host is looked for; mail of its own domain needs no such user."""

    profile = "sendmail"
    prefix = ""
    settings = ""
    # Debian builds it without USE_EAI; it takes a certificate only from where nobody else may write.
    cannot = ("smtputf8", "tls-and-login")
    MORE = """\
undefine(`SMART_HOST')
LOCAL_DOMAIN(`example.com')
MODIFY_MAILER_FLAGS(`LOCAL', `-w')
"""

    def __init__(self):
        self.mta = Sendmail(more=self.MORE, ipv6=True)

    @staticmethod
    def folder():
        return Sendmail.version().lower().replace(" ", "-")

    def client(self, name):
        return Client(("::1" if name == "ipv6" else "127.0.0.1", self.mta.port))


class ByStalwart:
    """A connection for each message, and each stage that it is told to run the milter at; the file
    of the second one is called so. By itself its clients come by the PROXY protocol, too; `direct`
    ones come from where they are. `settings` are the milter's."""

    profile = "stalwart"

    def __init__(self, prefix, cases=None, direct=False, **settings):
        self.prefix, self.direct = prefix, direct
        # It does not offer them by itself; and its proxies do not speak STARTTLS.
        self.cannot = {"leading-blanks", "tls-and-login"} if cases is None else {*CASES} - {*cases}
        self.mta = Stalwart(**{**settings, "stages": settings.get("stages", "data").split(",")})
        self.settings = " ".join(f"{key}={value}" for key, value in settings.items())
        if not direct:
            self.settings += ' overrideProxyTrustedNetworks="127.0.0.1"'

    @staticmethod
    def folder():
        return Stalwart.version().lower().replace(" ", "-")

    def client(self, name):
        if self.direct:
            return Client(("127.0.0.1", self.mta.port))
        return Client(("127.0.0.1", self.mta.proxy_port), IPV6 if name == "ipv6" else IPV4)


def programs():
    stages = [ByStalwart(f"{stage}-", ["plain"], stages=stage)
              for stage in ("connect", "ehlo", "mail", "rcpt")]
    return [*(ByPostfix(protocol) for protocol in (2, 3, 4, 6)), BySendmail(),
            ByStalwart("v2-", protocolVersion="v2"), ByStalwart("v6-", protocolVersion="v6"),
            ByStalwart("offers-all-", ["leading-blanks"], flagsProtocol=0x1FFFFF),
            ByStalwart("direct-", ["plain", "tls-and-login"], direct=True), *stages]


def tidy(text, name, program):
    """Without what is of that moment; a recording of invented mail warns of nothing."""
    text = re.sub(r'^drill 1 "recorded: [^"]*" recorded="(\d{4}-\d\d-\d\d)T[^"]*"',
                  rf'drill 1 "{name}, recorded: {program.mta.version()}" recorded="\1T00:00:00Z"', text)
    text = re.sub(r"^# This file holds real mail.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^mta .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^# the (?:MTA|milter) ended.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"  # .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^([<>].*?)(?: (?:after|split)=\S+| join)+$", r"\1", text, flags=re.MULTILINE)
    return text.replace("\n", f"\nmta {program.profile} {program.settings}".rstrip() + "\n", 1)


def keep(path, into, name, program):
    """Copies a recording and its content, which recordings of the same message share."""
    with open(path, encoding="utf-8") as recording:
        text = recording.read()
    for old in sorted(set(re.findall(r'\bfile[= ]"([^"]+)"', text))):
        with open(os.path.join(os.path.dirname(path), old), "rb") as data:
            whole = data.read()
        new = f"{hashlib.sha256(whole).hexdigest()[:12]}{os.path.splitext(old)[1]}"
        with open(os.path.join(into, new), "wb") as out:
            out.write(whole)
        text = text.replace(f'"{old}"', f'"{new}"')
    with open(os.path.join(into, name + ".drill"), "w", encoding="utf-8") as out:
        out.write(tidy(text, name, program))


def connections(program, name):
    """How many milter connections such mail makes."""
    return CASES[name].count("DATA") if program.profile == "stalwart" else 1


def record(drill, program, name, into):
    work = tempfile.mkdtemp(prefix="milterdrill-recorded-")
    with Libmilter(words=WORDS.get(name, ())) as milter, \
            Recorder(drill, work, milter.address, listen=program.mta.milter) as recorder:
        with program.client(name) as client:
            for line in ["EHLO client.example", *CASES[name], "QUIT"]:
                client.say(line)
        recorder.wait(connections(program, name), "> quit")
    for number, path in enumerate(recorder.recordings(), 1):
        keep(path, into, program.prefix + name + (f"-{number}" if number > 1 else ""), program)
    shutil.rmtree(work)


def record_all(drill, folder):
    """Every case with every program that can be started; the others' names, and why."""
    left_out = []
    for program in programs():
        if program.mta.missing():
            left_out.append(program.mta.missing())
            continue
        into = os.path.join(folder, program.folder())
        for old in glob.glob(os.path.join(glob.escape(into), program.prefix + "*.drill")):
            os.remove(old)
        os.makedirs(into, exist_ok=True)
        with program.mta:
            for name in sorted(set(CASES) - set(program.cannot)):
                record(drill, program, name, into)
    return sorted(set(left_out))


def sweep(folder):
    """Removes content that no recording names any more."""
    for into in glob.glob(os.path.join(glob.escape(folder), "*", "")):
        texts = []
        for path in glob.glob(os.path.join(glob.escape(into), "*.drill")):
            with open(path, encoding="utf-8") as text:
                texts.append(text.read())
        for path in glob.glob(os.path.join(glob.escape(into), "*.eml")):
            if not any(os.path.basename(path) in text for text in texts):
                os.remove(path)


def compare(drill, folder, again):
    """What the programs of this machine say otherwise than those that were recorded."""
    found = []
    for new in Recording.all(again):
        old = Recording(os.path.join(folder, new.name))
        what = difference(old.frames(drill), new.frames(drill), exceptions("again", new.name)) \
            if os.path.exists(old.path) else "is not kept"
        found += [f"{new.name}: {what}"] if what else []
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with what is kept")
    parser.add_argument("folder", nargs="?", default=RECORDED)
    options = parser.parse_args()
    drill = Drill.release()
    if not options.check:
        left_out = record_all(drill, options.folder)
        sweep(options.folder)
        found = []
    else:
        with tempfile.TemporaryDirectory(prefix="milterdrill-again-") as again:
            left_out = record_all(drill, again)
            found = compare(drill, options.folder, again)
    for line in [*(f"not recorded: {reason}" for reason in left_out), *found]:
        print(line)
    return 1 if found else 77 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())

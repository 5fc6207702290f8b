# SPDX-License-Identifier: MIT
"""scrub: nothing of the original is left, its shape is, and what fails still fails."""

import base64
import email
import os
import quopri
import random
import re
import stat

import pytest

from peers.clamav import INFECTED

SECRETS = ("Juliane", "Sonderbar", "Geheimvertrag", "Mustermann", "Quartalszahlen", "Kuendigung",
           "Blumenstrauss", "Werkstatt")
# No name under .zz exists (ISO 3166 leaves it to users); example.com would be found in any copy.
DOMAINS = ("kunde-mueller.zz", "mail.firma-abc.zz", "kurz.zz", "abc.zz", "z.zz",
           "ganz-lange-abteilung.standort.konzern-holding.zz", "shop.laden.co.zz")
IPS = ("1.2.3.4", "10.20.30.40", "172.16.254.133", "100.200.150.250", "172.31.9.77",
       "2a00:1450:4001:82a::200e", "fe80::1a2b", "2a01:4f8:c0c:1234:5678:9abc:def0:1234")


class Sample:
    """A message that holds each secret in every way that mail has, made from a seed."""

    def __init__(self, seed):
        self.pick = random.Random(seed)
        self.addresses = [f"{self.local(name)}@{self.pick.choice(DOMAINS)}" for name in SECRETS]
        self.secrets = [name.lower() for name in SECRETS] + list(self.addresses)
        self.boundary = f"=_{self.pick.choice(SECRETS)}.{self.pick.randrange(10**9)}.teil"
        self.text = "".join(f"{self.sentence()}\r\n" for _ in range(8))

    def local(self, name):
        return self.pick.choice((name.lower(), f"{name}.{self.pick.choice(SECRETS)}",
                                 f"{name}+liste7"))

    def address(self):
        return self.pick.choice(self.addresses)

    def sentence(self):
        return (f"Liebe {self.pick.choice(SECRETS)}, {self.address()} schreibt von "
                f"{self.pick.choice(IPS)} und http://{self.pick.choice(DOMAINS)}/pfad?x=1 wegen "
                f"{self.pick.choice(SECRETS)} {self.pick.randrange(10**8, 10**9)}")

    def html(self):
        return (f'<html><body class="geheim{self.pick.randrange(99)}"><p>{self.sentence()}</p>'
                f'<a href="mailto:{self.address()}" title="{self.pick.choice(SECRETS)}">'
                f"J\u00fcrgen &amp; {self.pick.choice(SECRETS)}</a><!-- {self.sentence()} -->"
                f"</body></html>\r\n")

    def trace(self, name, to):
        local, domain = to.split("@")
        return (
            f"Return-Path: <bounce-{local}={domain}@lists.{self.pick.choice(DOMAINS)}>",
            f"Received: from mail.{domain} (mail.{domain} [{self.pick.choice(IPS[:5])}])",
            f"\tby mx.{self.pick.choice(DOMAINS)} (Postfix) with ESMTPS id 4Xy{name}Z",
            f"\tfor <{self.address()}>; Mon, 2 Nov 2026 10:11:12 +0100 (CET)",
            f"Received: from desk ([IPv6:{self.pick.choice(IPS[5:])}]) by {domain} with LMTP;",
            "\tMon, 2 Nov 2026 10:11:11 +0100",
            f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=wahl2026; i=@{domain};",
            f"\th=from:to:subject; bh={base64.b64encode(name.encode() * 4).decode()};",
            f"\tb={base64.b64encode(to.encode() * 3).decode()}")

    def headers(self):
        name, to = self.pick.choice(SECRETS), self.address()
        local, domain = to.split("@")
        b64 = base64.b64encode(f"{name} \u00fcber {to}".encode()).decode()
        q = quopri.encodestring(f"{name} f\u00fcr {to}".encode()).decode()
        q = q.replace("=\n", "").replace(" ", "_")
        return "".join(line + "\r\n" for line in (
            *self.trace(name, to),
            f"From: =?utf-8?Q?{q}?= <{self.address()}>",
            f'To: "{name}, {self.pick.choice(SECRETS)}" <{to.upper()}>,',
            f' "{local} x"@{domain}, {local}%{domain}@{self.pick.choice(DOMAINS)},',
            f" j\u00fcrgen.{name}@b\u00fccher.{domain}",
            f"Subject: =?UTF-8?B?{b64}?= {name}",
            f" {self.pick.choice(SECRETS)} gefaltet",
            f"Message-ID: <{self.pick.randrange(10**12)}.{name}@{domain}>",
            f"List-Unsubscribe: <mailto:weg-{local}@{domain}?subject={name}>,",
            f" <https://{domain}/weg?wer={local}%40{domain}>",
            f"X-Originating-IP: [{self.pick.choice(IPS[:5])}]",
            "Date: Mon, 2 Nov 2026 10:11:12 +0100", "MIME-Version: 1.0",
            f'Content-Type: multipart/mixed;\r\n\tboundary="{self.boundary}"'))

    def part(self, kind, encoding, body):
        return (f"--{self.boundary}\r\nContent-Type: {kind}\r\n"
                f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode() + body + b"\r\n"

    def message(self):
        wrapped = base64.encodebytes(self.text.encode() * 2).replace(b"\n", b"\r\n")
        blob = bytes(self.pick.randrange(256) for _ in range(600))
        inner = (f"--innen\r\n\r\n{self.sentence()}\r\n--innen\r\n"
                 f"Content-Type: message/rfc822\r\n\r\nFrom: {self.address()}\r\n"
                 f"Subject: {self.pick.choice(SECRETS)}\r\n\r\n{self.sentence()}\r\n--innen--\r\n")
        quoted = quopri.encodestring(self.html().encode()).replace(b"\n", b"\r\n")
        parts = (
            self.part("text/plain; charset=utf-8", "8bit", self.text.encode()),
            self.part("text/plain; charset=iso-8859-1", "8bit",
                      f"J\u00fcrgen gr\u00fc\u00dft {self.sentence()}".encode("latin-1")),
            self.part("text/plain", "base64", wrapped),
            self.part("text/html; charset=utf-8", "quoted-printable", quoted),
            self.part(f'application/pdf; name="{self.pick.choice(SECRETS)}.pdf"', "base64",
                      base64.encodebytes(blob).replace(b"\n", b"\r\n")),
            self.part("multipart/alternative; boundary=innen", "7bit", inner.encode()))
        return (self.headers().encode() + b"\r\n" + self.sentence().encode() + b"\r\n" +
                b"".join(parts) + f"--{self.boundary}--\r\n{self.sentence()}\r\n".encode())


def quote(data):
    return "".join(chr(c) if 32 <= c < 127 and chr(c) not in '"\\' else f"\\x{c:02x}" for c in data)


def opening(sample, sender, rcpt):
    return [
        f'drill 1 "recorded: {sample.sentence()}" tests=milter recorded="2026-11-20T12:00:00Z"',
        f"# {sample.sentence()}", f'why "{sample.sentence()}"', "mta postfix",
        f'client addr="{IPS[1]}" port=47324 host="{DOMAINS[1]}" helo="{DOMAINS[1]}"',
        f'message from="<{sender}>" rcpt="<{rcpt}>" file="mail.eml"']


def envelope(sample, sender, rcpt):
    return [
        "> optneg version=6 actions=0x1ff protocol=0x1fffff",
        f"< optneg version=6 actions=0x21 protocol=0x0  # {sample.sentence()}",
        f'> macro stage=connect j="mx.{DOMAINS[0]}" {{client_addr}}="{IPS[1]}" _="{DOMAINS[1]}"',
        f'> connect host="{DOMAINS[1]}" family=inet port=47324 address="{IPS[1]}"',
        "< continue", f'> helo name="{DOMAINS[1]}"', "< continue",
        f'> macro stage=mail i="4Xy{SECRETS[0]}" {{auth_authen}}="{SECRETS[1]}" '
        f'"{{odd name}}"="{sample.sentence()}"',
        f'> mail address="<{sender}>" arg="SIZE=12345" arg="ENVID={SECRETS[2]}"',
        "< continue", f'> rcpt address="<{rcpt}>" arg="ORCPT=rfc822;{rcpt}"', "< continue"]


def content(message):
    """Headers inline, in two pieces each; the body in slices of the file, but for one chunk."""
    head = message.index(b"\r\n\r\n") + 4
    middle = head + (len(message) - head) // 3
    for name, value in email.message_from_bytes(message).raw_items():
        data = str(value).encode("utf-8", "surrogateescape").replace(b"\r\n", b"\n")
        half = len(data) // 2
        yield f'> header name="{name}" value="{quote(data[:half])}" + "{quote(data[half:])}"'
    yield "> eoh"
    for body in (f'file "mail.eml" {head}..{middle - 1}', f'"{quote(message[head:head + 333])}"',
                 f'"{quote(message[head + 333:head + 900])}"', f'file "mail.eml" {middle}..'):
        yield f"> body data={body}"
        yield "< continue"


def ending(sample):
    return [
        "> bodyeob", f'< addheader name="X-Spam" value="{sample.sentence()}"',
        f'< addrcpt address="<{sample.address()}>"', f'< quarantine reason="{sample.sentence()}"',
        f'< replycode text="550 5.7.1 {sample.sentence()}"',
        f'> unknown line="VRFY {sample.address()}"', f'> mail data="<{sample.address()}>\\0SIZE=1"',
        f'> frame code=90 data="{sample.sentence()}"',
        f'> raw data="\\0\\0\\0\\x40H{sample.address()[:4]}"',
        f'> raw data="{sample.address()[4:]}\\0{sample.sentence()}"', "> quit", ""]


def recording(sample, message):
    """As `record` writes it, and some lines that only torn traffic has."""
    sender, rcpt = sample.address(), sample.address()
    return "\n".join(opening(sample, sender, rcpt) + envelope(sample, sender, rcpt) +
                     list(content(message)) + ending(sample))


def decoded(data):
    """All that a reader may see: raw, and behind base64, quoted-printable and encoded words."""
    seen = [data]
    for part in email.message_from_bytes(data).walk():
        if not part.is_multipart():
            seen.append(part.get_payload(decode=True) or b"")
    for how, text in re.findall(rb"=\?[^?]*\?([bBqQ])\?([^?]*)\?=", data):
        seen.append(base64.b64decode(text) if how in b"bB" else
                    quopri.decodestring(text, header=True))
    return seen


def assert_clean(copy, secrets):
    """None of the secrets, in any case."""
    for secret in (*secrets, *DOMAINS, *IPS):
        whole = rb"(?<![\w.-])" + re.escape(secret.encode()) + rb"(?![\w-])"
        part = secret in secrets and secret.encode().lower() in copy.lower()
        assert not part and not re.search(whole, copy, re.IGNORECASE), (secret, copy)


KEPT = re.compile(rb'mailto:|https?://|</?\w+( class=| href=)?|\w+="')  # tags, schemes


def runs(message):
    """Eight bytes of text in a row, of every part, decoded."""
    for part in email.message_from_bytes(message).walk():
        if not part.is_multipart():
            data = KEPT.sub(b"<", part.get_payload(decode=True))
            for run in (data[at:at + 8] for at in range(len(data) - 7)):
                if sum(c > 127 or chr(c).isalnum() for c in run) >= 6:
                    yield run


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode())
    return path


def read(*path):
    with open(os.path.join(*path), "rb") as source:
        return source.read()


@pytest.mark.parametrize("seed", range(20))
def test_nothing_of_the_original_is_left(any_drill, work, seed):
    sample = Sample(seed)
    message = sample.message()
    path = write(work, "mail.drill", recording(sample, message))
    write(work, "mail.eml", message)
    any_drill("scrub", "--seed", seed, path).check_exit(0)
    text, copy = read(work, "mail.scrubbed.drill"), read(work, "mail.scrubbed-1.eml")
    any_drill("lint", os.path.join(work, "mail.scrubbed.drill")).check_exit(0)
    assert len(copy) == len(message)
    for one in (text, *decoded(copy)):
        assert_clean(one, sample.secrets)
    seen = b"\n".join((text, *decoded(copy)))
    for run in set(runs(message)):
        assert run not in seen, run


def shape(data):
    """Each character by its class; line ends as they are."""
    return re.sub(rb"[A-Za-z0-9\x80-\xff._%:-]", b"x", data)


@pytest.mark.parametrize("seed", range(5))
def test_the_shape_stays(drill, work, seed):
    sample = Sample(seed)
    message = sample.message()
    path = write(work, "mail.drill", 'drill 1 "x" tests=milter\nmessage file="mail.eml"\n...\n')
    write(work, "mail.eml", message)
    drill("scrub", "--seed", seed, path).check_exit(0)
    copy = read(work, "mail.scrubbed-1.eml")
    lines, copied = message.split(b"\r\n"), copy.split(b"\r\n")
    assert [len(line) for line in lines] == [len(line) for line in copied]
    before = list(email.message_from_bytes(message).walk())
    after = list(email.message_from_bytes(copy).walk())
    assert [part.get_content_type() for part in before] == [p.get_content_type() for p in after]
    assert [part.keys() for part in before] == [part.keys() for part in after]
    for one, other in zip(before, after):
        if not one.is_multipart():
            was, now = one.get_payload(decode=True), other.get_payload(decode=True)
            assert len(was) == len(now)
            if one.get_content_charset() == "utf-8":
                assert shape(was) == shape(now)
                now.decode("utf-8")


def test_one_value_has_one_replacement(drill, work):
    """In any case, as an address and in text, behind encodings and beside them."""
    name = b"juliane.sonderbar@kunde-mueller.example"
    message = (b"From: <" + name + b">\r\nTo: " + name.upper() + b"\r\nContent-Type: text/plain\r\n"
               b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(b"xy " + name))
    write(work, "m.eml", message)
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\nmessage file="m.eml"\n'
                 f'...\n> rcpt address="<{name.decode()}>" arg="ORCPT=rfc822;{name.decode()}"\n...\n')
    drill("scrub", path).check_exit(0)
    text, copy = read(work, "a.scrubbed.drill"), read(work, "a.scrubbed-1.eml")
    found = re.search(rb'address="<(.*?)>"', text).group(1)
    assert found.endswith((b".example.com", b".example.net", b".example.org")), found
    assert b"rfc822;" + found in text
    assert copy.startswith(b"From: <" + found + b">\r\nTo: " + found.upper())
    assert email.message_from_bytes(copy).get_payload(decode=True).endswith(found)


def test_keys_differ_and_seeds_do_not(drill, work):
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\n> helo name="mail.kunde.example"\n...\n')
    copies = []
    for options in ((), (), ("--seed", "7"), ("--seed", "7")):
        drill("scrub", "--force", *options, path).check_exit(0)
        copies.append(read(work, "a.scrubbed.drill"))
    assert copies[0] != copies[1] and copies[2] == copies[3]


def test_what_is_kept(drill, work):
    message = b"Subject: Juliane\r\nX-Tag: Juliane\r\n\r\nHallo Juliane\r\n"
    write(work, "m.eml", message)
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\nmessage file="m.eml"\n...\n'
                 '> header name="SUBJECT" value="Juliane"\n...\n')
    drill("scrub", "--keep", "header:subject", path).check_exit(0)
    copy = read(work, "a.scrubbed-1.eml")
    assert copy.count(b"Juliane") == 1 and copy.startswith(b"Subject: Juliane\r\n"), copy
    assert b'value="Juliane"' in read(work, "a.scrubbed.drill")
    drill("scrub", "--force", "--keep", "body", path).check_exit(0)
    assert read(work, "a.scrubbed-1.eml").endswith(b"\r\n\r\nHallo Juliane\r\n")


KEPT_VALUE = b"Juliane Sonderbar; v=Juliane"
ENCODED = (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
           base64.encodebytes(b"Juliane schreibt an eva@kunde-mueller.zz\r\n" * 8))


def several_values(work):
    """A header, a message in three chunks of which one stands in the line, a reply; in one file."""
    at, end = len(KEPT_VALUE), len(KEPT_VALUE + ENCODED)
    write(work, "a.mta.bin", KEPT_VALUE + ENCODED + b"Werkstatt550 5.7.1 <eva@kunde-mueller.zz> Geheim")
    return write(work, "a.drill", "\n".join((
        'drill 1 "x" recorded="2026-11-20T12:00:00Z"', "mta stalwart",
        f'> header name="X-Keep" value=file "a.mta.bin" 0..{at - 1}', "> eoh",
        f'> body data=file "a.mta.bin" {at}..{at + 199}', "< continue",
        f'> body data="{quote(ENCODED[200:260])}"',
        f'> body data=file "a.mta.bin" {at + 260}..{end - 1}', "> bodyeob",
        f'< replycode text=file "a.mta.bin" {end + 9}..', "")))


def test_a_file_of_several_values(drill, work):
    """A recording keeps what is long in one file: a header that is kept there keeps nothing else, and
    each value is read as what it is, over its chunks and behind its encoding."""
    drill("scrub", "--keep", "header:x-keep", several_values(work)).check_exit(0)
    copy, text = read(work, "a.scrubbed-1.bin"), read(work, "a.scrubbed.drill")
    at, end = len(KEPT_VALUE), len(KEPT_VALUE + ENCODED)
    assert copy.startswith(KEPT_VALUE) and b'file "a.scrubbed-1.bin" 0..' in text
    assert copy[end + 9:].startswith(b"550 5.7.1 <")
    for secret in (b"uliane", b"kunde-mueller", b"Werkstatt", b"Geheim"):
        assert secret not in copy[at:] and secret not in text
    inline = re.search(rb'body data="(.*)"', text).group(1).replace(b"\\r", b"\r").replace(
        b"\\n", b"\n")
    mail = email.message_from_bytes(copy[at:at + 200] + inline + copy[at + 260:end])
    lines = set(mail.get_payload(decode=True).split(b"\r\n")) - {b""}
    assert len(lines) == 1 and re.fullmatch(rb"\w{7} \w{8} \w\w \w{3}@\w{4}\.example\.\w{3}",
                                            lines.pop())


def test_a_product_in_a_body_is_no_new_message(drill, work):
    """What stands behind it looks like a field, and is none."""
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\nmta stalwart\n...\n> body data="A: '
                 'b\\r\\n\\r\\n" + "x" * 9 + "juliane-sonderbar:y"\n...\n'
                 '> body data="juliane: kunde"\n...\n')
    drill("scrub", path).check_exit(0)
    assert b"juliane" not in read(work, "a.scrubbed.drill")


def test_a_verdict_still_fits_the_reply(drill, work):
    """The client is told the same, code and all."""
    path = write(work, "a.drill", 'drill 1 "x"\nmta postfix\n...\n> rcpt\n'
                 '< replycode text="550 5.1.1 <user@kurz.zz>: not Juliane"\n'
                 'verdict reject code=550 text="5.1.1 <user@kurz.zz>: not Juliane"\n')
    drill("scrub", path).check_exit(0)
    text = read(work, "a.scrubbed.drill")
    told = re.findall(rb'text="(?:550 )?(5\.1\.1 <.*@.*>: not \w+)"', text)
    assert len(told) == 2 and told[0] == told[1] and b"Juliane" not in text, text


def test_a_delivery_report_stays_one(drill, work):
    """The names of its fields are names of headers, in each of its groups."""
    report = (b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.kurz.zz\r\n\r\n"
              b"Final-Recipient: rfc822; juliane@kurz.zz\r\nAction: failed\r\n")
    write(work, "m.eml", report)
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\nmessage file="m.eml"\n...\n')
    drill("scrub", path).check_exit(0)
    copy = read(work, "a.scrubbed-1.eml")
    assert re.findall(rb"(?m)^[\w-]+:", copy) == re.findall(rb"(?m)^[\w-]+:", report)
    assert b"juliane" not in copy and b"kurz" not in copy


def test_networks_and_domains_of_the_original_are_not_used(drill, work):
    """Those of our own examples, which a copy would use; seen behind an encoding, too."""
    inside = base64.b64encode(b"from 192.0.2.17 and eva@mail.example.com").decode()
    path = write(work, "a.drill", f'drill 1 "x" tests=milter\n...\n> header name="Subject" '
                 f'value="=?utf-8?B?{inside}?="\n...\n> header name="X-A" value="10.20.30.4 '
                 'www.lange-firma-gmbh.zz 203.0.113.5 2001:db8::17 2a00:1450::200e"\n...\n')
    for seed in range(20):
        drill("scrub", "--force", "--seed", seed, path).check_exit(0)
        text = read(work, "a.scrubbed.drill")
        for network in (b"192.0.2.", b"203.0.113.", b"2001:db8:", b"example.com"):
            assert network not in text, text
        assert re.search(rb'value="2[45]\d\.', text) and b"3fff:" in text and b".example." in text


def test_files_are_private_and_never_overwritten(drill, work):
    write(work, "m.eml", b"Subject: x\r\n\r\ny\r\n")
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\nmessage file="m.eml"\n...\n')
    drill("scrub", path).check_exit(0)
    for name in ("a.scrubbed.drill", "a.scrubbed-1.eml"):
        assert stat.S_IMODE(os.stat(os.path.join(work, name)).st_mode) == 0o600
    drill("scrub", path).check_exit(2).check_err("--force").check_one_error()
    drill("scrub", "--force", path).check_exit(0)
    drill("scrub", "--force", "--out", path, path).check_exit(2).check_err("original")
    os.mkdir(os.path.join(work, "to"))
    drill("scrub", "--out", os.path.join(work, "to"), path).check_exit(0)
    assert sorted(os.listdir(os.path.join(work, "to"))) == ["a.scrubbed-1.eml", "a.scrubbed.drill"]


@pytest.mark.parametrize("args, says", [
    (("scrub",), "no file"), (("scrub", "-"), "beside it"), (("scrub", "a", "b"), "second"),
    (("scrub", "--keep", "all", "a"), "header:NAME"), (("scrub", "--seed", "x", "a"), "number"),
    (("scrub", "no-such.drill"), "no-such.drill")])
def test_usage(drill, args, says):
    drill(*args).check_exit(2).check_err(says).check_one_error()


LONG_TO = ('drill 1 "a list of Juliane" tests=milter\nmta stalwart\nmilter libmilter\n'
           'header name="To" value="Juliane <juliane@kunde.example>, " * 2300\n...\n'
           '> header name="To"\n< {}\nverdict tempfail\n')


@pytest.mark.parametrize("line", ["reset", "continue"])
def test_a_failure_of_size_is_the_same_in_the_copy(drill, plain_filter, work, line):
    """Whether the file says so, and passes, or expects something else, and fails."""
    path = write(work, "a.drill", LONG_TO.format(line))
    for address in (plain_filter.address, "sim:libmilter"):
        result = drill("scrub", "--force", "--check", address, path).check_exit(0)
        result.check_out("alike", "passes" if line == "reset" else "fails")
        assert b"uliane" not in read(work, "a.scrubbed.drill")


def test_a_recording_of_a_failure_fails_alike(drill, plain_filter, work):
    """The 70 KB header comes as a slice of the message's file; its copy is as long."""
    message = b"To: " + b"Juliane <juliane@kunde.zz>, " * 2600 + b"x@y.zz\r\n\r\nHallo\r\n"
    write(work, "m.eml", message)
    path = write(work, "a.drill", "\n".join((
        'drill 1 "Juliane" recorded="2026-11-20T12:00:00Z"',
        "mta stalwart", 'message from="<juliane@kunde.zz>" rcpt="<eva@kurz.zz>" file="m.eml"',
        "> optneg version=6 actions=0x1ff protocol=0x1fffff", "< optneg version=6",
        '> connect host="mail.kunde.zz" family=inet port=47324 address="10.20.30.40"',
        "< continue", '> mail address="<juliane@kunde.zz>"', "< continue",
        '> rcpt address="<eva@kurz.zz>"', "< continue",
        f'> header name="To" value=file "m.eml" 4..{len(message) - 12}', "< reset",
        "verdict tempfail", "")))
    result = drill("scrub", "--check", plain_filter.address, path).check_exit(0)
    result.check_out("original passes", "copy     passes", "alike")
    copy = read(work, "a.scrubbed-1.eml")
    assert len(copy) == len(message) and b"uliane" not in copy


def test_a_failure_of_content_is_told(drill, clamav, work):
    """What the scanner finds is not there any more."""
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\nmta stalwart\n'
                 f'body data="{INFECTED.decode()}"\n...\n> bodyeob\n...\n< accept\n')
    drill("scrub", "--check", clamav.address, path).check_exit(1).check_out("content")
    drill("scrub", "--force", "--keep", "body", "--check", clamav.address, path).check_exit(0)


def test_check_says_so_when_it_cannot_tell(drill, work):
    """What is skipped is not alike."""
    for first, lines in (("tests=mta", "...\n> bodyeob\n< reset\nverdict tempfail\n"),
                         ("tests=milter", "given < optneg version=2\n...\n")):
        path = write(work, "a.drill", f'drill 1 "x" {first}\n{lines}')
        told = drill("scrub", "--force", "--check", "sim:libmilter", path).check_exit(77)
        told.check_out("original is skipped", "copy     is skipped", "says nothing")


def test_check_finds_nobody(drill, work):
    path = write(work, "a.drill", 'drill 1 "x" tests=milter\n...\n')
    drill("scrub", "--check", "inet:1@127.0.0.1", path).check_exit(99)

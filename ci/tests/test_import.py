# SPDX-License-Identifier: MIT
"""`import`: real captures, and files made here, become scenarios that lint and replay."""

import glob
import gzip
import os
import re
import stat
import struct

import pytest

from peers.harness import ROOT
from peers.libmilter import Libmilter
from peers.tcpdump import Tcpdump

MESSAGES = os.path.join(ROOT, "scenarios", "messages")
QUIT = b"\0\0\0\x01Q"
OFFER = struct.pack(">IcIII", 13, b"O", 6, 0, 0)
HELO = b"\0\0\0\x0eHmail.example\0"
CONTINUE = b"\0\0\0\x01c"
SYN, ACK, PUSH = 2, 16, 24


def segment(port, side, seq, flags, data=b""):
    """One pcap record: IPv4 (LINKTYPE_RAW), from 192.0.2.5:`port` (side 0) or to it (side 1)."""
    ends = [(bytes([192, 0, 2, 5]), port), (bytes([192, 0, 2, 9]), 7357)]
    (source, source_port), (target, target_port) = ends[side], ends[1 - side]
    tcp = struct.pack(">HHIIBBHHH", source_port, target_port, seq, 0, 0x50, flags, 8192, 0, 0) + data
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0)
    packet += source + target + tcp
    return struct.pack("<IIII", 1795176000, seq, len(packet), len(packet)) + packet


def pcap(*ports):
    """A capture with one short conversation for each port."""
    out = struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    for port in ports:
        out += segment(port, 0, 99, SYN) + segment(port, 1, 199, SYN | ACK)
        out += segment(port, 0, 100, PUSH, OFFER) + segment(port, 1, 200, PUSH, OFFER)
        out += segment(port, 0, 117, PUSH, HELO) + segment(port, 1, 217, PUSH, CONTINUE)
        out += segment(port, 0, 135, PUSH, QUIT)
    return out


def file_of(work, name, content):
    path = os.path.join(work, name)
    with open(path, "wb") as out:
        out.write(content)
    return path


def imported(folder):
    return sorted(glob.glob(os.path.join(folder, "*.drill")))


def text_of(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def passed(result, mode):
    """The modes in which each file was played, and how that went."""
    results = [r for r in result.of("result") if r["mode"] == mode]
    assert results, result.dump(f"no {mode}")
    return all(r["result"] == "pass" for r in results)


# ---- real captures ----

@pytest.fixture(name="capture")
def fixture_capture(drill, plain_filter, work):
    """Sends a message to a real filter while tcpdump looks on; returns what import made of it."""
    if Tcpdump.missing():
        pytest.skip(Tcpdump.missing())

    def play(message, *options, exit_code=0, peer=plain_filter):
        with Tcpdump(peer.port, *options) as tcpdump:
            drill("send", "--milter", peer.address, "--mta", "stalwart", "--rcpt",
                  "bob@example.com", "--message", os.path.join(MESSAGES, message))
            tcpdump.wait_for_end()
            folder = os.path.join(work, "out")
            drill("import", "--out", folder, tcpdump.file).check_exit(exit_code)
        files = imported(folder)
        assert len(files) == 1, files
        drill("lint", files[0]).check_exit(0)
        return files[0]

    return play


def test_a_real_capture_replays(drill, plain_filter, capture):
    path = capture("plain.eml")
    text = text_of(path)
    assert text.startswith('drill 1 "imported: Stalwart v0.16.19, 1 message, accepted" recorded="2')
    assert "\nmta stalwart\n" in text and "raw" not in text
    drill("run", "--milter", plain_filter.address, path).check_exit(0)
    drill("run", "--exact", "--milter", plain_filter.address, path).check_exit(0)
    assert passed(drill("run", "--sim", "--format", "jsonl", path), "sim-mta")


def test_a_real_reset_replays(drill, plain_filter, capture):
    path = capture("mailing-list-70k-to.eml")
    text = text_of(path)
    assert '> header name="To" value=file "' in text and "< reset  # " in text
    drill("run", "--milter", plain_filter.address, path).check_exit(0)


def test_a_capture_with_cut_packets_keeps_the_lengths(capture):
    text = text_of(capture("plain.eml", "-s", "96", exit_code=1))
    assert ", not whole\"" in text and "were not captured: x stands for them" in text
    assert re.search(r"^> bodyeob\b", text, re.MULTILINE)  # a pause may stand behind it
    assert re.search(r"^> quit\b", text, re.MULTILINE)


def test_a_real_capture_of_ipv6_replays(drill, capture):
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    with Libmilter(host="::1") as peer:
        path = capture("plain.eml", peer=peer)
        assert "raw" not in text_of(path)
        for options in ((), ("--exact",), ("--timing", "original")):
            drill("run", "--milter", peer.address, *options, path).check_exit(0)


# ---- files ----

def test_a_file_for_each_connection(drill, work):
    folder = os.path.join(work, "out")
    path = file_of(work, "x.pcap", pcap(40000, 40001, 40002))
    told = drill("import", path).check_exit(2)
    assert "3 connections; --out DIR" in told.err and not told.out
    told = drill("import", "--out", folder, path).check_exit(0)
    files = imported(folder)
    assert len(files) == 3 and told.out.count("\n") == 3
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(name).st_mode) for name in files} == {0o600}
    assert os.path.basename(files[0]) == "20261120T120000Z-1.drill"
    drill("import", "--out", folder, path).check_exit(0)
    assert len(imported(folder)) == 6, "nothing is overwritten"


def test_one_connection_goes_to_stdout(drill, work):
    told = drill("import", "-", stdin=pcap(40000)).check_exit(0)
    assert "\n< continue  # +0.1 ms\n> quit\n" in told.out and not told.err
    path = file_of(work, "x.drill", told.out.encode())
    drill("lint", path).check_exit(0)
    assert passed(drill("run", "--sim", "--format", "jsonl", path), "sim-milter")


def test_a_message_of_small_values_stands_alone(drill):
    """To stdout there is no place for files; a value that needs one is refused."""
    def talk(body):
        frames = b"\0\0\0\x05Ma@b\0" + struct.pack(">I", len(body) + 1) + b"B" + body
        return drill("import", "--from", "mta", "-", stdin=frames)

    told = talk(b"x" * 20 + b"y" * 20).check_exit(0)
    assert 'message from="a@b"\n' in told.out and "file" not in told.out.replace("This file", "")
    assert "--out DIR says where" in talk(b"xy" * 1000).check_exit(2).err


def test_a_port_picks(drill):
    assert "> quit" in drill("import", "--port", "40001", "-", stdin=pcap(40000, 40001)).out
    told = drill("import", "--port", "25", "-", stdin=pcap(40000)).check_exit(2)
    assert "none of its 1 TCP connections" in told.err


def test_a_port_that_is_used_again_without_its_first_packet(drill, work):
    """What is left of the second connection's opening says that it is one."""
    again = (segment(40000, 1, 50199, SYN | ACK) + segment(40000, 0, 70100, PUSH, OFFER) +
             segment(40000, 1, 50200, PUSH, OFFER) + segment(40000, 0, 70117, PUSH, QUIT))
    folder = os.path.join(work, "out")
    path = file_of(work, "x.pcap", pcap(40000) + again)
    drill("import", "--out", folder, path).check_exit(1)
    first, second = imported(folder)
    assert "> helo" in text_of(first) and "raw" not in text_of(first)
    assert "> helo" not in text_of(second) and "> quit" in text_of(second)


def test_a_compressed_capture_is_named_as_such(drill):
    told = drill("import", "-", stdin=gzip.compress(pcap(40000))).check_exit(2)
    assert "gunzip" in told.err and told.err.count("\n") == 1


def test_what_could_be_read_of_a_broken_capture_is_kept(drill):
    whole = pcap(40000)
    told = drill("import", "-", stdin=whole[:-3]).check_exit(1)
    assert "packet 7 is cut" in told.err and f"at byte {len(whole) - 61}" in told.err
    assert "> helo" in told.out and "raw" in told.out


@pytest.mark.parametrize("content, says", [
    (b"", "no line of this log"), (b"connect from unknown\n", "no line of this log"),
    (b"\x7fELF\0\0", "neither pcap nor pcapng nor a text"), (pcap(), "none of its 0 TCP")])
def test_what_cannot_be_read_at_all(drill, content, says):
    told = drill("import", "-", stdin=content).check_exit(2)
    assert says in told.err and not told.out


def test_streams_and_hex_dumps(drill, work):
    mta, milter = OFFER + HELO + QUIT, OFFER + CONTINUE
    names = [file_of(work, "mta", mta), file_of(work, "milter", milter)]
    raw = drill("import", "--mta-stream", names[0], "--milter-stream", names[1]).check_exit(0)
    assert '> helo name="mail.example"\n< continue\n> quit\n' in raw.out
    names = [file_of(work, "mta.hex", mta.hex(" ").encode()),
             file_of(work, "milter.hex", milter.hex().encode())]
    hexed = drill("import", "--hex", "--mta-stream", names[0], "--milter-stream", names[1])
    assert hexed.check_exit(0).out == raw.out
    one = drill("import", "--hex", "--from", "milter", names[1]).check_exit(0)
    assert "< optneg version=6 actions=0 protocol=0\n< continue\n" in one.out


@pytest.mark.parametrize("header", [b"no NUL", b"From x\0y\0", b" \0y\0", b""])
def test_what_no_field_can_be_called_is_played_all_the_same(drill, work, header):
    """A recording says what was sent: it lints, and a milter is sent these bytes."""
    frames = [b"M<alice@example.org>\0", b"R<bob@example.com>\0", b"L" + header, b"N", b"Bx\r\n",
              b"E", b"Q"]
    mta = OFFER + b"".join(struct.pack(">I", len(one)) + one for one in frames)
    names = [file_of(work, "mta", mta), file_of(work, "milter", OFFER + 6 * CONTINUE)]
    folder = os.path.join(work, "out")
    drill("import", "--out", folder, "--mta-stream", names[0], "--milter-stream",
          names[1]).check_exit(0)
    drill("lint", *imported(folder)).check_exit(0)
    result = drill("run", "--sim", "-v", *imported(folder)).check_exit(0, 1)
    assert "> header" in result.out, result.dump("it was not played")


def test_what_is_no_hex_digit_is_named(drill, work):
    path = file_of(work, "x.hex", OFFER.hex(" ").encode() + b"\n00 00 00 0l 51\n")
    for command in ("import", "dump"):
        told = drill(command, "--hex", "--from", "mta", path).check_exit(1)
        told.check_err("x.hex:2: ").check_out("> optneg")


LOG = """\
2026-11-20T12:00:00Z INFO A session (smtp.connection-start) remoteIp = 192.0.2.5
{0} Writing to Milter (milter.write) {1}, contents = "OPTNEG (version: 6, actions: [ADDHDRS ], \
options: [])"
{0} Reading from Milter (milter.read) {1}, contents = "OPTNEG (version: 6, actions: [], options: [])"
{0} Writing to Milter (milter.write) {1}, contents = "BODY [70000 bytes]"
{0} Writing to Milter (milter.write) {1}, contents = "BODY [700 bytes]"
{0} Reading from Milter (milter.read) {1}, contents = "ACTION (CONTINUE)"
{0} Writing to Milter (milter.write) {1}, contents = "EOB"
{0} Milter I/O error (milter.io-error) {1}, details = "Connection reset by peer (os error 104)"
""".format("2026-11-20T12:00:01Z TRACE", 'remoteIp = 192.0.2.5, remotePort = 47324, id = "a"')


def test_a_log_of_stalwarts(drill, work):
    folder = os.path.join(work, "out")
    told = drill("import", "--out", folder, file_of(work, "x.log", LOG.encode())).check_exit(1)
    assert "x.log:4: this line's frame cannot be read" in told.err
    path, = imported(folder)
    text = text_of(path)
    assert "# The log has no bodies" in text and '> body data="x" * 700\n< continue\n' in text
    assert text.rstrip().endswith("< reset  # RST")
    drill("lint", path).check_exit(0)


@pytest.mark.parametrize("form, frames, end", [
    ("ansi", 33, '< addheader name="X-Checked" value="\\"yes\\", id = \\"no\\""\n'
                 '< quarantine reason="why not"\n< replbody data="xxxxxx"\n< continue\n> quit\n'
                 "verdict accept"),
    ("multiline", 29, '> bodyeob\n< chgfrom address="<eve@example.org>"\n'
                      "# Stalwart: Invalid Milter frame.\n> close  # FIN"),
    ("plain", 14, '> rcpt address="<bob b@example.com>"\n< replycode text="550 5.7.1 not here"'),
])
def test_logs_as_stalwart_wrote_them(drill, work, form, frames, end):
    """Of Stalwart 0.16.19, with each way to write them; a filter on libmilter was its milter."""
    folder = os.path.join(work, "out")
    told = drill("import", "--out", folder, f"corpus/import/log-stalwart-{form}").check_exit(0)
    assert told.out.rstrip().endswith(f"; {frames} frames, 1 message") and not told.err
    path, = imported(folder)
    text = text_of(path)
    assert end in text, text
    assert '\nclient addr="192.0.2.1" port=47324 host="" helo="client.example"\n' in text
    assert '> macro stage=connect {daemon_name}="Stalwart v0.16.19" j="mx.example.com"' in text
    if form != "plain":
        assert 'value="a \\"quoted\\" \\\\ word,\\r\\n\\tfolded: gr\\xc3\\xbc\\xc3\\x9fe"' in text
    drill("lint", path).check_exit(0)


@pytest.mark.parametrize("words", [
    (), ("a", "b"), ("--port", "0", "-"), ("--hex", "-"), ("--from", "me", "-"), ("--nonsense",),
    ("--from", "mta", "--mta-stream", "x", "-"), ("/nonexistent",)])
def test_usage(drill, words):
    drill("import", *words).check_exit(2).check_one_error()


def test_dump_and_import_read_the_same_digits(drill):
    dumped = drill("dump", "--hex", "--from", "mta", "-", stdin=OFFER.hex(" ").encode())
    told = drill("import", "--hex", "--from", "mta", "-", stdin=OFFER.hex(" ").encode())
    assert dumped.check_exit(0).out.strip() == told.check_exit(0).out.splitlines()[-1]

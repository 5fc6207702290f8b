# SPDX-License-Identifier: MIT
"""milterdrill record between real programs: what passes, what is kept of it, and that it plays again."""

import contextlib
import glob
import os
import re
import smtplib
import socket
import stat
import struct

import pytest

from fakes import CONTINUE, OPTNEG, Fake, read_exactly, read_frame
from peers.base import free_port
from peers.harness import ROOT
from peers.libmilter import Libmilter
from peers.postfix import Postfix
from peers.tcpdump import Tcpdump
from recorder import Recorder, read
from talks import OFFER, SECONDS, TALK, connect, echoing, frame, milter, record, say, shape

CHANGES = ("actions=0x7f", "addheader=X-Added:one", "insheader=1:X-Top:first", "chgheader=1:Subject:another",
           "chgheader=1:X-Long:", "addrcpt=<carol@example.com>", "replacebody=New.\r\n",
           "quarantine=look at it", "progress=")
MESSAGE = (b"From: <alice@example.org>\r\nTo: <bob@example.com>\r\nSubject: a test\r\n"
           b"X-Long: one\r\n two\r\n\r\ncaf\xe9\r\n.\r\n" + b"line\r\n" * 500)


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    with Postfix() as peer:
        yield peer


def deliver(postfix, count=1):
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=SECONDS) as client:
        for _ in range(count):
            client.sendmail("alice@example.org", ["bob@example.com"], MESSAGE)


def plays(drill, path, postfix, peer):
    """As MTA against the milter, as milter against the MTA, and against the model of either."""
    drill("lint", path).check_exit(0)
    drill("run", "--milter", peer.address, path).check_exit(0)
    drill("run", "--listen", postfix.milter, "--smtp", f"127.0.0.1:{postfix.port}",
          "--timeout", f"{SECONDS}s", path).check_exit(0)
    drill("run", "--sim", path).check_exit(0).check_out("2 passed")


def records_and_plays(drill, postfix, work, peer, model=None):
    """What Postfix and this milter say to each other, recorded and played from either end; `model`:
    the milter's profile, where what it says tells."""
    with Recorder(drill, work, peer.address, listen=postfix.milter) as recorder:
        deliver(postfix)
        recorder.wait(1)
    path, = recorder.recordings()
    text = read(path)
    assert text.startswith('drill 1 "recorded: Postfix '), text
    assert ', 1 message, accepted" recorded="2' in text.splitlines()[0]
    assert "holds real mail" in text.splitlines()[1] and "milterdrill scrub" in text.splitlines()[1]
    assert "\nmta postfix\n" in text and "\nverdict accept\n" in text
    assert re.findall(r"^milter (\S+)$", text, re.MULTILINE) == [model] * bool(model), text
    assert re.search(r'message from="<alice@example.org>"( arg="\S+")* rcpt="<bob@example.com>" file="', text)
    with open(path.replace(".drill", ".eml"), "rb") as mail:
        content = mail.read()
    # What a milter is shown, as a message: headers with their folds, and the body, byte for byte.
    assert b"X-Long: one\r\n two\r\n" in content
    assert content.endswith(MESSAGE.partition(b"\r\n\r\n")[2]), content[-200:]
    plays(drill, path, postfix, peer)
    return path


def test_postfix_and_a_libmilter_filter(drill, postfix, work, plain_filter):
    records_and_plays(drill, postfix, work, plain_filter)


def test_postfix_and_clamav_milter(drill, postfix, work, clamav):
    records_and_plays(drill, postfix, work, clamav, "clamav-milter")


def test_postfix_and_rspamd(drill, postfix, work, rspamd):
    records_and_plays(drill, postfix, work, rspamd, "rspamd")


def test_postfix_and_a_filter_that_changes_much(drill, postfix, work):
    """What the models know nothing of they say as it was recorded."""
    with Libmilter(words=CHANGES) as peer:
        path = records_and_plays(drill, postfix, work, peer)
    for word in ("addheader", "insheader", "chgheader", "replbody", "addrcpt", "quarantine",
                 "progress"):
        assert f"\n< {word}" in read(path), read(path)


def test_a_filter_that_refuses_a_recipient(drill, postfix, work):
    with Libmilter(words=["rcpt=550 5.7.1 not this one"]) as peer:
        with Recorder(drill, work, peer.address, listen=postfix.milter) as recorder:
            with contextlib.suppress(smtplib.SMTPRecipientsRefused):
                deliver(postfix)
            recorder.wait(1, "recorded: Postfix")
        path, = recorder.recordings()
        assert '\n< replycode text="550 5.7.1 not this one"' in read(path)
        plays(drill, path, postfix, peer)


def test_a_model_says_what_was_recorded_only_where_it_owes_an_answer(drill, work, plain_filter):
    """And what a line says goes before."""
    with Recorder(drill, work, plain_filter.address) as recorder:
        sent(drill, recorder.address, "postfix")
    path, = recorder.recordings()
    text = read(path)
    for old, new, code in (("", "", 0), ("mta postfix\n", "milter libmilter helo=reject\n", 1),
                           ("> eoh\n< continue", "> macro\n< continue\n> eoh\n< continue", 1)):
        changed = os.path.join(recorder.folder, "changed.drill")
        with open(changed, "w", encoding="utf-8") as out:
            assert old in text
            out.write(text.replace(old, old + new if "milter" in new else new, 1))
        drill("run", "--milter", "sim:libmilter", changed).check_exit(code)


def sent(drill, address, mta, message="plain.eml"):
    drill("send", "--milter", address, "--mta", mta, "--message",
          os.path.join(ROOT, "scenarios", "messages", message)).check_exit(0)


def test_postfix_s_profile_and_pmilter(drill, work, pmilter):
    with Recorder(drill, work, pmilter.address) as recorder:
        sent(drill, recorder.address, "postfix")
    path, = recorder.recordings()
    assert "\nmilter pmilter\n" in read(path)
    drill("run", "--milter", pmilter.address, path).check_exit(0)
    drill("run", "--sim", path).check_exit(0).check_out("2 passed")


def fails_scrubbed(drill, work, peer):
    """A header over what libmilter takes: the recording, and its copy for strangers."""
    original = os.path.join(ROOT, "scenarios", "messages", "mailing-list-70k-to.eml")
    with Recorder(drill, work, peer.address) as recorder:
        drill("send", "--milter", recorder.address, "--mta", "stalwart", "--message",
              original).check_exit(1)
        recorder.wait(1, "the milter reset the connection")
    path, = recorder.recordings()
    assert re.search(r"^< reset", read(path), re.MULTILINE) and "\nverdict" not in read(path)
    drill("scrub", "--check", peer.address, path).check_exit(0).check_out("alike")
    copy = path.replace(".drill", ".scrubbed.drill")
    for one in (path, copy):  # the message is there, as far as the milter was shown it
        drill("diagnose", "--milter", peer.address, "--recording", one).check_exit(1).check_out("65,535")
    for address in (peer.address, "sim:libmilter"):
        for one in (path, copy):
            drill("run", "--milter", address, one).check_exit(0).check_out("1 passed")
    # Another end would be noticed: that it resets is what the copy says.
    with open(copy, encoding="utf-8") as file:
        text = file.read()
    with open(copy, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^< reset.*", "< continue", text, flags=re.MULTILINE))
    drill("run", "--milter", peer.address, copy).check_exit(1).check_out("RST")
    with open(original, encoding="utf-8") as file:
        for word in set(re.findall(r"[\w.]+@[\w.]+", file.read())):
            assert word not in text, word


def resets_at_a_header(connection):
    while (code := read_frame(connection)[0]) != b"L":
        if code != b"D":
            connection.sendall(OPTNEG if code == b"O" else CONTINUE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_reset_over_a_header_plays_from_either_end(drill, postfix, work):
    """The client went on, whatever the milter did."""
    with Fake(resets_at_a_header) as fake:
        with Recorder(drill, work, fake.address, listen=postfix.milter) as recorder:
            with pytest.raises(smtplib.SMTPDataError, match="451"):
                deliver(postfix)
            recorder.wait(1, "the milter reset the connection")
        path, = recorder.recordings()
        assert "\nsmtp " not in read(path) and re.search(r"^message .* file=", read(path), re.MULTILINE)
        drill("run", "--milter", fake.address, path).check_exit(0)
    drill("run", "--listen", postfix.milter, "--smtp", f"127.0.0.1:{postfix.port}",
          "--timeout", f"{SECONDS}s", path).check_exit(0)


def test_a_recorded_failure_that_is_scrubbed_still_fails(drill, work, plain_filter):
    fails_scrubbed(drill, work, plain_filter)


def test_a_recorded_failure_of_clamav_milter_that_is_scrubbed_still_fails(drill, work, clamav):
    fails_scrubbed(drill, work, clamav)


def test_a_reset_amid_a_header_is_a_torn_frame_that_fails_scrubbed(drill, work, plain_filter):
    """The milter is gone before all of the frame has come."""
    torn = frame(b"L", b"To\0" + b"juliane@kunde.zz, " * 5000)[:40000]
    with Recorder(drill, work, plain_filter.address) as recorder, connect(recorder) as mta:
        for one in TALK[:3]:
            mta.sendall(one)
            read_frame(mta)
        mta.sendall(torn)
        with pytest.raises(ConnectionResetError):
            mta.recv(1)
        recorder.wait(1, "the milter reset the connection")
    path, = recorder.recordings()
    assert "a torn frame: 50008 bytes are missing\n< reset" in read(path), read(path)
    drill("scrub", "--check", plain_filter.address, path).check_exit(0).check_out("alike")
    for one in (path, path.replace(".drill", ".scrubbed.drill")):
        for address in (plain_filter.address, "sim:libmilter"):
            drill("run", "--milter", address, one).check_exit(0)


def captured_and_recorded(drill, postfix, work, peer):
    """Both look on at one conversation; what import makes plays as what record makes does."""
    if Tcpdump.missing():
        pytest.skip(Tcpdump.missing())
    with Recorder(drill, work, peer.address, listen=postfix.milter) as recorder, \
            Tcpdump(peer.port) as tcpdump:
        deliver(postfix, 2)
        recorder.wait(1)
        tcpdump.wait_for_end()
        folder = os.path.join(work, "imported")
        drill("import", "--out", folder, tcpdump.file).check_exit(0)
    path, = glob.glob(os.path.join(folder, "*.drill"))
    assert unpaced(path) == unpaced(recorder.recordings()[0])
    plays(drill, path, postfix, peer)


def test_a_capture_becomes_what_a_recording_is(drill, postfix, work, clamav):
    captured_and_recorded(drill, postfix, work, clamav)


def test_a_capture_of_rspamd_becomes_what_a_recording_is(drill, postfix, work, rspamd):
    captured_and_recorded(drill, postfix, work, rspamd)


def unpaced(path):
    """Without title, pauses and pieces: packets are not reads."""
    text = re.sub(r"( split=[\d,]+| join)+", "", shape(path))
    return text.replace("drill 1 \"imported: ", "drill 1 \"recorded: ").replace(
        f" with {milter_of(text)}, ", ", ")


def milter_of(text):
    found = re.search(r"^milter (\S+)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def early(client):
    client.docmd("MAIL", "FROM:<alice@example.org>")
    client.docmd("RCPT", "TO:<bob@example.com>")


def reset(client):
    early(client)
    client.docmd("RSET")
    client.sendmail("alice@example.org", ["bob@example.com"], MESSAGE)


def unknown(client):
    client.docmd("XFOO", "bar")
    client.sendmail("alice@example.org", ["bob@example.com"], MESSAGE)


@pytest.mark.parametrize("client_does", [early, reset, unknown, lambda client: None],
                         ids=["leaves", "resets", "unknown", "says-nothing"])
def test_what_an_smtp_client_does_else_plays_again(drill, postfix, plain_filter, work, client_does):
    with Recorder(drill, work, plain_filter.address, listen=postfix.milter) as recorder:
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=SECONDS) as client:
            client.ehlo("client.example")
            client_does(client)
        recorder.wait(1, "recorded: Postfix")
    path, = recorder.recordings()
    assert "\nsmtp after=" in read(path)
    drill("run", "--milter", plain_filter.address, path).check_exit(0)
    drill("run", "--sim", path).check_exit(0).check_out("2 passed")
    drill("run", "--listen", postfix.milter, "--smtp", f"127.0.0.1:{postfix.port}",
          "--timeout", f"{SECONDS}s", path).check_exit(0)


@pytest.mark.parametrize("verdict, line", [
    (frame(b"r"), "verdict reject"), (frame(b"d"), "verdict accept"),
    (frame(b"y", b"451 4.7.1 come back\0"), "verdict tempfail code=451")])
def test_a_verdict_is_what_the_client_is_told_again(drill, postfix, work, verdict, line):
    with milter(verdict) as fake, Recorder(drill, work, fake.address, listen=postfix.milter) \
            as recorder:
        with contextlib.suppress(smtplib.SMTPDataError):
            deliver(postfix)
        recorder.wait(1)
    path, = recorder.recordings()
    assert read(path).endswith(f"\n{line}\n")
    drill("run", "--listen", postfix.milter, "--smtp", f"127.0.0.1:{postfix.port}",
          "--timeout", f"{SECONDS}s", path).check_exit(0)


def test_recording_a_replay_gives_the_same_file(drill, postfix, plain_filter, work):
    with Recorder(drill, work, plain_filter.address, listen=postfix.milter) as first:
        deliver(postfix, 2)
        first.wait(1)
    path, = first.recordings()
    again = os.path.join(work, "again")
    os.mkdir(again)
    with Recorder(drill, again, plain_filter.address) as second:
        drill("run", "--exact", "--milter", second.address, path).check_exit(0)
        second.wait(1)
    assert shape(second.recordings()[0]) == shape(path)


def test_random_bytes_pass_unchanged_and_are_raw(drill, work):
    noise = b"\xff\xff\xff\xff" + bytes(range(256)) * 400
    with Fake(echoing) as fake, Recorder(drill, work, fake.address) as recorder:
        with connect(recorder) as mta:
            mta.sendall(noise)
            mta.shutdown(socket.SHUT_WR)
            assert read_exactly(mta, len(noise)) == noise
            assert mta.recv(1) == b""
    text, = recorder.texts()
    assert "not all of it milter frames" in text and "over the limit" in text
    for mark, ending in ((">", ".mta.bin"), ("<", ".milter.bin")):
        assert raw_bytes(recorder, text, mark, ending) == noise
    drill("lint", recorder.recordings()[0]).check_exit(0)


def raw_bytes(recorder, text, mark, ending):
    """All that the `raw` lines of one side say."""
    with open(recorder.recordings()[0].replace(".drill", ending), "rb") as content:
        stored = content.read()
    slices = re.findall(rf'^{mark} raw data=file "[^"]*" (\d+)\.\.(\d+)', text, re.MULTILINE)
    assert len(slices) == len(re.findall(rf"^{mark} raw", text, re.MULTILINE)), text
    return b"".join(stored[int(low):int(high) + 1] for low, high in slices)


def test_a_reset_is_passed_on_and_recorded(drill, work):
    def resets(connection):
        read_frame(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with Fake(resets) as fake, Recorder(drill, work, fake.address) as recorder:
        with connect(recorder) as mta:
            mta.sendall(OFFER)
            with pytest.raises(ConnectionResetError):
                mta.recv(1)
    text, = recorder.texts()
    assert re.search(r"^< reset .*# .*RST \(errno 104\)", text, re.MULTILINE), text
    assert "the milter reset the connection" in text.splitlines()[0]


def test_a_milter_that_is_down_is_recorded_as_refusing(drill, work):
    with Recorder(drill, work, f"inet:{free_port()}@127.0.0.1") as recorder:
        with pytest.raises(ConnectionResetError), connect(recorder) as mta:
            mta.recv(1)
    text, = recorder.texts()
    assert "> open\n< refuse  # " in text and "could not be reached" in text


def test_a_full_disk_is_told_once_and_stops_no_mail(drill, work):
    body = [frame(b"B", os.urandom(60000)) for _ in range(4)]
    with milter() as fake, Recorder(drill, work, fake.address, file_size=100000) as recorder:
        say(recorder, TALK[:4] + body + TALK[4:])
        say(recorder, TALK[:4] + body + TALK[4:])
        say(recorder)
    assert recorder.process.returncode == 0
    # Once for the first two, which follow each other; the third could be written.
    assert recorder.err.count("cannot be written: File too large") == 1, recorder.err
    first, second, third = recorder.texts()
    for text in (first, second):  # there was room for the head, which names what is known
        assert "1 message, not to its end" in text.splitlines()[0], text
        assert re.search(r'message from="<alice@example.org>"( arg="\S+")* rcpt="<bob@example.com>" file="',
                         text)
        assert "ended here: it could not be written on.\n" in text and "\nverdict" not in text
    assert "1 message, accepted" in third
    for path in recorder.recordings():
        drill("lint", path).check_exit(0)


def test_a_line_that_half_fits_the_disk_is_cut_off_again(drill, work):
    headers = [frame(b"L", b"X-%d\0some value\0" % number) for number in range(200)]
    with milter() as fake, Recorder(drill, work, fake.address, file_size=5000) as recorder:
        say(recorder, TALK[:4] + headers + TALK[4:])
    text, = recorder.texts()
    assert 4000 < len(text) < 5000 and text.endswith("\n")
    drill("lint", recorder.recordings()[0]).check_exit(0)


def test_max_bytes_ends_recording_never_traffic(drill, work):
    body = [frame(b"B", os.urandom(60000))]
    with milter() as fake, \
            Recorder(drill, work, fake.address, "--max-bytes", "100KiB") as recorder:
        for _ in range(4):
            say(recorder, TALK[:4] + body + TALK[4:])
    first, second = recorder.texts()
    assert recorder.err.count("recording has ended") == 1
    assert "1 message, accepted" in first and "--max-bytes" in second
    assert "4 connections" in recorder.out


@pytest.mark.parametrize("mask", [0, 0o777])
def test_modes_do_not_depend_on_the_umask(drill, work, mask):
    with milter() as fake:
        with Recorder(drill, work, fake.address, umask=mask) as recorder:
            say(recorder, TALK[:4] + [frame(b"B", b"ab" * 9000)] + TALK[4:])
    assert stat.S_IMODE(os.stat(recorder.folder).st_mode) == 0o700
    names = os.listdir(recorder.folder)
    assert len(names) == 2
    for name in names:
        assert stat.S_IMODE(os.stat(os.path.join(recorder.folder, name)).st_mode) == 0o600
        assert re.fullmatch(r"\d{8}T\d{6}Z-1\.(drill|eml)", name)


def test_a_folder_that_is_open_to_others_is_refused(drill, work):
    os.mkdir(os.path.join(work, "out"))
    os.chmod(os.path.join(work, "out"), 0o750)
    record(drill, work).check_exit(2).check_one_error().check_err("open to others", "chmod 700")


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: there is nothing to drop")
def test_root_says_whom_to_become(drill, work):
    told = drill("record", "--listen", "inet:0@127.0.0.1", "--milter", "inet:9@127.0.0.1",
                 "--out", os.path.join(work, "out"))
    told.check_exit(2).check_one_error().check_err("--user NAME")
    os.chmod(work, 0o755)
    with milter() as fake, Recorder(drill, work, fake.address, "--user", "nobody") as recorder:
        with open(f"/proc/{recorder.process.pid}/status", encoding="ascii") as status:
            ids = re.findall(r"^[UG]id:\s+(\d+)\s+(\d+)", status.read(), re.MULTILINE)
        say(recorder)
    owner = os.stat(recorder.folder).st_uid
    assert owner != 0 and ids[0] == (str(owner), str(owner)) and "0" not in ids[1]
    assert os.stat(recorder.recordings()[0]).st_uid == owner


def test_sigterm_loses_nothing(drill, work):
    with milter() as fake, Recorder(drill, work, fake.address, "--grace", "1ms") as recorder:
        say(recorder)
        with connect(recorder) as mta:
            mta.sendall(OFFER)
            read_frame(mta)
            mta.sendall(TALK[1])
            read_frame(mta)
            recorder.process.terminate()
            recorder.end()
            assert mta.recv(1) == b""
    assert recorder.process.returncode == 0
    assert recorder.out.startswith("2 connections ("), recorder.out
    first, second = recorder.texts()
    assert "verdict accept" in first
    assert 'message from="<alice@example.org>"' in second and "> mail address=" in second
    for path in recorder.recordings():
        drill("lint", path).check_exit(0)


@pytest.mark.parametrize("only, kept", [("failed", ["reject"]), ("match=heliotrope", ["word"]),
                                        ("match=heliotropes", []), ("slow=1h", [])])
def test_only_some_are_kept(drill, work, only, kept):
    plain = [one for one in TALK if b"heliotrope" not in one]
    with milter() as fine, Recorder(drill, work, fine.address, "--only", only) as recorder:
        say(recorder, plain)
        say(recorder)
    refused = os.path.join(work, "refused")
    os.mkdir(refused)
    with milter(frame(b"r")) as bad, Recorder(drill, refused, bad.address, "--only", only) as other:
        say(other, plain)
    names = ["word"] * len(recorder.recordings()) + ["reject"] * len(other.recordings())
    assert names == kept
    assert len(os.listdir(recorder.folder)) == 2 * len(recorder.recordings())


def test_the_last_are_kept_and_those_of_an_earlier_run_count(drill, work):
    with milter() as fake:
        with Recorder(drill, work, fake.address) as recorder:
            for _ in range(3):
                say(recorder)
        before = recorder.recordings()
        with Recorder(drill, work, fake.address, "--last", "2") as recorder:
            say(recorder)
    assert recorder.recordings()[0] == before[-1] and len(recorder.recordings()) == 2
    assert len(os.listdir(recorder.folder)) == 4


def test_the_oldest_go_when_the_folder_holds_too_much(drill, work):
    body = [frame(b"B", os.urandom(60000))]
    with milter() as fake, Recorder(drill, work, fake.address, "--rotate", "130KiB") as recorder:
        for _ in range(4):
            say(recorder, TALK[:4] + body + TALK[4:])
    assert [path.rsplit("-", 1)[1] for path in recorder.recordings()] == ["3.drill", "4.drill"]
    assert "2 removed for newer ones" in recorder.out


def test_a_unix_socket_has_its_mode(drill, work):
    path = os.path.join(work, "milter.sock")
    with milter() as fake, Recorder(drill, work, fake.address, "--socket-mode", "620",
                                    listen=f"unix:{path}") as recorder:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o620
        with socket.socket(socket.AF_UNIX) as mta:
            mta.connect(path)
            mta.sendall(OFFER)
            assert read_frame(mta)[0] == b"O"
            mta.sendall(frame(b"Q"))
            assert mta.recv(1) == b""
    assert "> optneg" in recorder.texts()[0] and not os.path.exists(path)

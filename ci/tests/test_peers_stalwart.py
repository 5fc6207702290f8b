# SPDX-License-Identifier: MIT
"""milterdrill as the milter of a real Stalwart: every scenario that names it, with the file's settings.

No distribution has Stalwart (ci/peers/stalwart.py says how to build it): without it this is skipped,
and its model is held to recordings alone (test_recorded_profiles.py).
"""

import collections
import concurrent.futures
import os
import re
import smtplib

import pytest

from conformance.columns import FAMILY, LONG, SCENARIOS, asking
from peers.base import reserved_port, wait_until
from peers.harness import EXIT_FAILED, EXIT_OK, EXIT_SKIPPED, ROOT
from peers.libmilter import Libmilter
from peers.stalwart import Stalwart
from recorder import Recorder

SECONDS = 120  # for one call
AT_A_TIME = 6  # files of a call
SERVERS = 6
LIMITS = {"timeoutCommand": 4000, "timeoutData": 4000}
UNITS = {"ms": 1, "s": 1000, "min": 60000}
ACTIONS = ("addhdrs chgbody addrcpt delrcpt chghdrs quarantine chgfrom addrcpt_par "
           "setsymlist").split()
STEPS = ("noconnect nohelo nomail norcpt nobody nohdrs noeoh nr_hdr nounknown nodata skip rcpt_rej "
         "nr_conn nr_helo nr_mail nr_rcpt nr_data nr_unkn nr_eoh nr_body hdr_leadspc").split()
# The words of every profile, and what is meant of this one.
COMMON = {"version": "protocolVersion", "actions": "flagsAction", "protocol": "flagsProtocol",
          "timeout": "timeoutData"}
# What this cannot ask: another address of the client, several milters, TLS to the milter.
OTHERS = re.compile(r"^(?:before|after|tls)\b|^client .*addr=|after=\d+s|for=\d{2,}s", re.MULTILINE)

# Who does not listen does not notice that he was called, so only a simulation keeps the order.
OURS = ("reset/down-and-up-again.drill",)

pytestmark = pytest.mark.skipif(bool(Stalwart.missing()), reason=Stalwart.missing() or "")


def flags(text, names):
    return int(text, 0) if text[0].isdigit() else sum(1 << names.index(word) for word in text.split(","))


def value(key, text):
    """A setting of a scenario as Stalwart's own object has it."""
    if key.startswith("timeout"):
        number, unit = re.fullmatch(r"(\d+)(ms|s|min)", text).groups()
        return int(number) * UNITS[unit]
    if key == "flagsAction":
        return flags(text, ACTIONS)
    if key == "flagsProtocol":
        return flags(text, STEPS)
    if key == "protocolVersion":
        return "v" + text.lstrip("v")
    if key == "stages":
        return {stage: True for stage in text.split(",")}
    return {"true": True, "false": False}.get(text, int(text) if text.isdigit() else text)


def settings(text):
    """{setting: value} of the file's `mta stalwart` line; all that it does not name are defaults."""
    line = re.search(r"^mta stalwart(.*)$", text, re.MULTILINE).group(1)
    own = {COMMON.get(key, key): value(COMMON.get(key, key), word)
           for key, word in re.findall(r"(\w+)=(\S+)", line)}
    return {"stages": {"data": True}, "protocolVersion": "v6", "flagsAction": None, "flagsProtocol": None,
            "maxResponseSize": 52428800, "tempFailOnError": True, **LIMITS, **own}


def parts():
    """[(settings, scenarios)], of few files each."""
    groups = collections.defaultdict(list)
    for scenario, text in sorted(asking("mta").items()):
        if ("stalwart" in FAMILY.findall(text) and scenario not in OURS and
                not OTHERS.search(text) and not LONG.search(text)):
            groups[repr(settings(text))].append((scenario, settings(text)))
    return [([name for name, _ in group[at:at + AT_A_TIME]], group[0][1])
            for group in groups.values() for at in range(0, len(group), AT_A_TIME)]


def played(drill, jobs):
    """{scenario: (result, what)}"""
    found = {}
    with reserved_port() as holder, Stalwart(sink=holder.getsockname()[1]) as peer:
        for scenarios, own in jobs:
            peer.set(**own)
            result = drill("run", "--listen", peer.milter, "--smtp", f"127.0.0.1:{peer.port}",
                           "--sink", f"127.0.0.1:{peer.sink}", "--timeout", "12s", "--root", SCENARIOS,
                           "--format", "jsonl", *[os.path.join(SCENARIOS, s) for s in scenarios],
                           timeout=SECONDS).check_exit(EXIT_OK, EXIT_FAILED, EXIT_SKIPPED)
            for record in result.of("result"):
                name = os.path.relpath(record["scenario"], SCENARIOS)
                found[name] = record["result"], record.get("what"), record.get("actual")
        assert peer.alive(), peer.log()
    return found


def deviations():
    """The lines of scenarios/expected/stalwart.txt."""
    with open(os.path.join(ROOT, SCENARIOS, "expected", "stalwart.txt"), encoding="utf-8") as lines:
        return [line.split("|")[0].strip() for line in lines if line[0] not in "#\n"]


def test_it_does_with_every_scenario_what_its_model_does(drill):
    """What the model is expected to fail, the program fails; all else it passes."""
    jobs = parts()
    with concurrent.futures.ThreadPoolExecutor(SERVERS) as pool:
        all_found = pool.map(lambda at: played(drill, jobs[at::SERVERS]), range(SERVERS))
        found = {name: result for one in all_found for name, result in one.items()}
    known = {name for name in found if name in deviations()}
    assert len(found) > 100 and len(known) > 40
    wrong = {name: result for name, result in found.items()
             if result[0] not in ("skip", "fail" if name in known else "pass")}
    assert not wrong, "\n".join(f"{name}: {result}" for name, result in sorted(wrong.items()))


@pytest.mark.parametrize("trusting, text, logged", [
    (True, "...\n> bodyeob\n< accept\nverdict accept\n", '"QUIT"'),
    (False, "> open\n> hangup\nverdict tempfail\n", "invalid peer certificate: UnknownIssuer")],
    ids=["trusting", "strict"])
def test_tls_to_its_milter(drill, work, trusting, text, logged):
    """Which no simulation plays."""
    path = os.path.join(work, "tls.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a certificate of its own making" tests=mta\nmta stalwart useTls=true\n'
                  "tls cert=self-signed\n" + text)
    with Stalwart(useTls=True, allowInvalidCerts=trusting) as peer:
        drill("run", "--listen", peer.milter, "--smtp", f"127.0.0.1:{peer.port}", path).check_exit(0)
        assert wait_until(lambda: peer.lines(logged), peer.alive, SECONDS), peer.log()


def test_two_milters(drill, work):
    """S-19: both see the message as it came; of two new bodies the last one's counts."""
    words = "actions=0x3"
    with reserved_port() as holder, Stalwart(sink=holder.getsockname()[1]) as peer, \
            Libmilter(words=(words, "addheader=X-Second:2", "replacebody=second")) as second:
        peer.behind(second.port)
        path = os.path.join(work, "two.drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write('drill 1 "the body of the last milter" tests=mta\nmta stalwart\n...\n> bodyeob\n'
                      '< addheader name="X-First" value="1"\n< replbody data="first"\n< accept\n'
                      'verdict accept\ndelivered header name="X-First" value="1"\n'
                      'delivered header name="X-Second" value="2"\n'
                      'delivered body data=~"second*"\n')
        drill("run", "--listen", peer.milter, "--smtp", f"127.0.0.1:{peer.port}", "--sink",
              f"127.0.0.1:{peer.sink}", path).check_exit(0)


def test_its_log_is_what_was_recorded(drill, work):
    """In each form; but for bodies, of which it has the sizes alone."""
    for form in ("plain", "ansi", "multiline"):
        with Stalwart(**{form: True} if form != "plain" else {}) as peer, Libmilter() as milter:
            os.mkdir(os.path.join(work, form))
            with Recorder(drill, os.path.join(work, form), milter.address, listen=peer.milter) as recorder:
                with smtplib.SMTP("127.0.0.1", peer.port, timeout=20) as client:
                    client.sendmail("alice@example.org", ["bob@example.com"],
                                    b"From: alice@example.org\r\nSubject: \"a\\b\"\r\n\tc\r\n\r\nx\r\n")
                recorder.wait(1, "> quit")
            assert wait_until(lambda: peer.lines('"QUIT"'), peer.alive, SECONDS), peer.log()
            folder = os.path.join(work, form + "-imported")
            drill("import", "--out", folder, peer.path("stalwart.log")).check_exit(0)
            assert frames_of(folder) == frames_of(recorder.folder)


def test_the_failure_that_all_began_with(drill, work, clamav):
    """A mailing list's To: of 70 KB, Stalwart, clamav-milter: recorded, and told from its log alone."""
    with open(os.path.join(ROOT, SCENARIOS, "messages", "mailing-list-70k-to.eml"), "rb") as mail:
        message = mail.read().replace(b"\n", b"\r\n")
    with Stalwart() as peer, Recorder(drill, work, clamav.address, listen=peer.milter) as recorder:
        with smtplib.SMTP("127.0.0.1", peer.port, timeout=20) as client, \
                pytest.raises(smtplib.SMTPDataError, match="451"):
            client.sendmail("list-bounces@lists.example.org", ["bob@example.com"], message)
        recorder.wait(1, "the milter reset the connection")
        assert peer.lines("Connection reset by peer (os error 104)"), peer.log()
        folder = os.path.join(work, "imported")
        drill("import", "--out", folder, peer.path("stalwart.log")).check_exit(0)
    imported, = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".drill")]
    recorded, = recorder.recordings()
    for path in (recorded, imported):
        drill("diagnose", "--milter", clamav.address, "--recording", path).check_exit(1).check_out(
            'header "To"', "65,535")
    drill("run", "--milter", clamav.address, recorded).check_exit(0)
    drill("run", "--sim", recorded).check_exit(0)


def frames_of(folder):
    """Frames of each side, without modifiers, comments, and what a body holds. Of the two sides
    together its log has not always the order of the wire: it was seen to have a command before the
    reply that it waited for."""
    name, = [name for name in os.listdir(folder) if name.endswith(".drill")]
    with open(os.path.join(folder, name), encoding="utf-8") as recording:
        lines = [re.sub(r"(?: (?:after|split)=\S+| join)*(?:  # .*)?$", "", line) for line in
                 recording.read().splitlines() if line[:1] in ("<", ">")]
    lines = ["> body" if line.startswith("> body ") else line for line in lines]
    return [[line for line in lines if line[0] == mark] for mark in "<>"]

# SPDX-License-Identifier: MIT
"""The peers of the matrix: how each is started, and what `milterdrill check` is told about it.

A Column is one peer. play() starts it, plays every scenario that asks its side, and gives one Case for
each; what its list in ci/expected withholds is counted and not played. An MTA has one milter at a time
and many waits, so the catalogue is dealt out to several of them, each with its own configuration.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import os
import re

from peers.amavis import AmavisdMilter
from peers.base import PeerError, reserved_port
from peers.clamav import Clamav
from peers.harness import EXIT_FAILED, EXIT_OK, ROOT
from peers.libmilter import Libmilter
from peers.opendkim import Opendkim
from peers.opendmarc import Opendmarc
from peers.pmilter import Pmilter
from peers.postfix import SecurePostfix
from peers.pymilter import Pymilter
from peers.rspamd import Rspamd
from peers.sendmail import Sendmail
from peers.spamass import SpamassMilter

SCENARIOS = "scenarios"
RECORDED = "recorded"
SECONDS = 280  # for one call of `check`
SHARDS = 8  # of an MTA
# Limits of an MTA under test: as short as it takes a busy machine.
POSTFIX_LIMITS = {f"milter_{what}_timeout": "4s" for what in ("connect", "command", "content")}
SENDMAIL_LIMITS = "C:4s;S:4s;R:4s;E:8s"
CHANCE = "by chance: "  # begins the reason of what fails in some runs only
ASKS = re.compile(r'^drill 1 ".*" tests=(mta|milter)', re.MULTILINE)
# A wait of ours that lasts however the MTA acts (`silence` ends when it does, a write that is stuck
# does not): for simulations only.
LONG = re.compile(r"\b(?:after|dribble)=(?:\d{2,}s|\d+min)\b|stall for=\d+min")
FAMILY = re.compile(r"^mta (\w+)", re.MULTILINE)

Expected = collections.namedtuple("Expected", "path result reason line")


@dataclasses.dataclass
class Case:
    scenario: str  # class/name.drill
    result: str  # pass, quirk, fail, skip
    told: str  # of a failure: what was expected and what came; of a skip: why
    reason: str  # why a failure was expected; "" when it was not
    us: int


@dataclasses.dataclass
class Played:
    version: str
    cases: list
    withheld: int
    died: list  # what became of its programs, and the end of their logs


def expected(name):
    """The lines of ci/expected/NAME.txt."""
    path = os.path.join(ROOT, "ci", "expected", name + ".txt")
    lines = []
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            parts = [part.strip() for part in line.split("|", 2)]
            if len(parts) == 3 and not line.startswith("#"):
                lines.append(Expected(*parts, number))
    return lines


def stands_for(line, scenario):
    """As harness/cli/expect.h has it, for paths with their class folder."""
    return fnmatch.fnmatchcase(scenario, line.path)


def chancy(lines, scenario):
    """Whether it fails in some runs only."""
    return any(line.reason.startswith(CHANCE) and stands_for(line, scenario) for line in lines)


def asking(side):
    """{class/name.drill: the text} of the scenarios that ask this side, or both. Not of recordings:
    they say what one peer did with one setting, and have tests of their own."""
    found = {}
    for folder, _, names in os.walk(os.path.join(ROOT, SCENARIOS)):
        if os.path.relpath(folder, os.path.join(ROOT, SCENARIOS)).startswith(RECORDED):
            continue
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".drill"):
                continue
            with open(path, encoding="utf-8") as source:
                text = source.read()
            asks = ASKS.search(text)
            if not asks or asks.group(1) == side:
                found[os.path.relpath(path, os.path.join(ROOT, SCENARIOS))] = text
    return found


class Column:
    """A milter."""

    side = "milter"

    def __init__(self, name, peer, is_, **settings):
        self.name, self.peer, self.is_, self.settings = name, peer, is_, settings

    def missing(self):
        return self.peer.missing()

    def version(self):
        return self.peer.version()

    def scenarios(self):
        return sorted(asking(self.side))

    def play(self, drill):
        lines = expected(self.name)
        kept = [s for s in self.scenarios()
                if not any(e.result == "withheld" and stands_for(e, s) for e in lines)]
        with concurrent.futures.ThreadPoolExecutor(self.shards()) as pool:
            parts = pool.map(lambda part: self._part(drill, part), self.deal(kept))
            cases, died = [], []
            for part, ended in parts:
                cases += part
                died += ended
        return Played(self.version(), sorted(cases, key=lambda case: case.scenario),
                      len(self.scenarios()) - len(kept), died)

    def shards(self):
        return 1

    def deal(self, scenarios):
        """Every nth to each: scenarios of one class wait alike."""
        return [scenarios[i::self.shards()] for i in range(self.shards())]

    def _part(self, drill, scenarios):
        with self.running() as peer:
            result = drill("check", *self.words(peer), "--format", "jsonl", "--root", SCENARIOS,
                           "--expect", os.path.join("ci", "expected", self.name + ".txt"),
                           *[os.path.join(SCENARIOS, s) for s in scenarios], timeout=SECONDS)
            result.check_exit(EXIT_OK, EXIT_FAILED)
            ended = peer.ended() + [peer.log()] if peer.ended() else []
        return [case_of(record) for record in result.of("result")], ended

    @contextlib.contextmanager
    def running(self):
        with self.peer(**self.settings) as peer:
            yield peer

    def words(self, peer):
        return ["--milter", peer.address, "--is", self.is_, "--timeout", "30s"]


class MtaColumn(Column):
    """An MTA: all that asks one, but what is about the other MTA that is installed. What names Stalwart
    is played, too: most of it is a question to any MTA, and Stalwart only who asks it in simulations."""

    side = "mta"

    def scenarios(self):
        others = {"postfix", "sendmail"} - {self.is_}
        return sorted(s for s, text in asking(self.side).items()
                      if not others & set(FAMILY.findall(text)) and not LONG.search(text))

    def shards(self):
        return SHARDS

    @contextlib.contextmanager
    def running(self):
        with reserved_port() as holder:  # nobody else takes the sink's port meanwhile
            with self.peer(sink=holder.getsockname()[1], **self.settings) as peer:
                yield peer

    def words(self, peer):
        logins = ["--smtp-auth", peer.logins] if isinstance(peer, SecurePostfix) else []
        return ["--listen", peer.milter, "--smtp", f"127.0.0.1:{peer.port}", "--sink",
                f"127.0.0.1:{peer.sink}", "--timeout", "12s", *logins]


def case_of(record):
    told = " / ".join(f"{key} {record[key]}" for key in
                      ("reason", "what", "expected", "actual", "judge", "quirk") if record.get(key))
    result = "quirk" if record["result"] == "pass" and record.get("quirk") else record["result"]
    if result not in ("pass", "quirk", "fail", "skip"):
        raise PeerError(f"{record['scenario']}: {result}: {told}")
    return Case(os.path.relpath(record["scenario"], SCENARIOS), result, told,
                record.get("expected_failure", ""), record["us"])


COLUMNS = (
    Column("libmilter", Libmilter, "libmilter"),
    Column("clamav-milter", Clamav, "clamav-milter"),
    Column("opendkim", Opendkim, "libmilter"),
    Column("opendmarc", Opendmarc, "libmilter"),
    Column("spamass-milter", SpamassMilter, "libmilter"),
    Column("amavisd-milter", AmavisdMilter, "libmilter"),
    Column("pymilter", Pymilter, "libmilter"),
    Column("rspamd", Rspamd, "rspamd"),
    Column("pmilter", Pmilter, "pmilter"),
    MtaColumn("postfix", SecurePostfix, "postfix", users={"alice": "secret"}, **POSTFIX_LIMITS),
    MtaColumn("sendmail", Sendmail, "sendmail", limits=SENDMAIL_LIMITS),
)

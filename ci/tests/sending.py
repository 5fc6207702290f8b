# SPDX-License-Identifier: MIT
"""What the tests of the milters share: a message, `send` as Postfix would, and what came of it."""

import os
import re

import pytest

from peers.base import wait_until

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SECONDS = 20

both_versions = pytest.mark.parametrize("version", [2, 6])


def mail(folder, body="Hello.\n", *headers, sender="alice@example.org"):
    path = os.path.join(folder, "message.eml")
    lines = [*headers, f"From: Alice Ashby <{sender}>", "To: Bob Builder <bob@example.com>",
             "Subject: a test", "Date: Fri, 12 Jun 2026 11:19:58 +0200",
             f"Message-ID: <20260612091958.1@{sender.split('@')[1]}>", "", body]
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write("\n".join(lines))
    return path


class Sent:
    """One `send`: its outcome record, and the conversation, in full, as --save wrote it."""

    def __init__(self, result, saved):
        self.result = result
        self.record = result.record("outcome")
        with open(saved, encoding="ascii") as lines:
            self.lines = [line.rstrip("\n") for line in lines]

    def check(self, outcome, smtp=""):
        assert self.record["outcome"] == outcome, self.result.dump(f"not {outcome}")
        assert self.record["smtp"].startswith(smtp), self.result.dump(f"not {smtp!r}")
        return self

    def header(self, name):
        """The value of a header that was added, inserted or set."""
        for line in self.lines:
            found = re.match(r'< (?:add|ins|chg)header (?:index=\d+ )?name="([^"]*)" value="(.*)"', line)
            if found and found.group(1) == name:
                return found.group(2).encode().decode("unicode_escape").lstrip(" ")
        raise AssertionError(self.result.dump(f"no header {name} was added"))

    def check_none_added(self):
        assert not self.record["modifications"], self.result.dump("something was changed")
        return self


def send(drill, peer, path, version=6, *more):
    saved = path + ".drill"
    result = drill("send", "--milter", peer.address, "--mta", "postfix", "--set",
                   f"milter_protocol={version}", "--message", path, "--format", "jsonl", "--save",
                   saved, *more).check_exit(0, 1)
    return Sent(result, saved)


def check_logged(peer, *texts):
    """A log may be written a moment after the reply."""
    for text in texts:
        assert wait_until(lambda: text in peer.log(), peer.alive, SECONDS), peer.log()
    assert peer.alive(), peer.ended()


def play(drill, peer, folder, steps, *options):
    """A scenario of these lines against the milter, which must hold."""
    path = os.path.join(folder, "x.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "a question to a milter" tests=milter\nmta postfix\n' + steps)
    return drill("run", "--milter", peer.address, *options, path)

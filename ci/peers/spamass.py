# SPDX-License-Identifier: MIT
"""spamass-milter with a spamd of its own, which has one rule and looks nothing up."""

import os
import re
import socket
import subprocess

from peers.base import Peer, accepts, find_program, negotiates

# The test string that every SpamAssassin installation knows.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

PLUGINS = "loadplugin Mail::SpamAssassin::Plugin::Check\n"
RULES = """\
required_score 5
report_safe 0
use_bayes 0
skip_rbl_checks 1
dns_available no
score GTUBE 1000
body GTUBE /XJS\\*C4JDBQADN1\\.NSBN3\\*2IDNEN\\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\\*C\\.34X/
describe GTUBE Generic test for unsolicited bulk email
clear_headers
add_header all Status _YESNO_, score=_SCORE_ required=_REQD_ tests=_TESTS_
add_header spam Flag _YESNOCAPS_
"""


class SpamassMilter(Peer):
    """Rejects mail with a score of `reject` and more; with None spam is only marked."""

    name = "spamass-milter"
    programs = ("spamass-milter", "spamd", "spamc", "cc")
    preloads = ("syslog",)

    def __init__(self, reject=15):
        super().__init__()
        self.reject = reject

    @classmethod
    def version(cls):
        out = subprocess.run([find_program("spamass-milter"), "-h"], check=False,
                             capture_output=True, text=True)
        found = re.search(r"Version (\S+)", out.stdout + out.stderr)
        spamd = subprocess.run([find_program("spamd"), "--version"], check=False,
                               capture_output=True, text=True).stdout
        scanner = re.search(r"version (\S+)", spamd)
        return (f"spamass-milter {found.group(1) if found else '?'} with spamd "
                f"{scanner.group(1) if scanner else '?'}")

    def launch(self):
        os.chmod(self.folder, 0o755)  # spamd gives up being root before it reads its rules
        self.write("rules/init.pre", PLUGINS)
        rules = self.write("rules/drill.cf", RULES)
        self.take_port()
        spamd_port = self.take_port()
        folder = os.path.dirname(rules)
        drop = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.spawn([find_program("spamd"), "-L", "-x", "-i", "127.0.0.1", "-p", str(spamd_port),
                    "-C", folder, "--siteconfigpath", folder, "-m", "2", "--min-children", "1",
                    "-s", self.path("spamd.log"), "-H", self.folder, *drop],
                   lambda: accepts(socket.AF_INET, ("127.0.0.1", spamd_port)))
        words = ["-r", str(self.reject)] if self.reject is not None else []
        self.spawn([find_program("spamass-milter"), "-p", f"inet:{self.port}@127.0.0.1",
                    "-d", "misc", *words, "--", "-d", "127.0.0.1", "-p", str(spamd_port)],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))

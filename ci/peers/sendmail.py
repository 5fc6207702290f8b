# SPDX-License-Identifier: MIT
"""Sendmail as the MTA under test, unpacked by ci/peers/sendmail.sh: its own configuration, queue and log.

    with Sendmail(sink=sink_port) as mta:
        # a milter listens on mta.milter
        smtplib.SMTP("127.0.0.1", mta.port) ...

Its .cf is made with m4 from Debian's files, and it is run with -C in the foreground. It relays whatever
it is given, and delivers all of it to the sink; without one mail stays in the queue. No name is looked
up but in /etc/hosts. The milter's port is reserved when the peer starts, and nobody listens there
until the test lets a milter do so.
"""

import glob
import os
import re
import subprocess

from peers.base import Mta, PeerError, find_program, listens, tail
from peers.harness import ROOT

IPV6 = "DAEMON_OPTIONS(`Name=MTA, Family=inet6, Addr=::1, Port={port}')"
UNPACKED = os.path.join(ROOT, "build", "peers", "sendmail", "root")
PROGRAM = os.path.join(UNPACKED, "usr", "libexec", "sendmail", "sendmail")
CF = os.path.join(UNPACKED, "usr", "share", "sendmail", "cf")

LIMITS = "C:5s;S:5s;R:5s;E:5s"

MC = """\
include(`{cf}/m4/cf.m4')
OSTYPE(`linux')
define(`confDOMAIN_NAME', `mx.example.com')
define(`QUEUE_DIR', `{folder}/queue')
define(`STATUS_FILE', `{folder}/statistics')
define(`HELP_FILE', `{folder}/help')
define(`ALIAS_FILE', `{folder}/aliases')
define(`confPID_FILE', `{folder}/sendmail.pid')
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')
define(`confDEF_USER_ID', `0:0')
define(`confDONT_PROBE_INTERFACES', `True')
define(`confDELIVERY_MODE', `{mode}')
define(`confQUEUE_LA', `1000')
define(`confREFUSE_LA', `1000')
define(`confDELAY_LA', `0')
define(`confTO_IDENT', `0s')
define(`confTO_COMMAND', `20s')
define(`confTO_CONNECT', `5s')
define(`confBAD_RCPT_THROTTLE', `0')
define(`confMAX_HEADERS_LENGTH', `0')
define(`confLOG_LEVEL', `9')
define(`confMILTER_LOG_LEVEL', `14')
define(`confDOUBLE_BOUNCE_ADDRESS', `')
define(`SMART_HOST', `esmtp:[127.0.0.1]')
define(`ESMTP_MAILER_ARGS', `TCP $h {sink}')
FEATURE(`no_default_msa')
FEATURE(`nocanonify')
FEATURE(`accept_unresolvable_domains')
FEATURE(`accept_unqualified_senders')
FEATURE(`promiscuous_relay')
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=127.0.0.1, Port={port}')
{ipv6}
INPUT_MAIL_FILTER(`drill', `S=inet:{milter}@127.0.0.1{action}, T={limits}')
{more}
MAILER(`local')
MAILER(`smtp')
"""


def libraries():
    """The folders of what was unpacked with it, for LD_LIBRARY_PATH."""
    return ":".join(found for part in ("lib", "usr/lib")
                    for found in glob.glob(os.path.join(UNPACKED, part, "*-linux-gnu")))


class Sendmail(Mta):
    """`sink`: the port of an SMTP server on loopback that takes what is delivered. `default_action`:
    what it does without a milter, "tempfail", "reject" or "accept" (F=T, F=R, none). `more`: further
    lines of its .mc file. `limits`: T= of the filter. `ipv6`: it listens on ::1, too."""

    name = "sendmail"
    programs = ("m4", "cc")
    preloads = ("syslog", "hostname")

    def __init__(self, sink=None, default_action="tempfail", more="", limits=LIMITS, ipv6=False):
        super().__init__()
        self.limits = limits
        self.sink = sink
        self.action = {"tempfail": ", F=T", "reject": ", F=R", "accept": ""}[default_action]
        self.more = more
        self.ipv6 = ipv6

    @classmethod
    def missing(cls):
        absent = super().missing()
        if not absent and os.geteuid() != 0:
            absent = "sendmail: only root can start it"
        if not absent and not os.access(PROGRAM, os.X_OK):
            absent = "sendmail: not unpacked: ci/peers/sendmail.sh build/peers/sendmail"
        return absent

    @classmethod
    def version(cls):
        with open(PROGRAM, "rb") as program:  # asked, it would want to know its own name first
            found = re.search(rb"\0(8\.\d+\.[\d.]+)\0", program.read())
        return f"Sendmail {found.group(1).decode() if found else '?'}"

    def launch(self):
        os.chmod(self.folder, 0o755)
        self.take_port()
        self.reserve_milter()
        self._configure()
        self.spawn([PROGRAM, "-C", self.path("sendmail.cf"), "-bD"], self._listens,
                   env={"LD_LIBRARY_PATH": libraries()})

    def _listens(self):
        return listens(self.port) and (not self.ipv6 or listens(self.port, "/proc/net/tcp6"))

    def queue_files(self):
        """Names of all files of the queue."""
        return sorted(glob.glob(self.path("queue/*")))

    def lines(self, text):
        """Lines of its log that hold the text."""
        log = tail(self.path("syslog.log"), 5000)
        return [line for line in log.splitlines() if text in line]

    def _configure(self):
        os.mkdir(self.path("queue"), 0o700)
        for name in ("help", "statistics", "aliases"):
            self.write(name, "")
        self.write("service.switch", "hosts files\naliases files\n")
        source = self.write("sendmail.mc", MC.format(
            cf=CF, folder=self.folder, port=self.port, milter=self.milter_port,
            action=self.action, limits=self.limits, sink=self.sink or 9, more=self.more,
            ipv6=IPV6.format(port=self.port) if self.ipv6 else "",
            mode="background" if self.sink else "queueonly"))
        done = subprocess.run([find_program("m4"), f"-D_CF_DIR_={CF}/", source], check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise PeerError(f"m4: {done.stderr}")
        self.write("sendmail.cf", done.stdout)

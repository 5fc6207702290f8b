# SPDX-License-Identifier: MIT
"""amavisd-milter with an amavisd of its own, which scans with SpamAssassin's one rule of spamass.py.

Both run as the user of amavisd's package, which may write in `home` alone: amavisd refuses to run as
root, and to run with a configuration that it could write. No virus scanner, no database, no
quarantine, nothing is looked up.
"""

import os
import pwd
import re
import shutil
import socket
import subprocess

from peers.base import Peer, accepts, find_program, negotiates
from peers.spamass import PLUGINS, RULES

USER = "amavis"

CONF = """\
use strict;
$daemon_user = '{user}';
$daemon_group = '{user}';
$MYHOME = '{home}';
$TEMPBASE = '{home}';
$QUARANTINEDIR = undef;
$db_home = '{home}';
$lock_file = '{home}/amavisd.lock';
$pid_file = '{home}/amavisd.pid';
$myhostname = 'mx.example.com';
$mydomain = 'example.com';
@local_domains_maps = (['.example.com', '.example.org', '.example.net']);
$max_servers = 2;
$enable_db = 0;
$enable_dkim_verification = 0;
$enable_dkim_signing = 0;
$do_syslog = 0;
$logfile = '{folder}/amavisd.log';
$log_level = 1;
@bypass_virus_checks_maps = (1);
@bypass_banned_checks_maps = (1);
@decoders = ();
$sa_local_tests_only = 1;
$sa_configpath = '{folder}/rules';
$sa_siteconfigpath = '{folder}/rules';
$sa_tag_level_deflt = undef;
$sa_tag2_level_deflt = 5;
$sa_kill_level_deflt = 5;
$final_spam_destiny = D_REJECT;
$final_bad_header_destiny = D_PASS;
$spam_quarantine_to = undef;
$bad_header_quarantine_to = undef;
$spam_admin = undef;
$warnbadhsender = 0;
$mailfrom_notify_admin = $mailfrom_notify_recip = $mailfrom_notify_spamadmin = undef;
$notify_method = $forward_method = undef;
$unix_socketname = '{home}/amavisd.sock';
$interface_policy{{'SOCK'}} = 'DRILL';
$policy_bank{{'DRILL'}} = {{ protocol => 'AM.PDP', auth_required_release => 0 }};
1;
"""


def has_user():
    try:
        return bool(pwd.getpwnam(USER))
    except KeyError:
        return False


class AmavisdMilter(Peer):
    """Rejects GTUBE; marks all mail that it has scanned."""

    name = "amavisd-milter"
    programs = ("amavisd-milter", "amavisd", "cc")
    preloads = ("syslog",)

    @classmethod
    def missing(cls):
        absent = super().missing()
        if not absent and os.geteuid() != 0:
            absent = f"{cls.name}: only root can start it as another user"
        if not absent and not has_user():
            absent = f"{cls.name}: no user {USER}"
        return absent

    @classmethod
    def version(cls):
        said = [subprocess.run([find_program(program), option], check=False, capture_output=True,
                               text=True).stdout
                for program, option in (("amavisd-milter", "-v"), ("amavisd", "-V"))]
        found = [re.search(r"[ -](\d\S*)", text) for text in said]
        mine, scanner = [match.group(1) if match else "?" for match in found]
        return f"amavisd-milter {mine} with amavisd-new {scanner}"

    def launch(self):
        os.chmod(self.folder, 0o755)
        self.take_port()
        self.write("rules/init.pre", PLUGINS)
        self.write("rules/drill.cf", RULES)
        conf = self.write("amavisd.conf", CONF.format(folder=self.folder, user=USER,
                                                      home=self.path("home")))
        self._give_away()
        scanner = self.path("home/amavisd.sock")
        self.spawn([find_program("amavisd"), "-c", conf, "foreground"],
                   lambda: accepts(socket.AF_UNIX, scanner), user=USER)
        self.spawn([find_program("amavisd-milter"), "-f", "-s", f"inet:{self.port}@127.0.0.1",
                    "-S", scanner, "-w", self.path("home"),
                    "-p", self.path("home/milter.pid"), "-t", "20", "-T", "20", "-M", "20"],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)), user=USER)

    def _give_away(self):
        """What its user may write."""
        os.mkdir(self.path("home"), 0o750)
        for name in ("home", self.write("amavisd.log", ""), self.write("syslog.log", "")):
            shutil.chown(self.path(name), USER, USER)
